//! What may go wrong with servers. The texts are for logs and health, and repeat nothing of what a
//! server or a URL says: either may hold secrets.

use std::fmt;
use std::time::Duration;

use crate::server_url::ServerUrl;

/// Why no server can be asked.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings name none.
    #[error("no Eureka server is named")]
    NoServers,
    /// Most likely this machine has no certificates to check a server's against.
    #[error("no HTTP client can be made for Eureka: {0}")]
    Client(String),
}

/// Why a server was of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No connection, or it broke.
    #[error("it cannot be reached ({0})")]
    Unreachable(String),
    /// It did not answer in time.
    #[error("it did not answer within {0:?}")]
    TimedOut(Duration),
    /// 401.
    #[error("it does not accept the credentials (401)")]
    Unauthorized,
    /// 403.
    #[error("it does not allow this (403)")]
    Forbidden,
    /// Any other answer but success.
    #[error("it answered {0}")]
    Status(u16),
    /// Its answer has more than this many bytes.
    #[error("its answer has more than {0} bytes")]
    TooLarge(usize),
    /// Not what Eureka answers.
    #[error("its answer is not that of a Eureka server ({0})")]
    Garbage(String),
}

impl Failure {
    /// Whether the server is out of reach, so that any other question to it would fail, too.
    pub(crate) fn is_out_of_reach(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::TimedOut(_))
    }
}

/// Why each server was of no use, in the order in which they were asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failures(pub Vec<(ServerUrl, Failure)>);

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (server, failure)) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}{server}: {failure}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failures {}
