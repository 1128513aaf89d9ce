//! The bytes of a connection on their way to the socket and from it, plain or over TLS. What the client takes is counted
//! below TLS: what TLS keeps for the socket is not taken yet.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::web::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::state::State;

/// A socket whose connection knows what the client takes.
pub(super) struct Wire {
    pub(super) tcp: TcpStream,
    state: Rc<State>,
}

/// A stream of bytes over TCP.
pub(super) enum Stream {
    Plain(Wire),
    Tls(Box<TlsStream<Wire>>),
}

impl Wire {
    pub(super) fn new(tcp: TcpStream, state: Rc<State>) -> Self {
        Self { tcp, state }
    }

    fn note(&self, cx: &Context<'_>, written: &Poll<io::Result<usize>>, given: usize) {
        match written {
            Poll::Ready(Ok(taken)) => self.state.took(*taken, *taken == given),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                self.state.blocked();
                self.state.keep(cx.waker());
            }
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write(cx, bytes);
        self.note(cx, &written, bytes.len());
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let given = pieces.iter().map(|piece| piece.len()).fold(0, usize::saturating_add);
        let written = Pin::new(&mut self.tcp).poll_write_vectored(cx, pieces);
        self.note(cx, &written, given);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

impl Stream {
    /// The connection below.
    pub(super) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(wire) => &wire.tcp,
            Self::Tls(stream) => &stream.get_ref().0.tcp,
        }
    }

    /// Waits until the client has closed its side (true) or has sent something (false). TLS tells one from the other in
    /// its own bytes, so one byte of what it carries is read, into `held`.
    pub(super) fn poll_gone(
        &mut self,
        cx: &mut Context<'_>,
        held: &mut BytesMut,
    ) -> Poll<io::Result<bool>> {
        let mut byte = [0];
        let mut buf = ReadBuf::new(&mut byte);
        match self {
            Self::Plain(wire) => wire.tcp.poll_peek(cx, &mut buf).map_ok(|seen| seen == 0),
            Self::Tls(_) => {
                ready!(Pin::new(self).poll_read(cx, &mut buf))?;
                held.extend_from_slice(buf.filled());
                Poll::Ready(Ok(buf.filled().is_empty()))
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(wire) => Pin::new(wire).poll_read(cx, buf),
            Self::Tls(stream) => match ready!(Pin::new(stream).poll_read(cx, buf)) {
                // A client that closes without TLS's own word for it has closed. Requests say themselves where they end,
                // so none can be cut short this way.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
                read => Poll::Ready(read),
            },
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(wire) => Pin::new(wire).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(wire) => Pin::new(wire).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(wire) => Pin::new(wire).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
