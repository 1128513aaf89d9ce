//! What the server works with, and what all its workers share.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use actix_web::web;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use metrics::Gauge;
use order_app::feed::Feed;
use order_app::live::Live;
use order_app::orders::Orders;
use order_app::ports::{Authenticator, Entropy};
use order_events::asyncapi::Topics;
use serde_json::{Map, Value};

use crate::admission::Admission;
use crate::cors::Cors;
use crate::graphql::settings::GraphqlSettings;
use crate::health::{Component, Readiness};
use crate::lifecycle::Lifecycle;
use crate::rate_limit::{RateLimit, Rates};
use crate::site::Site;
use crate::tls::Tls;
use crate::unread_answers::UnreadAnswers;

/// Whether a list is an object with its cursor, or a bare array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ListForm {
    /// An object: the orders, and the cursor of the next page.
    #[default]
    Page,
    /// An array of orders; the next page is in the header `Link` alone.
    List,
}

/// How amounts are written in answers about orders. Events are not concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AmountForm {
    /// As JSON strings.
    #[default]
    Text,
    /// As JSON numbers with the same digits.
    Number,
}

/// The forms of answers, and of the document that describes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forms {
    /// A customer's orders.
    pub customer_orders: ListForm,
    /// Amounts.
    pub amounts: AmountForm,
}

/// Limits of the server, and the forms of its answers.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The most requests that are worked on at once; further ones wait for a moment, and are then answered
    /// 503 `overloaded`.
    pub max_in_flight: Live<usize>,
    /// The most bytes of large answers that clients have not taken yet. Above it, a read with a large answer is
    /// answered 503 `overloaded`.
    pub max_unread_answers: usize,
    /// How long a request body may take to arrive in full.
    pub body_deadline: Live<Duration>,
    /// How long a request head may take to arrive, on a new connection and on a kept one.
    pub head_deadline: Duration,
    /// How long a connection is kept without a request.
    pub keep_alive: Duration,
    /// How long a client may take less than 1 KiB a second of an answer that waits for it.
    pub answer_deadline: Duration,
    /// The most connections at once. Beyond them, those are closed that have waited longest for their clients.
    pub max_connections: usize,
    /// The most connections at once from one address.
    pub max_connections_per_peer: Option<usize>,
    /// Threads that serve; `None`: one per core.
    pub workers: Option<usize>,
    /// How long requests under way may take when the server is stopped gracefully.
    pub shutdown_timeout: Duration,
    /// Whether health shows the details of components, to every client. `None`: on the management port
    /// alone.
    pub health_details: Option<bool>,
    /// Whether health shows the components themselves.
    pub health_components: bool,
    /// Whose word is taken for the address under which a client has reached the service.
    pub proxies: Proxies,
    /// Which answers are compressed; `None`: none.
    pub compression: Option<Compression>,
    /// The share, 0 to 1, of the traces that begin here and are recorded. A client's trace is recorded
    /// when the client says so. `None`: no trace is recorded.
    pub sampling: Option<f64>,
    /// The forms of answers. Recorded answers stay in the form in which they were first given.
    pub forms: Forms,
    /// Which pages of other origins may ask for orders; `None`: the service does not speak of it.
    pub cors: Option<Cors>,
    /// The same of the actuator, on either port.
    pub actuator_cors: Option<Cors>,
    /// How many requests one client may send on the main port; `None`: any number.
    pub rate_limit: Option<RateLimit>,
    /// How GraphQL is served; `None`: it is not.
    pub graphql: Option<GraphqlSettings>,
    /// Which pages of other origins may ask by GraphQL; `None`: those of `cors`.
    pub graphql_cors: Option<Cors>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            max_in_flight: 1_024.into(),
            max_unread_answers: 64 << 20,
            body_deadline: Duration::from_secs(10).into(),
            head_deadline: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
            answer_deadline: Duration::from_secs(10),
            max_connections: 8_192,
            max_connections_per_peer: None,
            workers: None,
            shutdown_timeout: Duration::from_secs(20),
            health_details: None,
            health_components: true,
            proxies: Proxies::Ignored,
            compression: None,
            sampling: None,
            forms: Forms::default(),
            cors: None,
            actuator_cors: None,
            rate_limit: None,
            graphql: None,
            graphql_cors: None,
        }
    }
}

