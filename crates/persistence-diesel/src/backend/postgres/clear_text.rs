//! Keeps a password from being sent in clear text. tokio-postgres answers whatever a server asks. It lends its stream to a
//! `TlsConnect`; the one here speaks TLS where that is wanted, and reads along until the server has said how it wants the password.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::wire::Wire;
use crate::backend::ClearTextPassword;
use crate::tls::NotEncrypted;

/// The length of a request for a password in clear text: `R`, its length (4 bytes), and its kind (4 bytes).
const REQUEST: usize = 9;

/// Reads along on the streams of connections.
#[derive(Clone)]
pub(super) struct Watch {
    /// Whether a password may be sent in clear text.
    pub(super) allowed: bool,
    /// How streams are encrypted, if they are.
    pub(super) tls: Option<MakeRustlsConnect>,
}

/// Begins a connection to one host.
pub(super) struct Begin {
    watch: Watch,
    host: String,
}

/// A stream whose first message from the server is looked at. Only as its first one does tokio-postgres take a request for a
/// password.
pub(super) struct Watched<S> {
    stream: S,
    /// The beginning of what the server has sent; as long as a request in the end.
    head: Vec<u8>,
    allowed: bool,
}

impl Watch {
    pub(super) fn to(self, host: &str) -> Begin {
        // An address of IPv6 has brackets in a URL.
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        Begin { watch: self, host: bare.unwrap_or(host).to_owned() }
    }
}

impl MakeTlsConnect<Socket> for Watch {
    type Stream = Watched<Wire<Socket>>;
    type TlsConnect = Begin;
    type Error = Infallible;

    fn make_tls_connect(&mut self, host: &str) -> Result<Begin, Infallible> {
        Ok(self.clone().to(host))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for Begin {
    type Stream = Watched<Wire<S>>;
    type Error = NotEncrypted;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Stream, NotEncrypted>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let Self { watch: Watch { allowed, tls }, host } = self;
        Box::pin(async move {
            let stream = match tls {
                None => Wire::Plain(stream),
                Some(mut tls) => {
                    let Ok(tls) = MakeTlsConnect::<S>::make_tls_connect(&mut tls, &host);
                    let stream = tls.connect(stream).await;
                    let stream =
                        stream.map_err(|error| NotEncrypted::in_the_handshake(&host, &error))?;
                    Wire::Encrypted(Box::new(stream))
                }
            };
            Ok(Watched { stream, head: Vec::new(), allowed })
        })
    }
}

impl<S: TlsStream + Unpin> TlsStream for Watched<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.stream.channel_binding()
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
