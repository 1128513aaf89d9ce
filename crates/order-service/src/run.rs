//! The life of the process: listen, get the database ready, serve, stop. Everything that is started
//! is started here, and everything that is stopped is stopped here.

mod background;
mod feeding;
mod health;
mod management;
mod publishing;
mod registry;
pub(crate) mod replaying;
pub(crate) mod signals;

use std::io;
use std::net::SocketAddr;
use std::panic::{self, PanicHookInfo};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use chrono::TimeDelta;
use discovery_eureka::Registration;
use http_actix::{About, Http, HttpSettings, Lifecycle, Management, Phase};
use order_app::feed::Feed;
use order_app::housekeeping::Housekeeping;
use order_app::live::Live;
use order_app::operations::Replays;
use order_app::orders::{Orders, Ports};
use order_app::ports::{Clock, Entropy};
use order_app::relay::RelayStats;
use order_app::wake_up::WakeUp;
use persistence_diesel::{StoreSettings, Stores};
use secrecy::ExposeSecret as _;
use telemetry_otlp::{Exporter, Log, Metrics, Unsent};
use tokio::net::TcpSocket;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout_at};

use crate::metrics::{METRICS, Sources, watch_backlog};
use crate::refresh::{Holders, Refresher};
use crate::settings::{Inputs, Loaded, Settings, Stop, Storage};
use crate::system::{OsEntropy, SystemClock};
use crate::telemetry::AMBIENT;
use background::{for_ever, until_done};
use health::Peers;
use management::Operators;
use publishing::{Publishing, Running};
use signals::{Asked, Signals};

/// Connections that may wait to be taken up.
const BACKLOG: u32 = 1_024;

/// Signals within this time of the first are one wish: some senders signal a process and its group.
const ONE_WISH: Duration = Duration::from_millis(500);

/// Brings the database up to date.
pub(crate) fn migrate(settings: &Settings) -> anyhow::Result<u8> {
    let store = store_settings(&settings.storage);
    let done = runtime()?.block_on(persistence_diesel::migrate(&store))?;
    let database = &settings.storage.database;
    tracing::info!(%database, migrations = done.join(", "), "the database is up to date");
    Ok(0)
}

/// What a process has begun with.
pub(crate) struct Begun<'a> {
    /// Where the settings came from, to read them again.
    pub(crate) inputs: Inputs,
    pub(crate) loaded: Loaded,
    pub(crate) log: &'a Log,
    /// Steps of traces to be sent, if they are recorded.
    pub(crate) unsent: Option<Unsent>,
    pub(crate) started: Instant,
}

/// Serves until the process is asked to stop; answers with its exit code.
pub(crate) fn serve(begun: Begun<'_>) -> anyhow::Result<u8> {
    panic::set_hook(Box::new(report_panic));
    let metrics = Metrics::install(METRICS, begun.log.lost(), AMBIENT.now)
        .context("the metrics cannot be collected")?;
    let (runtime, relay) = (runtime()?, runtime_of_relay()?);
    let done = runtime.block_on(live(begun, metrics, relay.handle()));
    // What still runs now has had its time.
    relay.shutdown_background();
    runtime.shutdown_background();
    done
}