/// Whose `Forwarded` and `X-Forwarded-*` headers are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proxies {
    /// No one's.
    Ignored,
    /// Those of peers in private networks, as Tomcat does.
    Internal,
    /// Those of peers in these networks.
    In(Vec<IpNet>),
    /// Those of every peer.
    Any,
}

/// Tomcat's internal proxies: private networks, link-local addresses, loopback.
static INTERNAL: [IpNet; 9] = [
    v4(Ipv4Addr::new(10, 0, 0, 0), 8),
    v4(Ipv4Addr::new(172, 16, 0, 0), 12),
    v4(Ipv4Addr::new(192, 168, 0, 0), 16),
    v4(Ipv4Addr::new(169, 254, 0, 0), 16),
    v4(Ipv4Addr::new(100, 64, 0, 0), 10),
    v4(Ipv4Addr::new(127, 0, 0, 0), 8),
    v6(Ipv6Addr::LOCALHOST, 128),
    v6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    v6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
];

const fn v4(first: Ipv4Addr, length: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(first, length))
}

const fn v6(first: Ipv6Addr, length: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(first, length))
}

impl Proxies {
    /// The networks of proxies, where only these are believed.
    pub(crate) fn networks(&self) -> &[IpNet] {
        match self {
            Self::Internal => &INTERNAL,
            Self::In(networks) => networks,
            Self::Ignored | Self::Any => &[],
        }
    }
}

/// Which answers are compressed, for clients that accept it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compression {
    /// Those of these content types,
    pub types: Vec<String>,
    /// with this many bytes at least.
    pub least: usize,
}

/// What the process says of itself.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// `spring.application.name`.
    pub name: String,
    /// The version of the build.
    pub version: String,
    /// What `/actuator/info` answers.
    pub info: Map<String, Value>,
}

/// Who may ask for what.
#[derive(Clone)]
pub struct Security {
    /// Tells who asks. `None`: everyone may do everything.
    pub authenticator: Option<Arc<dyn Authenticator>>,
    /// Whether metrics, and what the process says of itself, need no token.
    pub open_metrics: bool,
    /// Whether the documents of the interface need no token.
    pub open_documents: bool,
}

impl Default for Security {
    fn default() -> Self {
        Self { authenticator: None, open_metrics: false, open_documents: true }
    }
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
    /// What the process says of itself.
    pub about: About,
    /// Its limits.
    pub settings: HttpSettings,
    /// Who may ask for what.
    pub security: Security,
    /// The health of the peers that requests do not need, as last known: it makes no call.
    pub dependencies: Arc<dyn Fn() -> Vec<Component> + Send + Sync>,
    /// The topics of the events and of the saga, for the AsyncAPI document.
    pub topics: Topics,
    /// The requests being worked on, counted by the server.
    pub in_flight: Arc<AtomicUsize>,
    /// The metrics in Prometheus' text format.
    pub scrape: Arc<dyn Fn() -> String + Send + Sync>,
}

/// The most pages of orders or events that are worked on at a time. A page may have a mebibyte, and is read, checked and written;
/// the store reads a few at a time, and those that wait for it must not be too many to be read in time. With fewer, lists of
/// usual orders are read in smaller groups, and slower.
const MOST_PAGES: usize = 64;

/// What all workers share.
pub(crate) struct App {
    pub(crate) http: Http,
    pub(crate) site: Site,
    pub(crate) admission: Arc<Admission>,
    /// Those of the requests that ask for pages.
    pub(crate) pages: Arc<Admission>,
    pub(crate) readiness: Readiness,
    pub(crate) unread: UnreadAnswers,
    pub(crate) rates: Option<Rates>,
    /// What the port speaks TLS with; `None`: nothing is encrypted.
    pub(crate) tls: Option<Tls>,
}

impl App {
    pub(crate) fn new(
        http: Http,
        site: Site,
        tls: Option<Tls>,
        in_flight_gauge: Gauge,
        unread: UnreadAnswers,
    ) -> web::Data<Self> {
        let (most, in_flight) = (http.settings.max_in_flight.clone(), Arc::clone(&http.in_flight));
        let admission = Admission::new(most, in_flight, in_flight_gauge);
        let pages = Admission::new(MOST_PAGES.into(), Arc::default(), Gauge::noop());
        let rates = http.settings.rate_limit.map(Rates::new);
        let readiness = Readiness::default();
        web::Data::new(Self { http, site, admission, pages, readiness, unread, rates, tls })
    }

    /// The scheme under which the port is reached.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}
