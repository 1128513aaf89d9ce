//! The Eureka servers: their URLs, whose credentials nobody sees, and which of them is asked: the
//! one that answered last, the next one when it fails, and now and then the first one again.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use tokio::time::Instant;

use crate::failure::{Failure, Failures};

/// The URL of a Eureka server, such as `http://user:password@host:8761/eureka`. It is shown without
/// the credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl(Url);

/// A text is not the URL of a server. It does not repeat the text, which may hold a password.
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
    /// The URL of something on this server. Each segment is escaped. The credentials are in it, for
    /// the HTTP client to take out.
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
        // Neither can fail where there is a host.
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

/// All servers, and which of them is asked first.
#[derive(Debug)]
pub(crate) struct Servers {
    all: Arc<[ServerUrl]>,
    current: usize,
    /// Since when it is not the first, as far as it has been tried.
    away_since: Instant,
    return_after: Duration,
}

impl Servers {
    pub(crate) fn new(all: &[ServerUrl], return_after: Duration) -> Self {
        Self { all: all.into(), current: 0, away_since: Instant::now(), return_after }
    }

    /// Begins to ask one server after the other until one of them is of use.
    pub(crate) fn round(&self) -> Round {
        let go_home = self.away_since.elapsed() >= self.return_after;
        let first = if go_home { 0 } else { self.current };
        Round { all: Arc::clone(&self.all), first, failures: Vec::new() }
    }

    /// Stays with the server at which a round has ended.
    pub(crate) fn settle(&mut self, round: &Round) {
        let was_home = self.current == 0;
        let went_home = round.first == 0;
        if was_home || went_home {
            self.away_since = Instant::now();
        }
        self.current = round.position();
    }
}

/// One after the other is asked.
#[derive(Debug)]
pub(crate) struct Round {
    all: Arc<[ServerUrl]>,
    first: usize,
    failures: Vec<(ServerUrl, Failure)>,
}

impl Round {
    /// Whose turn it is.
    pub(crate) fn server(&self) -> Option<ServerUrl> {
        let is_over = self.failures.len() >= self.all.len();
        self.all.get(self.position()).filter(|_| !is_over).cloned()
    }

    /// It is the next one's turn.
    pub(crate) fn failed(&mut self, server: ServerUrl, failure: Failure) {
        self.failures.push((server, failure));
    }

    pub(crate) fn into_failures(self) -> Failures {
        Failures(self.failures)
    }

    fn position(&self) -> usize {
        let passed = self.first.saturating_add(self.failures.len());
        passed.checked_rem(self.all.len()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(texts: &[&str]) -> Vec<ServerUrl> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn credentials_are_never_shown() {
        let server: ServerUrl = "https://ann:s3cret@h:8761/eureka/?sig=s3cret".parse().unwrap();
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
        let [server] = &servers(&["http://h/eureka/"])[..] else { panic!("one") };
        let url = server.at(&["apps", "A B", "h:a/b?c#d:8082"]);
        assert_eq!(url.as_str(), "http://h/eureka/apps/A%20B/h:a%2Fb%3Fc%23d:8082");
    }

    #[test]
    fn hosts_are_found_for_the_resolver() {
        let [v6, name] = &servers(&["http://[::1]:8761/e", "https://h/e"])[..] else { panic!() };
        assert_eq!(v6.host_and_port(), ("::1", 8761));
        assert_eq!(name.host_and_port(), ("h", 443));
    }

    /// Which servers are asked when some of them are down.
    fn asked(servers: &mut Servers, down: &[&str]) -> Vec<String> {
        let mut asked = Vec::new();
        let mut round = servers.round();
        while let Some(server) = round.server() {
            let name = server.host_and_port().0.to_owned();
            let is_down = down.contains(&&*name);
            asked.push(name);
            if !is_down {
                servers.settle(&round);
                break;
            }
            round.failed(server, Failure::Status(500));
        }
        asked
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_server_is_asked_and_kept_and_the_first_one_tried_again_later() {
        let all = servers(&["http://a", "http://b", "http://c"]);
        let minute = Duration::from_mins(1);
        let mut servers = Servers::new(&all, minute * 5);
        assert_eq!(asked(&mut servers, &[]), ["a"]);
        tokio::time::advance(minute * 10).await;
        assert_eq!(asked(&mut servers, &["a", "b"]), ["a", "b", "c"]);
        assert_eq!(asked(&mut servers, &["c"]), ["c", "a"]);
        assert_eq!(asked(&mut servers, &["a"]), ["a", "b"]);
        tokio::time::advance(minute * 4).await;
        assert_eq!(asked(&mut servers, &[]), ["b"]);
        tokio::time::advance(minute).await;
        assert_eq!(asked(&mut servers, &["a"]), ["a", "b"], "it is time to try the first");
        assert_eq!(asked(&mut servers, &[]), ["b"], "but not every time");
        tokio::time::advance(minute * 5).await;
        assert_eq!(asked(&mut servers, &[]), ["a"]);
        assert_eq!(asked(&mut servers, &["a", "b", "c"]), ["a", "b", "c"]);
    }
}
