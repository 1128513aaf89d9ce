//! A config server: its URL, whose credentials nobody sees, and what may go wrong with it. The
//! texts are for operators, and hold nothing of what a server says: its answers hold secrets.

use std::fmt;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use reqwest::Url;
use secrecy::SecretString;

use crate::settings::values::{self, Fault, Read};

/// The URL of a config server. It is shown without the credentials.
#[derive(Clone)]
pub struct Server {
    /// Without credentials.
    url: Url,
    /// From the URL, or from where the server was found.
    pub(super) credentials: Option<Credentials>,
}

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    /// The user.
    pub(crate) username: String,
    /// The password.
    pub(crate) password: SecretString,
}

/// Why a server was of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// No connection, or it broke.
    #[error("it cannot be reached ({0})")]
    Unreachable(String),
    /// It was too slow, or hangs.
    #[error("it did not answer in full within {0:?}")]
    TimedOut(Duration),
    /// 401.
    #[error("it does not accept the credentials (401)")]
    Unauthorized,
    /// 403.
    #[error("it does not allow this (403)")]
    Forbidden,
    /// 404.
    #[error("it has no such application, profile or label, or is no config server (404)")]
    NotFound,
    /// Any other answer but success.
    #[error("it answered {0}")]
    Status(u16),
    /// A page for people, as from a proxy or a login.
    #[error("it answered with a page (text/html), as no config server does")]
    Page,
    /// More than this many bytes.
    #[error("its answer has more than {0} bytes")]
    TooLarge(usize),
    /// Not what a config server answers.
    #[error("its answer is not that of a config server ({0})")]
    Garbage(String),
}

/// Nobody gave settings, each for its reason, in the order in which they were asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failures {
    /// There were servers to ask.
    Servers(Vec<(String, Failure)>),
    /// There was nobody to ask, for this reason.
    Nobody(String),
}

impl Server {
    /// Reads a URL, which may carry credentials.
    pub(crate) fn parse(text: &str) -> Read<Self> {
        values::http_url(text)?;
        let mut url = Url::parse(text).map_err(|_| Fault::SHAPE)?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(Fault::because("parameters in the URL of a config server are not known"));
        }
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let username = decoded(url.username());
        let password = url.password().map(decoded);
        let credentials = (password.is_some() || !username.is_empty()).then(|| Credentials {
            username,
            password: SecretString::from(password.unwrap_or_default()),
        });
        // Neither can fail where there is a host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.path_segments_mut().map_err(|()| Fault::SHAPE)?.pop_if_empty();
        Ok(Self { url, credentials })
    }

    /// The address of something on this server; each segment is escaped.
    pub(super) fn at(&self, segments: &[&str]) -> Url {
        let mut url = self.url.clone();
        // Any http URL has a path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(segments);
        }
        url
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.url.scheme() == "https"
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({self})")
    }
}

impl Failure {
    /// Whether asking again may help. A wrong password does not become right by repetition.
    fn may_pass(&self) -> bool {
        !matches!(self, Self::Unauthorized | Self::Forbidden | Self::NotFound | Self::TooLarge(_))
    }
}

impl Failures {
    /// Whether asking everybody again may help.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Servers(all) => all.iter().any(|(_, failure)| failure.may_pass()),
            Self::Nobody(_) => true,
        }
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = match self {
            Self::Nobody(reason) => return f.write_str(reason),
            Self::Servers(all) => all,
        };
        for (at, (server, failure)) in all.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}{server}: {failure}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn credentials_are_taken_out_of_the_url() {
        let server = Server::parse("https://ann:p%40ss@h:8888/config/").unwrap();
        assert_eq!(server.to_string(), "https://h:8888/config");
        assert_eq!(format!("{server:?}").matches("p%40ss").count(), 0);
        let Credentials { username, password } = server.credentials.clone().unwrap();
        assert_eq!((username.as_str(), password.expose_secret()), ("ann", "p@ss"));
        assert!(Server::parse("http://h").unwrap().credentials.is_none());
    }

    #[test]
    fn addresses_are_escaped_whatever_is_in_them() {
        let server = Server::parse("http://h/config").unwrap();
        let url = server.at(&["a b/c", "prod,eu", "feat(_)x?"]);
        assert_eq!(url.as_str(), "http://h/config/a%20b%2Fc/prod,eu/feat(_)x%3F");
    }

    #[test]
    fn what_is_no_config_server_is_refused() {
        for wrong in ["", "h:8888", "ftp://h", "http://", "http://h?fail-fast=true", "http://h/#x"]
        {
            assert!(Server::parse(wrong).is_err(), "{wrong}");
        }
    }
}
