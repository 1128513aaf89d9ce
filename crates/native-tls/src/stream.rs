//! Encrypted streams. The socket below is three layers down, which is the shape of the interface.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use crate::{Error, Result, TlsConnector};

/// Begins connections on streams of tokio.
#[derive(Clone)]
pub struct Connector(tokio_rustls::TlsConnector);

impl From<TlsConnector> for Connector {
    fn from(connector: TlsConnector) -> Self {
        Self(Arc::clone(connector.config()).into())
    }
}

impl Connector {
    /// Shakes hands with a server; `host` is its name, or its address.
    ///
    /// # Errors
    /// [`Error`] when the server is not who it should be, or the stream fails.
    pub async fn connect<S>(&self, host: &str, stream: S) -> Result<Encrypted<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = ServerName::try_from(bare(host)).map_err(Error::new)?.to_owned();
        let stream = self.0.connect(name, Below(stream)).await.map_err(Error::new)?;
        Ok(Encrypted(Session(stream)))
    }
}

/// An address of IPv6 without the brackets that it has in a URL.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// An encrypted stream.
#[derive(Debug)]
pub struct Encrypted<S>(Session<S>);

/// The TLS of an encrypted stream.
#[derive(Debug)]
pub struct Session<S>(TlsStream<Below<S>>);

/// The stream below.
#[derive(Debug)]
pub struct Below<S>(S);

impl<S> Encrypted<S> {
    /// Its TLS.
    pub fn get_ref(&self) -> &Session<S> {
        &self.0
    }

    /// Its TLS.
    pub fn get_mut(&mut self) -> &mut Session<S> {
        &mut self.0
    }
}

impl<S> Session<S> {
    /// What is below.
    pub fn get_ref(&self) -> &Below<S> {
        self.0.get_ref().0
    }

    /// What is below.
    pub fn get_mut(&mut self) -> &mut Below<S> {
        self.0.get_mut().0
    }
}

impl<S> Below<S> {
    /// The stream itself.
    pub fn get_ref(&self) -> &S {
        &self.0
    }

    /// The stream itself.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.0
    }
}

/// Makes a layer a stream, by what it is laid upon.
macro_rules! passes_on {
    ($layer:ident, $($below:tt).+) => {
        impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for $layer<S> {
            fn poll_read(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                Pin::new(&mut self.$($below).+).poll_read(context, buffer)
            }
        }

        impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for $layer<S> {
            fn poll_write(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.$($below).+).poll_write(context, bytes)
            }

            fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.$($below).+).poll_flush(context)
            }

            fn poll_shutdown(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                Pin::new(&mut self.$($below).+).poll_shutdown(context)
            }
        }
    };
}

passes_on!(Encrypted, 0.0);
passes_on!(Below, 0);
