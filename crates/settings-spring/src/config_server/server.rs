//! A config server: its URL, shown without the credentials, and what may go wrong with it. The texts
//! of failures repeat nothing of a server's answer: it may hold secrets.

use std::fmt;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use reqwest::Url;
use secrecy::SecretString;

use crate::values::{self, Fault, Read};

/// The URL of a config server. It is shown without its credentials.
#[derive(Clone)]
pub struct Server {
    /// The URL without credentials.
    url: Url,
    /// The user and the password: those of the URL, or those that a registry knows.
    credentials: Option<(String, SecretString)>,
}

/// Why a server gave no settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// There was no connection, or it broke.
    #[error("it cannot be reached ({0})")]
    Unreachable(String),
    /// The answer was not complete in time.
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
    /// Any other status but success.
    #[error("it answered {0}")]
    Status(u16),
    /// A page of a proxy or of a login.
    #[error("it answered with a page (text/html), as no config server does")]
    Page,
    /// The answer has more than this many bytes.
    #[error("its answer has more than {0} bytes")]
    TooLarge(usize),
    /// The answer is not a document, for this reason.
    #[error("its answer is not that of a config server ({0})")]
    Garbage(String),
    /// The document is too large for settings, for this reason.
    #[error("its document is not taken: {0}")]
    Excessive(&'static str),
}

/// Why no server gave settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failures {
    /// Each server with its failure, in the order in which they were asked.
    Servers(Vec<(String, Failure)>),
    /// No server was asked, for this reason.
    NoServer(String),
}

impl Server {
    /// The server of this `http:` or `https:` URL, which may carry credentials.
    ///
    /// # Errors
    /// A [`Fault`] if the text is not such a URL, or has a query or a fragment.
    pub fn parse(text: &str) -> Read<Self> {
        values::http_url(text)?;
        let mut url = Url::parse(text).map_err(|_| Fault::SHAPE)?;
        if url.query().is_some() || url.fragment().is_some() {
            let reason = "the URL of a config server has parameters in spring.config.import alone";
            return Err(Fault::because(reason));
        }
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let username = decoded(url.username());
        let password = url.password().map(decoded);
        let credentials = (password.is_some() || !username.is_empty())
            .then(|| (username, SecretString::from(password.unwrap_or_default())));
        // Neither fails for a URL with a host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.path_segments_mut().map_err(|()| Fault::SHAPE)?.pop_if_empty();
        Ok(Self { url, credentials })
    }

    /// The server with other credentials: those that a registry knows.
    #[must_use]
    pub fn with_credentials(self, username: String, password: SecretString) -> Self {
        Self { credentials: Some((username, password)), ..self }
    }

    /// The user and the password with which the server is asked.
    #[must_use]
    pub fn credentials(&self) -> Option<(&str, &SecretString)> {
        self.credentials.as_ref().map(|(username, password)| (username.as_str(), password))
    }

    /// The URL below the server's own for these path segments; each is escaped.
    pub(super) fn at(&self, segments: &[&str]) -> Url {
        let mut url = self.url.clone();
        // An http URL always has a path.
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
    /// Whether asking again may help.
    fn may_pass(&self) -> bool {
        !matches!(
            self,
            Self::Unauthorized
                | Self::Forbidden
                | Self::NotFound
                | Self::TooLarge(_)
                | Self::Excessive(_)
        )
    }
}

impl Failures {
    /// Whether asking all servers again may help.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Servers(all) => all.iter().any(|(_, failure)| failure.may_pass()),
            Self::NoServer(_) => true,
        }
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = match self {
            Self::NoServer(reason) => return f.write_str(reason),
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
        let (username, password) = server.credentials().unwrap();
        assert_eq!((username, password.expose_secret()), ("ann", "p@ss"));
        assert!(Server::parse("http://h").unwrap().credentials().is_none());
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
