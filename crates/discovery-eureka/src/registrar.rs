//! The task that keeps this instance registered: heartbeats, another registration when a server has
//! forgotten it, the next server when one fails, and at the end the deregistration.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::ambient::Ambient;
use crate::api::{Api, Known};
use crate::backoff::Backoff;
use crate::failure::{Failure, Failures, StartError};
use crate::instance::{Instance, Status};
use crate::presence::{Presence, STOPPING, Words, address_facing};
use crate::registration::{Registration, Standing, State, Wish};
use crate::server_url::ServerUrl;
use crate::servers::Servers;
use crate::settings::EurekaSettings;

pub(crate) struct Registrar {
    servers: Servers,
    me: Me,
    settings: Arc<EurekaSettings>,
    state: watch::Sender<State>,
}

/// What a server is told.
#[derive(Debug, Clone, Copy)]
enum Errand {
    /// This instance is alive; a server that does not know it gets the registration.
    Keep,
    /// It is alive and takes no requests.
    Linger,
    /// It takes no more requests.
    ShutOut,
    /// It is gone.
    Leave,
}

/// This instance, as it deals with one server at a time.
struct Me {
    api: Api,
    who: Presence,
    ambient: Ambient,
    settings: Arc<EurekaSettings>,
    /// Whether some server may know this instance.
    may_be_known: bool,
    /// Whether some server has taken the registration.
    is_registered: bool,
    /// When this instance last registered, in milliseconds since 1970.
    dirty_millis: u64,
    /// The operator's status in the place of `UP`, as a server last showed it.
    overridden: Option<Status>,
}

impl Registrar {
    /// Starts the task; it ends when the registration and its clones are dropped.
    pub(crate) fn start(
        settings: EurekaSettings,
        ambient: Ambient,
    ) -> Result<Registration, StartError> {
        let api = Api::new(&settings.servers)?;
        let settings = Arc::new(settings);
        let (wish, wished) = watch::channel(Wish::Hidden);
        let (state, seen) = watch::channel(State::hidden());
        let me = Me {
            api,
            who: Presence::new(&settings.instance),
            ambient,
            settings: Arc::clone(&settings),
            may_be_known: false,
            is_registered: false,
            dirty_millis: 0,
            overridden: None,
        };
        let servers = Servers::new(&settings.servers.urls, settings.return_after);
        tokio::spawn(Self { servers, me, settings, state }.run(wished));
        Ok(Registration::new(wish, seen))
    }

    async fn run(mut self, mut wish: watch::Receiver<Wish>) {
        loop {
            let wanted = *wish.borrow_and_update();
            // A new wish ends what is under way: a stop must not wait for a server that hangs.
            tokio::select! {
                biased;
                changed = wish.changed() => if changed.is_err() { return },
                () = self.fulfil(wanted) => return,
            }
        }
    }

    async fn fulfil(&mut self, wish: Wish) {
        match wish {
            Wish::Hidden => std::future::pending().await,
            Wish::Up => self.stay_up().await,
            Wish::OutOfService => {
                let unheard = self.farewell(Errand::ShutOut).await;
                self.say(Standing::OutOfService { unheard });
                self.stay_out().await;
            }
            Wish::Gone => {
                let unheard = self.farewell(Errand::Leave).await;
                self.say(Standing::Gone { unheard });
            }
        }
    }

    /// Registers, then sends heartbeats. Never returns.
    async fn stay_up(&mut self) {
        let renewal = self.settings.instance.renewal();
        let mut backoff = Backoff::new(Arc::clone(&self.me.ambient.random), renewal);
        loop {
            let begun = Instant::now();
            let pause = match self.run_errand(Errand::Keep, Duration::MAX).await {
                Ok(server) => {
                    backoff.reset();
                    self.say(Standing::Registered { server, overridden: self.me.overridden });
                    renewal.saturating_sub(begun.elapsed())
                }
                Err(because) => {
                    self.say(Standing::NotRegistered { because });
                    backoff.pause()
                }
            };
            sleep(pause).await;
        }
    }

    /// Keeps the lease while requests are finished, so that others see `OUT_OF_SERVICE` until the
    /// end. A lost heartbeat does no harm. Never returns.
    async fn stay_out(&mut self) {
        loop {
            sleep(self.settings.instance.renewal()).await;
            if let Err(failures) = self.run_errand(Errand::Linger, Duration::MAX).await {
                tracing::debug!(%failures, "a heartbeat while out of service was lost");
            }
        }
    }

    /// Tells one server; each has its share of the time. Returns why none could be told.
    async fn farewell(&mut self, errand: Errand) -> Option<Failures> {
        if !self.me.may_be_known {
            return None;
        }
        let count = u32::try_from(self.settings.servers.urls.len()).unwrap_or(u32::MAX);
        let share = self.settings.farewell.checked_div(count).unwrap_or(Duration::ZERO);
        self.run_errand(errand, share).await.err()
    }

