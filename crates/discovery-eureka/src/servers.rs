//! Which Eureka server is asked: the one that answered last, the next one when it fails, and now and
//! then the first one again.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::failure::{Failure, Failures};
use crate::server_url::ServerUrl;

/// All servers, and which of them is asked first.
#[derive(Debug)]
pub(crate) struct Servers {
    all: Arc<[ServerUrl]>,
    current: usize,
    /// When the first one was last in use or last tried.
    away_since: Instant,
    return_after: Duration,
}

impl Servers {
    pub(crate) fn new(all: &[ServerUrl], return_after: Duration) -> Self {
        Self { all: all.into(), current: 0, away_since: Instant::now(), return_after }
    }

    /// Begins to ask one server after the other, until one answers.
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

/// One pass over the servers.
#[derive(Debug)]
pub(crate) struct Round {
    all: Arc<[ServerUrl]>,
    first: usize,
    failures: Vec<(ServerUrl, Failure)>,
}

impl Round {
    /// The server to ask now; `None` after the last one.
    pub(crate) fn server(&self) -> Option<ServerUrl> {
        let is_over = self.failures.len() >= self.all.len();
        self.all.get(self.position()).filter(|_| !is_over).cloned()
    }

    /// Notes why a server was of no use, and goes on to the next one.
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
