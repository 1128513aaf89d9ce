//! What is expected of tokens, and where the keys come from that check them.

use order_app::caller::Authority;
use reqwest::Url;

use crate::algorithm::Algorithm;
use crate::keys::NoKeys;

/// What is expected of tokens.
#[derive(Debug, Clone)]
pub struct JwtSettings {
    /// Where the keys come from.
    pub keys: KeySource,
    /// What `iss` must be, compared as text; `None`: it is not looked at.
    pub issuer: Option<String>,
    /// Of which `aud` must name one; `None`: any will do, also none.
    pub audiences: Option<Vec<String>>,
    /// The algorithms that are allowed.
    pub algorithms: Vec<Algorithm>,
    /// Which claims are read.
    pub claims: ClaimNames,
    /// How a text of several authorities is divided.
    pub delimiter: Delimiter,
    /// What is put before each authority of a token.
    pub prefix: String,
    /// The authorities that are asked for, with the prefix.
    pub authorities: AuthorityNames,
    /// Whether keys may be fetched over plain HTTP from another host than this one. Who sits between can then sign
    /// tokens.
    pub plain_http: bool,
}

/// Where keys come from.
#[derive(Clone)]
pub enum KeySource {
    /// From the address that the issuer's metadata names. The metadata are at the issuer's own address, as RFC 8414 and
    /// `OpenID` Connect Discovery say.
    Issuer(Url),
    /// From a JWK set at an address.
    Set(Url),
    /// From a PEM file with a public RSA key; this is its content.
    File(Vec<u8>),
}

/// The names of claims. A name with dots is first looked for as it is, then as a path through objects.
#[derive(Debug, Clone)]
pub struct ClaimNames {
    /// The claim with authorities: a text with several of them, or a list. `None`: `scope`, and without it `scp`.
    pub authorities: Option<String>,
    /// The claim that says who asks.
    pub principal: String,
    /// The claim with the number of the customer to whose orders the caller is limited.
    pub customer: String,
}

/// How a text of several authorities is divided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delimiter {
    /// By a text.
    Text(String),
    /// By any white space.
    Blank,
}

/// The names of authorities.
#[derive(Debug, Clone)]
pub struct AuthorityNames {
    /// Of [`Authority::Read`].
    pub read: String,
    /// Of [`Authority::Write`].
    pub write: String,
    /// Of [`Authority::Fulfil`].
    pub fulfil: String,
    /// Of [`Authority::Any`].
    pub any: String,
    /// Of [`Authority::Admin`].
    pub admin: String,
    /// Of [`Authority::Metrics`].
    pub metrics: String,
}

/// Why tokens cannot be checked at all.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The address of the keys is one that may not be used.
    #[error("keys are fetched over https://, or over http:// from this machine alone")]
    PlainHttp,
    /// The file has no key.
    #[error(transparent)]
    Keys(#[from] NoKeys),
    /// There is no client to fetch keys with.
    #[error("no HTTP client can be made")]
    Client(#[source] reqwest::Error),
}

impl AuthorityNames {
    pub(crate) fn of(&self, authority: Authority) -> &str {
        match authority {
            Authority::Read => &self.read,
            Authority::Write => &self.write,
            Authority::Fulfil => &self.fulfil,
            Authority::Any => &self.any,
            Authority::Admin => &self.admin,
            Authority::Metrics => &self.metrics,
        }
    }
}

impl Delimiter {
    pub(crate) fn split<'a>(&'a self, text: &'a str) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        match self {
            Self::Text(by) => Box::new(text.split(by.as_str())),
            Self::Blank => Box::new(text.split_whitespace()),
        }
    }
}

/// An address may carry credentials, so it is not shown.
impl std::fmt::Debug for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Issuer(_) => "Issuer",
            Self::Set(_) => "Set",
            Self::File(_) => "File",
        })
    }
}
