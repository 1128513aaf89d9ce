//! Keeps a password from being sent in clear text. tokio-postgres answers whatever a server asks. It lends its stream to a
//! `TlsConnect`; the one here speaks no TLS, and reads along until the server has said how it wants the password.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};

use crate::backend::ClearTextPassword;

/// The length of a request for a password in clear text: `R`, its length (4 bytes), and its kind (4 bytes).
const REQUEST: usize = 9;

/// Reads along on the streams of connections.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watch {
    /// Whether a password may be sent in clear text.
    pub(super) allowed: bool,
}

/// A stream whose first message from the server is looked at. Only as its first one does tokio-postgres take a request for a
/// password.
pub(super) struct Watched<S> {
    stream: S,
    /// The beginning of what the server has sent; as long as a request in the end.
    head: Vec<u8>,
    allowed: bool,
}

impl MakeTlsConnect<Socket> for Watch {
    type Stream = Watched<Socket>;
    type TlsConnect = Self;
    type Error = Infallible;

    fn make_tls_connect(&mut self, _: &str) -> Result<Self, Infallible> {
        Ok(*self)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsConnect<S> for Watch {
    type Stream = Watched<S>;
    type Error = Infallible;
    type Future = Ready<Result<Watched<S>, Infallible>>;

    fn connect(self, stream: S) -> Self::Future {
        ready(Ok(Watched { stream, head: Vec::new(), allowed: self.allowed }))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Watched<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let known = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let missing = REQUEST.saturating_sub(self.head.len());
        if missing > 0 {
            let new = buffer.filled().get(known..).unwrap_or_default();
            self.head.extend(new.iter().take(missing));
            if !self.allowed && matches!(*self.head, [b'R', _, _, _, _, 0, 0, 0, 3]) {
                return Poll::Ready(Err(io::Error::other(ClearTextPassword)));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
