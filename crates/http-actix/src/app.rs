//! What the server works with, and what all its workers share.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use actix_web::web;
use metrics::Gauge;
use order_app::feed::Feed;
use order_app::live::Live;
use order_app::orders::Orders;
use order_app::ports::Entropy;

use crate::health::{Component, Readiness};
use crate::lifecycle::Lifecycle;

/// Limits of the server.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The most requests that are worked on at once; the next one is answered 503 `overloaded`.
    pub max_in_flight: Live<usize>,
    /// How long a request body may take to arrive in full.
    pub body_deadline: Live<Duration>,
    /// How long a request head may take to arrive.
    pub head_deadline: Duration,
    /// Threads that serve; `None`: one per core.
    pub workers: Option<usize>,
    /// How long requests under way may take when the server is stopped gracefully.
    pub shutdown_timeout: Duration,
    /// Whether health shows the details of components, to every client. `None`: on the management port
    /// alone.
    pub health_details: Option<bool>,
    /// The share, 0 to 1, of the traces that begin here and are recorded. A client's trace is recorded
    /// when the client says so. `None`: no trace is recorded.
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

/// What `/actuator/info` says of the process.
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
    /// What `/actuator/info` says.
    pub about: About,
    /// Its limits.
    pub settings: HttpSettings,
    /// The health of the peers that requests do not need, as last known: it makes no call.
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
}

impl App {
    pub(crate) fn new(http: Http, in_flight_gauge: Gauge) -> web::Data<Self> {
        web::Data::new(Self {
            in_flight: Arc::clone(&http.in_flight),
            http,
            in_flight_gauge,
            readiness: Readiness::default(),
        })
    }
}
