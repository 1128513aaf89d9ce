//! The application: [`Application::build`] takes the ports and wires the adapters to the use cases,
//! [`Application::run_until_stopped`] serves and stops. What has to happen before the service is
//! ready is in `application/start.rs`, the order of the stop in `application/stop.rs`.

mod actuator;
mod background;
pub(crate) mod broker;
mod certificates;
mod guards;
mod http;
mod metrics;
mod peers;
mod registry;
mod relay;
mod sagas;
mod security;
pub(crate) mod sites;
mod start;
mod stop;
pub(crate) mod stores;
pub(crate) mod use_cases;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use http_actix::{Http, Lifecycle, Management, Server};
use order_app::live::Live;
use order_app::operations::Operations;
use order_app::sagas::Sagas;
use order_app::wake_up::WakeUp;
use telemetry_otlp::{Exporter, Unsent};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::refresh::{Holders, Refresher};
use crate::settings::{Inputs, Loaded};
use crate::signals::Asked;
use crate::system::entropy;
use crate::telemetry::Telemetry;
use background::word;
use certificates::Certificate;
use metrics::{Sources, watch_backlog};
use peers::Peers;
use start::Starting;
use stop::Stopping;

pub(crate) use metrics::METRICS;

/// Signals within this time of the first one are the same wish to stop: some senders signal a process
/// and its group.
const SAME_WISH: Duration = Duration::from_millis(500);

/// What an application is built from.
pub(crate) struct Begun {
    /// Where the settings came from, to read them again.
    pub(crate) inputs: Inputs,
    pub(crate) loaded: Loaded,
    pub(crate) telemetry: Telemetry,
    /// How many descriptors the process may have; `None`: there is no bound.
    pub(crate) descriptors: Option<usize>,
    /// When the process was started.
    pub(crate) started: Instant,
}

/// A service that is wired and has its ports.
pub(crate) struct Application {
    address: SocketAddr,
    scheme: &'static str,
    server: Server,
    /// What runs beside the requests; it ends when this is dropped.
    beside: JoinSet<()>,
    stopping: Stopping,
}

impl Application {
    /// Takes the ports, so that a second process fails at once, and wires everything. Neither the
    /// database nor a peer is asked: they may be down. It must be called on a runtime; the relay
    /// gets this one.
    pub(crate) fn build(begun: Begun, runtime: &Handle) -> anyhow::Result<Self> {
        let Begun { inputs, loaded, telemetry, descriptors, started } = begun;
        let settings = loaded.settings.clone();
        let ports = http::Ports::take(&settings)?;
        let (address, scheme) = (ports.address()?, sites::scheme(ports.is_secure()));
        let (certificates, pages) = (ports.certificates(), ports.for_people()?);
        guards::tell(&settings, address.ip());
        let exporter = telemetry.unsent.map(Unsent::start).transpose();
        let exporter = exporter.context("wrong settings under management.otlp.tracing")?;

        let stores = stores::open(&settings)?;
        let peers = Peers::new(&settings, &ports)?;
        let orders = use_cases::orders(&settings, &stores, peers.participants.sender());
        let operations = Operations::new(use_cases::operations(&settings, &stores));
        let (feed, new_positions) = (use_cases::feed(&settings, &stores), WakeUp::default());
        let (ready, is_ready) = word();
        let sagas = sagas::start((&settings, &stores), &orders, &peers.participants, &is_ready);
        let relay = relay::start((&stores, &peers), (&orders, &new_positions), is_ready, runtime);

        let (lifecycle, limits) = (Lifecycle::new(), http::limits(&settings, descriptors)?);
        let stop = Live::new(settings.stop);
        let holders = Holders::new(telemetry.levels.clone(), &orders, &limits, &stop);
        let refresher = Refresher::new(inputs, loaded, holders);
        let sources = Arc::new(Sources {
            orders: orders.stats(),
            peers: peers.clone(),
            database: Arc::clone(&stores.database),
            feed: feed.clone(),
            spans: exporter.as_ref().map(Exporter::counts),
            certificates: certificates.clone(),
        });
        let http = Http {
            orders: orders.clone(),
            feed: feed.clone(),
            entropy: entropy(),
            lifecycle: lifecycle.clone(),
            about: http::about(&settings),
            settings: limits,
            security: security::asked(&settings.security, peers.issuer.as_ref()),
            dependencies: peers.components(&refresher),
            topics: http::topics(&settings),
            in_flight: Arc::default(),
            scrape: sources.scrape(&telemetry.metrics),
        };
        let in_flight = Arc::clone(&http.in_flight);
        let offered = Management {
            refresh: Some(Arc::new(refresher.clone())),
            operations: Some(operations.clone()),
            sagas: Some(Sagas::new(orders.clone())),
            loggers: Some(Arc::new(actuator::Loggers(telemetry.levels))),
            metrics: Some(Arc::new(actuator::Meters(sources.values(&telemetry.metrics)))),
        };
        let (server, operators) = ports.serve(http, offered)?;

        let mut beside = JoinSet::new();
        beside.spawn(telemetry.metrics.keep_up());
        beside.spawn(security::keep_keys(peers.issuer.clone()));
        beside.spawn(watch_backlog(stores.clone(), peers.relay.clone()));
        beside.spawn(Certificate::watch(certificates));
        beside.spawn(refresher.run(entropy()));
        beside.spawn(use_cases::follow_journal(feed, new_positions));
        let starting = Starting {
            settings,
            stores,
            orders,
            lifecycle: lifecycle.clone(),
            peers: peers.clone(),
            pages,
            ready,
        };
        beside.spawn(starting.run(started));
        let stopping = Stopping {
            settings: stop,
            lifecycle,
            registration: peers.registration,
            operations,
            server: server.handle(),
            in_flight,
            relay,
            sagas,
            operators,
            exporter,
        };
        Ok(Self { address, scheme, server, beside, stopping })
    }

    /// Where requests are taken.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether they are taken over TLS: `https` or `http`.
    pub(crate) fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Serves until the first signal, then stops in good order, or at once with a second signal.
    /// Answers with the exit code.
    pub(crate) async fn run_until_stopped(
        self,
        mut next_signal: impl AsyncFnMut() -> Asked,
    ) -> anyhow::Result<u8> {
        let Self { server, beside: _beside, stopping, .. } = self;
        tokio::select! {
            _ = tokio::spawn(server) => anyhow::bail!("the HTTP server stopped by itself"),
            signal = next_signal() => tracing::info!(?signal, "stopping"),
        }
        tokio::select! {
            code = stopping.in_good_order() => Ok(code),
            again = second_wish(next_signal) => {
                tracing::warn!("stopped at once by a second signal");
                Ok(again.exit_code())
            }
        }
    }
}

/// The next signal that is not the same wish as the first one.
async fn second_wish(mut next_signal: impl AsyncFnMut() -> Asked) -> Asked {
    let first = Instant::now();
    loop {
        let again = next_signal().await;
        if first.elapsed() > SAME_WISH {
            return again;
        }
    }
}

#[cfg(test)]
mod tests;