async fn live(begun: Begun<'_>, metrics: Metrics, relay: &Handle) -> anyhow::Result<u8> {
    let Begun { inputs, loaded, log, unsent, started } = begun;
    let settings = loaded.settings.clone();
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    let listener = listen(settings.listen, "server.address, server.port")?;
    let address = listener.local_addr()?;
    tracing::info!(%address, database = %settings.storage.database, "listening");
    let management = management::listener(settings.management)?;

    let exporting = unsent.map(Unsent::start).transpose();
    let exporting = exporting.context("wrong settings under management.otlp.tracing")?;

    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let stores = persistence_diesel::open(&store_settings(&settings.storage), entropy.clone())?;
    let orders = use_cases(&settings, &stores, clock.clone(), entropy.clone());
    let stats = Arc::new(RelayStats::default());
    let operations = replaying::operations(&settings, &stores, clock.clone(), entropy.clone());
    let feed = feeding::feed(settings.requests, stores.journal.clone(), entropy.clone());
    let new_positions = WakeUp::default();
    let relay_ports = publishing::ports(&stores, clock.clone(), entropy.clone());
    let commits = orders.commits().clone();
    let publishing =
        Publishing::new(&settings, relay_ports, commits, new_positions.clone(), stats.clone())?;
    let pages = management.as_ref().and_then(|listener| management::reachable(listener, address));
    let registration =
        registry::registration(&settings, address, pages, clock.clone(), entropy.clone())?;
    let lifecycle = Lifecycle::new();
    let settings_of_http = http_settings(&settings);
    let how_to_stop = Live::new(settings.stop);
    let holders = holders(log, &orders, &settings_of_http, &how_to_stop);
    let refresher = Refresher::new(inputs, loaded, holders);
    let peers = Peers::new(&publishing, &stats, registration.as_ref(), &refresher);
    let in_flight = Arc::new(AtomicUsize::new(0));
    let peers_of_ours = (&publishing, registration.as_ref(), exporting.as_ref());
    let sources = sources(&orders, &stats, &stores, &feed, peers_of_ours);
    let http = Http {
        orders: orders.clone(),
        feed: feed.clone(),
        entropy: entropy.clone(),
        lifecycle: lifecycle.clone(),
        about: about(&settings),
        settings: settings_of_http,
        dependencies: Arc::new(move || peers.components()),
        events_topic: settings.events_topic.clone(),
        in_flight: Arc::clone(&in_flight),
        scrape: {
            let metrics = metrics.clone();
            Arc::new(move || {
                sources.measure();
                metrics.render()
            })
        },
    };
    let offered = Management {
        refresh: Some(Arc::new(refresher.clone())),
        operations: Some(operations.clone()),
    };
    let operators = management::serve(management, &http, offered)?;
    let server = http_actix::serve(http, listener).context("the HTTP server does not start")?;
    let handle = server.handle();
    let mut serving = tokio::spawn(server);

    let (publish, published) = oneshot::channel();
    // Dropped at the end, and its tasks with it.
    let mut beside = JoinSet::new();
    beside.spawn(metrics.keep_up());
    beside.spawn(feeding::follow(feed.clone(), new_positions));
    beside.spawn(watch_backlog(stores.journal.clone(), stats, clock.clone()));
    beside.spawn(refresher.run(entropy));
    beside.spawn({
        let (lifecycle, storage) = (lifecycle.clone(), settings.storage.clone());
        let (registration, relay) = (registration.clone(), relay.clone());
        let kept = retention(&storage);
        let housekeeping = Housekeeping::new(stores.orders, stores.journal, kept, clock);
        async move {
            get_ready(&storage, &orders, &lifecycle, registration.as_ref(), started).await;
            // The other end is kept for as long as the process is to live.
            let _ = publish.send(publishing.start(&relay));
            keep_house(housekeeping, &storage).await;
        }
    });

    tokio::select! {
        _ = &mut serving => anyhow::bail!("the HTTP server stopped by itself"),
        signal = signals.next() => tracing::info!(?signal, "stopping"),
    }
    let stop_as = *how_to_stop.get();
    let end = after(stop_as.budget);
    let stop_server = || feeding::stopped(|| handle.stop(true), &feed, &in_flight);
    let replays = operations.replays();
    let stopping = stop(stop_as, end, &lifecycle, registration, replays, stop_server, published);
    Ok(see_through(stopping, leave(operators, exporting, end), &mut signals).await)
}

/// The last to go: until here operators could watch the stop.
async fn leave(operators: Operators, exporting: Option<Exporter>, end: tokio::time::Instant) {
    operators.stop(end).await;
    if let Some(exporting) = exporting {
        exporting.stop(end).await;
    }
}

/// Waits for the database, and then says everywhere that requests may come.
async fn get_ready(
    storage: &Storage,
    orders: &Orders,
    lifecycle: &Lifecycle,
    registration: Option<&Registration>,
    started: Instant,
) {
    prepare(storage, orders).await;
    lifecycle.advance(Phase::Ready);
    if let Some(registration) = registration {
        registration.ready();
    }
    let started_in_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(started_in_ms, "ready");
}

/// Stops in good order, or at once when somebody does not want to wait.
async fn see_through(
    stopping: impl Future<Output = u8>,
    last: impl Future<Output = ()>,
    signals: &mut Signals,
) -> u8 {
    let in_good_order = async {
        let code = stopping.await;
        last.await;
        tracing::info!("stopped");
        code
    };
    tokio::select! {
        code = in_good_order => code,
        again = second_wish(signals) => {
            tracing::warn!("stopped at once by a second signal");
            again.exit_code()
        }
    }
}

