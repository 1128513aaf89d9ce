//! What may go wrong with a server. The texts are for logs and health, and hold nothing of what a
//! server or a URL says: either may hold secrets.

use std::fmt;
use std::time::Duration;

use crate::server_url::ServerUrl;

/// Why a server was of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No connection, or it broke.
    #[error("it cannot be reached ({0})")]
    Unreachable(String),
    /// It was too slow, or hangs.
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
    /// More than this many bytes.
    #[error("its answer has more than {0} bytes")]
    TooLarge(usize),
    /// Not what Eureka answers.
    #[error("its answer is not that of a Eureka server ({0})")]
    Garbage(String),
}

impl Failure {
    /// Whether the server itself is out of reach, so that asking it anything else is of no use.
    pub(crate) fn is_out_of_reach(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::TimedOut(_))
    }
}

/// Every server was of no use, each for its reason, in the order in which they were asked.
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
