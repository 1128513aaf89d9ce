//! What goes wrong.

use std::error;
use std::fmt;
use std::marker::PhantomData;

/// What can go wrong with a [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Why there is no connector, or no connection. Its source is the error of rustls, or of the socket.
#[derive(Debug)]
pub struct Error(Box<dyn error::Error + Send + Sync>);

impl Error {
    pub(crate) fn new(cause: impl error::Error + Send + Sync + 'static) -> Self {
        Self(Box::new(cause))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TLS failed")
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&*self.0)
    }
}

impl From<rustls::Error> for Error {
    fn from(cause: rustls::Error) -> Self {
        Self::new(cause)
    }
}

/// Part of the interface alone: a handshake fails with an [`Error`].
#[derive(Debug)]
pub struct HandshakeError<S>(Error, PhantomData<S>);

impl<S> fmt::Display for HandshakeError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<S: fmt::Debug> error::Error for HandshakeError<S> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.0.source()
    }
}
