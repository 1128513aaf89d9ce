//! The task that keeps the local copy of the registry: a full read first, then deltas, and a full
//! read again whenever a delta does not lead to what the server has.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::ambient::Ambient;
use crate::api::Api;
use crate::applications::Applications;
use crate::backoff::Backoff;
use crate::failure::{Failure, Failures};
use crate::registry::{Condition, Registry, View};
use crate::server_url::ServerUrl;
use crate::servers::Servers;
use crate::settings::EurekaSettings;

/// How old a copy may be for a delta to tell all that happened since: a server keeps changes for
/// three minutes. The hash code would not always show what is missing.
const DELTA_REACHES_BACK: Duration = Duration::from_mins(2);

pub(crate) struct Reader {
    api: Api,
    servers: Servers,
    settings: Arc<EurekaSettings>,
    ambient: Ambient,
    view: watch::Sender<View>,
    /// What was last read, from whom and when.
    last: Option<Last>,
}

struct Last {
    server: ServerUrl,
    at: Instant,
    applications: Applications,
}

impl Reader {
    /// Starts reading; stops when nobody has the registry any more.
    pub(crate) fn start(settings: &Arc<EurekaSettings>, api: Api, ambient: Ambient) -> Registry {
        let (view, seen) = watch::channel(View::unread());
        let servers = Servers::new(&settings.servers, settings.return_after);
        let settings = Arc::clone(settings);
        let reader = Self { api, servers, settings, ambient, view: view.clone(), last: None };
        tokio::spawn(async move {
            tokio::select! {
                () = view.closed() => {}
                () = reader.run() => {}
            }
        });
        Registry::new(seen)
    }

    async fn run(mut self) {
        let mut backoff = Backoff::new(self.ambient.clone(), self.settings.fetch_interval);
        loop {
            let begun = Instant::now();
            let pause = match self.step().await {
                Ok(()) => {
                    backoff.reset();
                    self.settings.fetch_interval.saturating_sub(begun.elapsed())
                }
                Err(because) => {
                    self.failed(because);
                    backoff.pause()
                }
            };
            sleep(pause).await;
        }
    }

    async fn step(&mut self) -> Result<(), Failures> {
        let mut round = self.servers.round();
        while let Some(server) = round.server() {
            let at = Instant::now();
            match self.read(&server).await {
                Ok(applications) => {
                    self.servers.settle(&round);
                    self.succeeded(&server, &applications);
                    self.last = Some(Last { server, at, applications });
                    return Ok(());
                }
                Err(failure) => round.failed(server, failure),
            }
        }
        Err(round.into_failures())
    }

    async fn read(&self, server: &ServerUrl) -> Result<Applications, Failure> {
        if let Some(known) = self.base(server) {
            match self.api.delta(server).await {
                Ok(delta) => {
                    if let Some(after) = known.after(delta) {
                        return Ok(after);
                    }
                    tracing::debug!(%server, "a delta of the Eureka registry left something out");
                }
                Err(failure) if failure.is_out_of_reach() => return Err(failure),
                // A server may refuse deltas alone.
                Err(failure) => tracing::debug!(%server, %failure, "no delta from Eureka"),
            }
        }
        self.api.apps(server).await.map(Applications::whole)
    }

    /// What a delta of a server can be applied to.
    fn base(&self, server: &ServerUrl) -> Option<&Applications> {
        let last = self.last.as_ref().filter(|_| !self.settings.disable_delta)?;
        let fits = last.server == *server && last.at.elapsed() < DELTA_REACHES_BACK;
        fits.then_some(&last.applications)
    }

    fn succeeded(&self, server: &ServerUrl, applications: &Applications) {
        self.view.send_modify(|view| {
            if view.applications != *applications {
                view.take(applications.clone(), || (self.ambient.random)());
            }
            let known =
                matches!(&view.condition, Condition::Current { server: by, .. } if by == server);
            if !known {
                tracing::info!(%server, "reading the Eureka registry");
                let since = Instant::now();
                view.condition = Condition::Current { server: server.clone(), since };
            }
        });
    }

    fn failed(&self, because: Failures) {
        self.view.send_modify(|view| {
            let (since, is_news) = match &view.condition {
                Condition::Failing { because: known, since } => (*since, *known != because),
                _ => (Instant::now(), true),
            };
            if is_news {
                tracing::warn!(%because, "the Eureka registry cannot be read");
            }
            view.condition = Condition::Failing { because, since };
        });
    }
}
