//! The bytes of a connection, between its socket and the HTTP library. Bytes are read when there is room for them
//! alone, and few requests at a time, because the library decodes all that it gets, at 11 KiB a request.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::web::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::Reason;
use super::handshake::shake_hands;
use super::heads::Heads;
use super::state::State;
use super::stream::{Stream, Wire};
use super::worker::{TakenUp, Worker};
use crate::tls::Tls;

/// How many heads the library gets before it is asked to deal with them.
const MOST_HEADS: usize = 4;
/// What a client gets that asks whether to send its body.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// What a client gets whose head is late.
const LATE_HEAD: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// A connection that its worker has taken up.
pub(crate) struct Opened {
    tcp: TcpStream,
    known: TakenUp,
}

/// See the head of the file.
pub(crate) struct Connection {
    stream: Stream,
    known: TakenUp,
    heads: Heads,
    /// How many heads the library has got since it last waited.
    given: usize,
    /// What was read behind these heads.
    held: BytesMut,
}

impl Opened {
    /// Has a connection taken up by a worker, if there is room for it.
    pub(crate) fn by(worker: &Rc<Worker>, tcp: TcpStream) -> Option<Self> {
        // Answers are written as a whole; waiting for more would delay their ends.
        let _ = tcp.set_nodelay(true);
        let peer = tcp.peer_addr().ok().map(|peer| peer.ip());
        let known = worker.take_up(peer)?;
        Some(Self { tcp, known })
    }

    /// Begins to speak: over TLS after a handshake.
    pub(crate) async fn begin(self, tls: Option<&Tls>) -> io::Result<Connection> {
        let Self { tcp, known } = self;
        let wire = Wire::new(tcp, Rc::clone(&known.state));
        let stream = match tls {
            None => Stream::Plain(wire),
            Some(tls) => shake_hands(wire, &known.state, known.turns(), tls).await?,
        };
        let (heads, held) = (Heads::default(), BytesMut::new());
        Ok(Connection { stream, known, heads, given: 0, held })
    }
}

impl Connection {
    /// What the connection is doing.
    pub(crate) fn state(&self) -> Rc<State> {
        Rc::clone(&self.known.state)
    }

    fn give(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.known.state.is_over() {
            return Poll::Ready(Ok(()));
        }
        if !self.known.state.may_read() {
            return self.watch(cx);
        }
        let Some(room) = MOST_HEADS.checked_sub(self.given).filter(|room| *room > 0) else {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        let (bytes, heads) = if self.held.is_empty() {
            let before = buf.filled().len();
            ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
            let came = buf.filled().get(before..).unwrap_or_default();
            if came.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let (bytes, heads) = self.heads.pass(came, room);
            self.held.extend_from_slice(came.get(bytes..).unwrap_or_default());
            buf.set_filled(before.saturating_add(bytes));
            (bytes, heads)
        } else {
            let fits = self.held.len().min(buf.remaining());
            let (bytes, heads) = self.heads.pass(self.held.get(..fits).unwrap_or_default(), room);
            buf.put_slice(&self.held.split_to(bytes));
            (bytes, heads)
        };
        self.given = self.given.saturating_add(heads);
        self.known.state.came(bytes, self.heads.is_within());
        Poll::Ready(Ok(()))
    }

    /// Waits until the client is gone, without reading.
    fn watch(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.held.is_empty() {
            self.known.state.hold_back();
        }
        if self.known.state.is_held_back() {
            return Poll::Pending;
        }
        if ready!(self.stream.poll_gone(cx, &mut self.held))? {
            return Poll::Ready(Ok(()));
        }
        self.known.state.hold_back();
        Poll::Pending
    }

    /// Ends a connection that is to be closed.
    fn end(&mut self, cx: &mut Context<'_>, reason: Reason) -> io::Error {
        match reason {
            Reason::Head if !self.known.state.has_unsent() => {
                // Nothing else is being written. A client that does not take it loses it.
                let _ = Pin::new(&mut self.stream).poll_write(cx, LATE_HEAD);
            }
            // What the client does not take is not kept for it by the system either.
            Reason::Answer | Reason::Body => drop(self.stream.tcp().set_zero_linger()),
            _ => {}
        }
        io::ErrorKind::TimedOut.into()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(reason) = this.known.state.closing() {
            return Poll::Ready(Err(this.end(cx, reason)));
        }
        let given = this.give(cx, buf);
        if given.is_pending() {
            this.given = 0;
            this.known.state.keep(cx.waker());
        }
        given
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Some(reason) = this.known.state.closing() {
            return Poll::Ready(Err(this.end(cx, reason)));
        }
        // The library writes this before it asks the service; and both at once, when the service answers at once. Then the
        // head has decided, and the body is not to be sent (RFC 9110, section 10.1.1).
        let answer = bytes.strip_prefix(CONTINUE).filter(|answer| !answer.is_empty());
        let answer = answer.filter(|_| this.known.state.asks_first());
        let (bytes, skipped) = answer.map_or((bytes, 0), |answer| (answer, CONTINUE.len()));
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        if written.is_ready() {
            this.known.state.wrote();
        }
        written.map_ok(|taken| taken.saturating_add(skipped))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
