//! Who a token speaks for.

use std::error::Error;

use async_trait::async_trait;

use crate::caller::{Authority, Caller};

/// Tells whom a token speaks for.
///
/// Laws:
/// * A token that is not proven has no caller: there is no caller without a name.
/// * It makes no call that a client can cause at will: floods of bad tokens cost checks and nothing else.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// The caller that a token of a request (RFC 6750) speaks for.
    async fn caller(&self, token: &str) -> Result<Caller, NotAuthenticated>;

    /// What the issuer calls an authority.
    fn name(&self, authority: Authority) -> &str;
}

/// Why a token has no caller.
#[derive(Debug, thiserror::Error)]
pub enum NotAuthenticated {
    /// It proves nothing. Clients see the sentence alone, which is one of few; the cause is for the log.
    #[error("{0}")]
    Invalid(&'static str, #[source] Box<dyn Error + Send + Sync>),
    /// It cannot be checked now, because the keys of the issuer are not known yet.
    #[error("tokens cannot be checked yet")]
    Unavailable,
}