    /// Tells one server after the other until one succeeds; returns that one.
    async fn run_errand(
        &mut self,
        errand: Errand,
        patience: Duration,
    ) -> Result<ServerUrl, Failures> {
        let mut round = self.servers.round();
        while let Some(server) = round.server() {
            let told = timeout(patience, self.me.tell(errand, &server)).await;
            match told.unwrap_or(Err(Failure::TimedOut(patience))) {
                Ok(()) => {
                    self.servers.settle(&round);
                    return Ok(server);
                }
                Err(failure) => round.failed(server, failure),
            }
        }
        Err(round.into_failures())
    }

    /// Publishes a state, and logs it when it is new.
    fn say(&self, standing: Standing) {
        self.state.send_if_modified(|state| {
            let is_news = state.standing != standing;
            if is_news {
                match &standing {
                    Standing::NotRegistered { .. }
                    | Standing::OutOfService { unheard: Some(_) }
                    | Standing::Gone { unheard: Some(_) } => tracing::warn!(%standing, "Eureka"),
                    _ => tracing::info!(%standing, "Eureka"),
                }
                if mem::discriminant(&state.standing) != mem::discriminant(&standing) {
                    state.since = Instant::now();
                }
                state.standing = standing;
            }
            is_news
        });
    }
}

impl Me {
    async fn tell(&mut self, errand: Errand, server: &ServerUrl) -> Result<(), Failure> {
        match errand {
            Errand::Keep => self.keep(server).await,
            Errand::ShutOut => self.shut_out(server).await,
            // A server that has forgotten this instance sends it no requests either.
            Errand::Linger => {
                let (status, dirty) = (Status::OutOfService, self.dirty_millis);
                self.api.beat(server, &self.who, status, dirty).await.map(drop)
            }
            Errand::Leave => self.api.deregister(server, &self.who).await.map(drop),
        }
    }

    /// Sends a heartbeat, and registers this instance with a server that does not know it.
    async fn keep(&mut self, server: &ServerUrl) -> Result<(), Failure> {
        if self.is_registered {
            let known = self.api.beat(server, &self.who, Status::Up, self.dirty_millis).await?;
            if known == Known::Yes {
                return self.observe(server).await;
            }
            tracing::info!(%server, "Eureka asks this instance to register again");
        }
        self.register(server).await
    }

    async fn register(&mut self, server: &ServerUrl) -> Result<(), Failure> {
        let patience = self.settings.servers.connect_timeout;
        let address = timeout(patience, address_facing(server)).await;
        let address = address.map_err(|_| Failure::TimedOut(patience))?;
        let address = address.map_err(|error| Failure::Unreachable(error.to_string()))?;

        let left = match self.api.find(server, &self.who).await {
            Ok(left) => left,
            Err(failure) if failure.is_out_of_reach() => return Err(failure),
            // If it matters, the registration fails, too.
            Err(_) => None,
        };
        self.may_be_known = true;
        self.take_over(server, left.as_ref()).await?;
        let newer = left.and_then(|left| left.last_dirty_millis).unwrap_or(0);
        let newer = newer.max(self.dirty_millis).saturating_add(1);
        let dirty_millis = (self.ambient.now_millis)().max(newer);
        let words = Words { address, dirty_millis, overridden: self.overridden };
        self.api.register(server, &self.who, &self.who.body(&words)).await?;
        self.dirty_millis = dirty_millis;
        self.is_registered = true;
        Ok(())
    }

    /// Takes over the status that an earlier run of this instance has on a server.
    async fn take_over(
        &mut self,
        server: &ServerUrl,
        left: Option<&Instance>,
    ) -> Result<(), Failure> {
        let Some(left) = left else {
            // It has forgotten the operator's status, too, and is told again.
            return Ok(());
        };
        self.overridden = left.overridden;
        if left.metadata.contains_key(STOPPING) {
            // An earlier run took itself out of service and was killed before it could leave. That
            // status is not an operator's, and would hold for as long as this instance is alive.
            self.api.deregister(server, &self.who).await?;
            self.overridden = None;
        }
        Ok(())
    }

    /// Asks whether an operator has put a status in the place of this instance's own. The answer is
    /// shown, and told to a server that has forgotten this instance; without one, the last answer
    /// stays. What shows something else altogether is no Eureka server, whatever it said to the
    /// heartbeat.
    async fn observe(&mut self, server: &ServerUrl) -> Result<(), Failure> {
        match self.api.find(server, &self.who).await {
            Ok(seen) => self.overridden = seen.map_or(self.overridden, |seen| seen.overridden),
            Err(failure @ Failure::Garbage(_)) => return Err(failure),
            Err(failure) => {
                tracing::debug!(%server, %failure, "Eureka does not show this instance");
            }
        }
        Ok(())
    }

    async fn shut_out(&mut self, server: &ServerUrl) -> Result<(), Failure> {
        // Before the status, so that the status never stands without the mark.
        self.api.annotate(server, &self.who, STOPPING, "true").await?;
        self.api.override_status(server, &self.who, Status::OutOfService).await.map(drop)
    }
}
