//! Why a token is refused, and what is said about it: to the client one of a few sentences, to the log the cause, to the
//! metrics the reason. None of them repeats a part of the token.

use order_app::ports::NotAuthenticated;

/// A token that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token is refused: {cause}")]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    cause: &'static str,
}

/// The reasons that clients and metrics tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It is no signed token at all.
    Malformed,
    /// Its algorithm, or a part of its header, is not taken.
    Header,
    /// There is no key for it.
    Key,
    /// The key has not signed it.
    Signature,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    Early,
    /// Another issuer has made it.
    Issuer,
    /// It is for others.
    Audience,
    /// A claim is missing, or says nothing that can be used.
    Claims,
    /// Keys are not known yet.
    Unavailable,
}

impl Refusal {
    pub(crate) const fn new(reason: Reason, cause: &'static str) -> Self {
        Self { reason, cause }
    }
}

impl Reason {
    pub(crate) const ALL: [Self; 10] = [
        Self::Malformed,
        Self::Header,
        Self::Key,
        Self::Signature,
        Self::Expired,
        Self::Early,
        Self::Issuer,
        Self::Audience,
        Self::Claims,
        Self::Unavailable,
    ];

    /// The name in metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Header => "header",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Expired => "expired",
            Self::Early => "early",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Claims => "claims",
            Self::Unavailable => "unavailable",
        }
    }

    /// What a client reads in `error_description`: Spring's sentence, where that is always the same.
    const fn description(self) -> &'static str {
        match self {
            Self::Malformed => {
                "An error occurred while attempting to decode the Jwt: Malformed token"
            }
            Self::Header | Self::Key => {
                "An error occurred while attempting to decode the Jwt: Signed JWT rejected: Another algorithm expected, or \
                 no matching key(s) found"
            }
            Self::Signature => {
                "An error occurred while attempting to decode the Jwt: Signed JWT rejected: Invalid signature"
            }
            Self::Expired => "An error occurred while attempting to decode the Jwt: Jwt expired",
            Self::Early => {
                "An error occurred while attempting to decode the Jwt: Jwt used too early"
            }
            Self::Issuer => {
                "An error occurred while attempting to decode the Jwt: The iss claim is not valid"
            }
            Self::Audience => {
                "An error occurred while attempting to decode the Jwt: The aud claim is not valid"
            }
            Self::Claims | Self::Unavailable => {
                "An error occurred while attempting to decode the Jwt: Malformed payload"
            }
        }
    }
}

impl From<Refusal> for NotAuthenticated {
    fn from(refusal: Refusal) -> Self {
        match refusal.reason {
            Reason::Unavailable => Self::Unavailable,
            reason => Self::Invalid(reason.description(), refusal.into()),
        }
    }
}