fn use_cases(
    settings: &Settings,
    stores: &Stores,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Orders {
    let ports = Ports { store: stores.orders.clone(), clock, entropy };
    Orders::new(ports, settings.currencies.clone(), settings.requests.budget)
}

/// Whoever keeps numbers for the metrics.
fn sources(
    orders: &Orders,
    relay: &Arc<RelayStats>,
    stores: &Stores,
    feed: &Feed,
    (publishing, registration, exporting): (&Publishing, Option<&Registration>, Option<&Exporter>),
) -> Sources {
    Sources {
        orders: orders.stats(),
        relay: Arc::clone(relay),
        pools: Arc::clone(&stores.pools),
        kafka: publishing.kafka(),
        registration: registration.cloned(),
        feed: feed.clone(),
        traces: exporting.map(Exporter::counts),
    }
}

/// Who holds the settings that may change.
fn holders(log: &Log, orders: &Orders, http: &HttpSettings, stop: &Live<Stop>) -> Holders {
    Holders {
        levels: log.levels(),
        orders: orders.clone(),
        max_in_flight: http.max_in_flight.clone(),
        body_deadline: http.body_deadline.clone(),
        stop: stop.clone(),
    }
}

fn after(time: Duration) -> tokio::time::Instant {
    let now = tokio::time::Instant::now();
    now.checked_add(time).unwrap_or(now)
}

/// How long published events are kept. A time that is too long to be told is for ever.
fn retention(storage: &Storage) -> Option<TimeDelta> {
    storage.retention.and_then(|kept| TimeDelta::from_std(kept).ok())
}

/// Clears away what has expired, for ever.
async fn keep_house(housekeeping: Housekeeping, storage: &Storage) {
    let pause = storage.housekeeping_interval;
    for_ever("housekeeping", || housekeeping.clone().run(pause)).await;
}

/// Waits for somebody who does not want to wait any longer.
async fn second_wish(signals: &mut Signals) -> Asked {
    let first = Instant::now();
    loop {
        let again = signals.next().await;
        if first.elapsed() > ONE_WISH {
            return again;
        }
    }
}

/// Leaves the registry and the load balancers' lists, then finishes the requests under way, and last the events that
/// they caused, all within the budget.
async fn stop<F: Future<Output = ()>>(
    Stop { delay, budget }: Stop,
    end: tokio::time::Instant,
    lifecycle: &Lifecycle,
    registration: Option<Registration>,
    replays: &Replays,
    stop_server: impl FnOnce() -> F,
    mut published: oneshot::Receiver<Running>,
) -> u8 {
    lifecycle.advance(Phase::OutOfService);
    // How far a replay came is in the log; another instance can go on from there.
    replays.stop().await;
    // A registry that does not hear it in time forgets us when the lease is over.
    if let Some(registration) = &registration {
        let _ = timeout_at(end, registration.out_of_service()).await;
    }
    sleep(delay).await;
    if let Some(registration) = &registration {
        let _ = timeout_at(end, registration.stop()).await;
    }
    lifecycle.advance(Phase::Draining);
    if timeout_at(end, stop_server()).await.is_err() {
        tracing::error!(?budget, "requests were still running when the time to stop was over");
        return 1;
    }
    // Without a sender or a value: it had not started to publish.
    if let Ok(publishing) = published.try_recv()
        && timeout_at(end, publishing.stop()).await.is_err()
    {
        tracing::warn!("events were still under way; another instance publishes them");
    }
    0
}

/// Waits for the database, which may be down at the start; requests are answered meanwhile.
async fn prepare(storage: &Storage, orders: &Orders) {
    if storage.migrate_at_start {
        let store = store_settings(storage);
        let migrated = until_done("the migration of the database", || async {
            let done = persistence_diesel::migrate(&store).await;
            done.map_err(|error| order_app::errors::chain(&error))
        });
        for migration in migrated.await {
            tracing::info!(migration, "the database was migrated");
        }
    } else {
        let reached = until_done("reaching the database", || async {
            let pong = orders.ping().await;
            pong.map_err(|error| order_app::errors::chain(&error))
        });
        reached.await;
    }
}

/// Takes a port before anything else starts, so that a second process fails at once.
fn listen(address: SocketAddr, keys: &str) -> anyhow::Result<std::net::TcpListener> {
    let bound = || -> io::Result<std::net::TcpListener> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A restart must not wait for the connections of the process before it to be forgotten.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)?.into_std()
    };
    bound().with_context(|| format!("cannot listen on {address} ({keys})"))
}

/// The store, its writer and what goes on in the background run here; requests are worked on by the
/// server's own threads.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    let cores = thread::available_parallelism().map_or(2, usize::from);
    threads(cores.clamp(2, 8), "main")
}

/// The relay runs on a thread of its own. Turning a backlog into messages takes half a millisecond at
/// a time, and on the threads of the other runtime requests would wait for that.
fn runtime_of_relay() -> anyhow::Result<Runtime> {
    threads(1, "relay")
}

fn threads(number: usize, name: &str) -> anyhow::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(number).thread_name(name).enable_all();
    builder.build().context("the runtime does not start")
}

pub(crate) fn store_settings(storage: &Storage) -> StoreSettings {
    StoreSettings {
        url: storage.database.url().expose_secret().to_owned(),
        pool_size: storage.pool_size,
        connection_timeout: storage.connection_timeout,
        group_commit: storage.group_commit,
    }
}

fn http_settings(settings: &Settings) -> HttpSettings {
    HttpSettings {
        max_in_flight: settings.requests.places().into(),
        body_deadline: settings.requests.body_deadline.into(),
        // Ours is over first, whatever it will be by then, and says so.
        shutdown_timeout: Duration::from_hours(1),
        health_details: settings.health_details,
        sampling: settings.tracing.sampling(),
        ..HttpSettings::default()
    }
}

fn about(settings: &Settings) -> About {
    About {
        name: settings.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: option_env!("GIT_COMMIT").map(str::to_owned),
    }
}

/// Says where it happened. A formatted message is left out: it may hold anything, also what must
/// never be in a log.
fn report_panic(info: &PanicHookInfo<'_>) {
    let message = info.payload().downcast_ref::<&'static str>().copied();
    let location = info.location().map(ToString::to_string);
    tracing::error!(message = "a task panicked", panic = message, location);
}
