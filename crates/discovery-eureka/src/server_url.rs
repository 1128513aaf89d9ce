//! The URL of a Eureka server, which never shows its credentials.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

/// The URL of a Eureka server, such as `http://user:password@host:8761/eureka`. It is shown without
/// the credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl(Url);

/// A text is not the URL of a server. The error does not repeat it, because it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a Eureka server is named by an http:// or https:// URL")]
pub struct BadServerUrl;

impl FromStr for ServerUrl {
    type Err = BadServerUrl;

    fn from_str(text: &str) -> Result<Self, BadServerUrl> {
        let mut url = Url::parse(text.trim()).map_err(|_| BadServerUrl)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(BadServerUrl);
        }
        url.set_query(None);
        url.set_fragment(None);
        url.path_segments_mut().map_err(|()| BadServerUrl)?.pop_if_empty();
        Ok(Self(url))
    }
}

impl ServerUrl {
    /// The URL of a resource of this server. Each segment is escaped. The URL carries the
    /// credentials, which the HTTP client turns into a header.
    pub(crate) fn at(&self, segments: &[&str]) -> Url {
        let mut url = self.0.clone();
        // Any http URL has a path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(segments);
        }
        url
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The host as a resolver takes it, and the port.
    pub(crate) fn host_and_port(&self) -> (&str, u16) {
        let host = self.0.host_str().unwrap_or_default();
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        (bare, self.0.port_or_known_default().unwrap_or_default())
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        // Neither fails for a URL with a host.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        shown.fmt(f)
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> ServerUrl {
        text.parse().unwrap()
    }

    #[test]
    fn credentials_are_never_shown() {
        let server = server("https://ann:s3cret@h:8761/eureka/?sig=s3cret");
        assert_eq!(server.to_string(), "https://h:8761/eureka");
        assert_eq!(format!("{server:?}"), "ServerUrl(https://h:8761/eureka)");
        assert!(server.at(&[]).as_str().contains("ann:s3cret@"));
    }

    #[test]
    fn what_is_no_url_of_a_server_is_refused() {
        for wrong in ["", "h:8761", "ftp://h/eureka", "http://", "/eureka", "file:///eureka"] {
            assert_eq!(wrong.parse::<ServerUrl>(), Err(BadServerUrl), "{wrong}");
        }
    }

    #[test]
    fn paths_are_escaped_whatever_is_in_them() {
        let url = server("http://h/eureka/").at(&["apps", "A B", "h:a/b?c#d:8082"]);
        assert_eq!(url.as_str(), "http://h/eureka/apps/A%20B/h:a%2Fb%3Fc%23d:8082");
    }

    #[test]
    fn hosts_are_found_for_the_resolver() {
        assert_eq!(server("http://[::1]:8761/e").host_and_port(), ("::1", 8761));
        assert_eq!(server("https://h/e").host_and_port(), ("h", 443));
    }
}
