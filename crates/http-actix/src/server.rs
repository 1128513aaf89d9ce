//! The server: what it needs, and how actix is set up. Signals are not handled here: the
//! composition root decides when to stop.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{App as ActixApp, HttpServer};
use metrics::Gauge;
use order_app::feed::Feed;
use order_app::live::Live;
use order_app::orders::Orders;
use order_app::ports::Entropy;

use crate::actuator::{Component, Readiness};
use crate::docs::Docs;
use crate::lifecycle::Lifecycle;
use crate::{edge, openapi, routes};

/// How long an idle connection is kept: longer than the usual load balancer's 60 s, so that it is
/// the balancer who closes.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a client may take to read an answer that came before its body was read, and to close.
const LINGER: Duration = Duration::from_secs(2);

/// Limits of the server.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Requests that may be worked on at once; the next one is answered 503 `overloaded`.
    pub max_in_flight: Live<usize>,
    /// How long a request body may take to arrive in full.
    pub body_deadline: Live<Duration>,
    /// How long a request head may take to arrive.
    pub head_deadline: Duration,
    /// Threads that serve; as many as there are cores when `None`.
    pub workers: Option<usize>,
    /// How long requests under way may take when the server is stopped gracefully.
    pub shutdown_timeout: Duration,
    /// Whether health tells more of a component than its status: anybody may ask for it. Unless
    /// said, it does on the management port alone.
    pub health_details: Option<bool>,
    /// The share of the traces that begin here which are recorded, 0 to 1; a client's trace is
    /// recorded when the client says so. `None` when traces are not recorded at all.
    pub sampling: Option<f64>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            max_in_flight: 1_024.into(),
            body_deadline: Duration::from_secs(10).into(),
            head_deadline: Duration::from_secs(10),
            workers: None,
            shutdown_timeout: Duration::from_secs(20),
            health_details: None,
            sampling: None,
        }
    }
}

/// What `/actuator/info` tells of the process.
#[derive(Debug, Clone)]
pub struct About {
    /// `spring.application.name`.
    pub name: String,
    /// The version of the build.
    pub version: String,
    /// The commit it was built from, when known.
    pub commit: Option<String>,
}

/// Everything the server works with.
#[derive(Clone)]
pub struct Http {
    /// The use cases.
    pub orders: Orders,
    /// The events as they come.
    pub feed: Feed,
    /// Where trace ids come from.
    pub entropy: Arc<dyn Entropy>,
    /// Where the process stands.
    pub lifecycle: Lifecycle,
    /// Who it is.
    pub about: About,
    /// Its limits.
    pub settings: HttpSettings,
    /// The peers that requests do without. It asks nobody.
    pub dependencies: Arc<dyn Fn() -> Vec<Component> + Send + Sync>,
    /// Where events are published, for the AsyncAPI document; `{type}` stands for their type.
    pub events_topic: String,
    /// The requests being worked on, counted by the server.
    pub in_flight: Arc<AtomicUsize>,
    /// The metrics in Prometheus' text format.
    pub scrape: Arc<dyn Fn() -> String + Send + Sync>,
}

/// What all workers share.
pub(crate) struct App {
    pub(crate) http: Http,
    pub(crate) in_flight: Arc<AtomicUsize>,
    pub(crate) in_flight_gauge: Gauge,
    pub(crate) readiness: Readiness,
    pub(crate) docs: Docs,
}

impl App {
    pub(crate) fn new(http: Http, in_flight_gauge: Gauge, docs: Docs) -> web::Data<Self> {
        web::Data::new(Self {
            in_flight: Arc::clone(&http.in_flight),
            http,
            in_flight_gauge,
            readiness: Readiness::default(),
            docs,
        })
    }
}

/// Serves on a listener until the returned server is stopped. It must be called, and the result
/// awaited or spawned, on a tokio runtime.
///
/// # Errors
/// When the listener cannot be used.
pub fn serve(http: Http, listener: TcpListener) -> std::io::Result<Server> {
    let gauge = metrics::gauge!("http_server_requests_in_flight");
    let docs = Docs::new(openapi::document, &http.events_topic);
    run(&App::new(http, gauge, docs), listener, routes::configure)
}

/// One server behind the edge; `configure` says what it serves.
pub(crate) fn run(
    app: &web::Data<App>,
    listener: TcpListener,
    configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> std::io::Result<Server> {
    let (app, settings) = (app.clone(), app.http.settings.clone());
    let server = HttpServer::new(move || {
        let edge_app = app.clone();
        ActixApp::new()
            .app_data(app.clone())
            .configure(configure.clone())
            .wrap(from_fn(move |request, next| edge::answer(edge_app.clone(), request, next)))
    });
    let server = match settings.workers {
        Some(workers) => server.workers(workers.max(1)),
        None => server,
    };
    Ok(server
        .disable_signals()
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(settings.head_deadline)
        .client_disconnect_timeout(LINGER)
        // Who closes its side of a connection is gone. TCP cannot tell a client that only says that
        // it has no more to say (`nc -N`) from one that hung up, and a server that waits to see
        // which it was finds out by its next write alone: for a stream of events that is the next
        // sign of life, and until then it holds a place. Most clients never do the former, and
        // proxies in front (nginx) take it for an abort as we do; those that do it lose the answer,
        // not the effect: a write that has begun runs to its end, and can be asked for again under
        // its idempotency key.
        .h1_allow_half_closed(false)
        .shutdown_timeout(whole_seconds(settings.shutdown_timeout))
        .listen(listener)?
        .run())
}

/// Actix counts in seconds; a fraction is rounded up, so that nobody is cut off early.
fn whole_seconds(time: Duration) -> u64 {
    let fraction = u64::from(time.subsec_nanos() > 0);
    time.as_secs().saturating_add(fraction)
}
