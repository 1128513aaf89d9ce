//! Where the endpoints of a port are. Everywhere else in this crate paths are written as by default
//! (`/orders/1`, `/actuator/health`). This file alone knows under which path a port serves them, and which of
//! them it has. The routes, the links, the OpenAPI document and the registered pages ask it.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// The path of the actuator by default.
pub(crate) const ACTUATOR: &str = "/actuator";
/// The path of GraphQL by default.
pub(crate) const GRAPHQL: &str = "/graphql";
/// What stands for its path over WebSocket, which has none by default.
const GRAPHQL_SOCKET: &str = "/graphql/socket";
/// The path of the page that asks it by default.
const GRAPHIQL: &str = "/graphiql";
/// Whether the process lives, and whether it should get requests, for orchestrators that only know the main
/// port.
pub(crate) const PROBES: [&str; 2] = ["/livez", "/readyz"];

/// An endpoint of the actuator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// Whether the process works.
    Health,
    /// What the process is.
    Info,
    /// The metrics in Prometheus' text format.
    Prometheus,
    /// The metrics one by one.
    Metrics,
    /// The levels of the log.
    Loggers,
    /// Reading the settings again.
    Refresh,
    /// Events that wait, and events once more.
    Events,
    /// Sagas that need a person.
    Sagas,
}

impl Endpoint {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Health,
        Self::Info,
        Self::Prometheus,
        Self::Metrics,
        Self::Loggers,
        Self::Refresh,
        Self::Events,
        Self::Sagas,
    ];
    /// Those that the main port has when there is no management port. The others change something, or
    /// tell more than clients need.
    pub const OF_CLIENTS: [Self; 3] = [Self::Health, Self::Info, Self::Prometheus];

    /// Its id, as in `management.endpoint.ID`; by default also its path below that of the actuator.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Info => "info",
            Self::Prometheus => "prometheus",
            Self::Metrics => "metrics",
            Self::Loggers => "loggers",
            Self::Refresh => "refresh",
            Self::Events => "events",
            Self::Sagas => "sagas",
        }
    }
}

/// What may be done with an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Nothing.
    None,
    /// It may be read.
    ReadOnly,
    /// It may be used to change something.
    Unrestricted,
}

/// The actuator as it is set. Which port has what of it is chosen with [`Site::with`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actuator {
    /// Its path, without a slash at the end: empty when its endpoints are at the root.
    pub base: String,
    /// Whether there is a page with links.
    pub links: bool,
    /// The endpoints that are exposed: their paths below the base, without a slash in front, and what may be
    /// done with them.
    pub endpoints: BTreeMap<Endpoint, (String, Access)>,
}

impl Default for Actuator {
    fn default() -> Self {
        let exposed =
            |endpoint: Endpoint| (endpoint, (endpoint.id().to_owned(), Access::Unrestricted));
        Self {
            base: ACTUATOR.to_owned(),
            links: true,
            endpoints: Endpoint::ALL.into_iter().map(exposed).collect(),
        }
    }
}

/// What one port serves, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    root: String,
    actuator: Option<Actuator>,
    /// The path of GraphQL, below the root; `None`: there is none.
    graphql: Option<String>,
    /// Its path over WebSocket; it may be the same.
    socket: Option<String>,
    /// The path of the page that asks it.
    graphiql: Option<String>,
    probes: bool,
    is_for_operators: bool,
    /// The hosts under which it may be asked beside loopback; `None`: any.
    hosts: Option<Vec<String>>,
    transport: Option<StrictTransport>,
}

/// What browsers are told of a port with TLS (RFC 6797).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StrictTransport {
    /// To use TLS alone for this host,
    Host,
    /// and for all hosts below it.
    SubDomains,
}

impl Site {
    /// The main port, with everything below `root`: empty, or a path without a slash at the end. It has
    /// no actuator yet.
    #[must_use]
    pub fn main(root: impl Into<String>) -> Self {
        Self {
            root: root.into(),
            actuator: None,
            graphql: None,
            socket: None,
            graphiql: None,
            probes: false,
            is_for_operators: false,
            hosts: None,
            transport: None,
        }
    }

    /// The management port, with everything below `root`.
    #[must_use]
    pub fn of_operators(root: impl Into<String>) -> Self {
        Self { is_for_operators: true, ..Self::main(root) }
    }

    /// Adds those of these endpoints of the actuator that are exposed. As in Spring, an actuator at the root
    /// of the main port has no page of links, because the root is the home page.
    #[must_use]
    pub fn with(mut self, actuator: &Actuator, endpoints: &[Endpoint]) -> Self {
        let mut mine = actuator.clone();
        mine.endpoints.retain(|endpoint, _| endpoints.contains(endpoint));
        mine.links &= !endpoints.is_empty() && (self.is_for_operators || !mine.base.is_empty());
        self.actuator = Some(mine);
        self
    }

    /// Adds GraphQL, and the page that asks it, at paths with a slash in front and none at the end; with `None` there is none.
    #[must_use]
    pub fn with_graphql(mut self, path: Option<String>, page: Option<String>) -> Self {
        (self.graphql, self.graphiql) = (path, page);
        self
    }

    /// Adds GraphQL over WebSocket at a path of that form; with `None` there is none.
    #[must_use]
    pub fn with_websocket(mut self, path: Option<String>) -> Self {
        self.socket = path;
        self
    }

    /// Adds `/livez` and `/readyz`.
    #[must_use]
    pub fn with_probes(mut self, probes: bool) -> Self {
        self.probes = probes;
        self
    }

    /// Lets the management port be asked under loopback and these hosts alone (names, or addresses as they stand in
    /// URLs, without a port).
    #[must_use]
    pub fn known_as(mut self, hosts: Vec<String>) -> Self {
        self.hosts = Some(hosts);
        self
    }

    /// Says that the port has TLS.
    #[must_use]
    pub fn over_tls(mut self, transport: StrictTransport) -> Self {
        self.transport = Some(transport);
        self
    }

    /// `None` on a port without TLS.
    pub(crate) fn strict_transport(&self) -> Option<StrictTransport> {
        self.transport
    }

    /// Whether the port may be asked under a host.
    pub(crate) fn is_known_as(&self, host: &str) -> bool {
        let is_same = |known: &String| bare(known).eq_ignore_ascii_case(bare(host));
        self.hosts.as_ref().is_none_or(|hosts| is_loopback(host) || hosts.iter().any(is_same))
    }

    /// The path below which everything is; empty for none.
    pub(crate) fn root(&self) -> &str {
        &self.root
    }

    pub(crate) fn is_for_operators(&self) -> bool {
        self.is_for_operators
    }

    /// The full path of what is at `path` by default; `None` when this port does not have it.
    #[must_use]
    pub fn path(&self, path: &str) -> Option<String> {
        self.below_root(path).map(|served| format!("{}{served}", self.root))
    }

    /// The path of what is at `path` by default, below the root.
    pub(crate) fn below_root(&self, path: &str) -> Option<String> {
        if PROBES.contains(&path) {
            return self.probes.then(|| path.to_owned());
        }
        if path == GRAPHQL_SOCKET {
            return self.socket.clone();
        }
        for (by_default, own) in [(GRAPHQL, &self.graphql), (GRAPHIQL, &self.graphiql)] {
            if let Some(rest) = path.strip_prefix(by_default) {
                return own.as_ref().map(|own| format!("{own}{rest}"));
            }
        }
        // The links of the management port are at its root when the actuator is.
        if path == "/" && self.links_at_root() {
            return None;
        }
        match path.strip_prefix(ACTUATOR) {
            Some("") => {
                let actuator = self.actuator.as_ref().filter(|actuator| actuator.links)?;
                Some(if actuator.base.is_empty() { "/" } else { &actuator.base }.to_owned())
            }
            Some(rest) if rest.starts_with('/') => {
                let (id, rest) = split(rest);
                let (base, (name, _)) = self.endpoint(|endpoint, _| endpoint.id() == id)?;
                Some(format!("{base}/{name}{rest}"))
            }
            _ => Some(path.to_owned()),
        }
    }

    /// Whether what is at `path` by default may be used to change something here.
    pub(crate) fn may_change(&self, path: &str) -> bool {
        let id = path.strip_prefix(ACTUATOR).map(|rest| split(rest).0);
        id.is_none_or(|id| {
            let found = self.endpoint(|endpoint, _| endpoint.id() == id);
            found.is_some_and(|(_, (_, access))| *access == Access::Unrestricted)
        })
    }

    /// Whether a path that was asked for belongs to the actuator of this port, or is a probe.
    pub(crate) fn is_watched(&self, asked: &str) -> bool {
        let Some(path) = asked.strip_prefix(&self.root) else { return false };
        self.probes && PROBES.contains(&path) || self.is_of_actuator(asked)
    }

    /// Whether a path that was asked for belongs to the actuator of this port.
    pub(crate) fn is_of_actuator(&self, asked: &str) -> bool {
        let Some(path) = asked.strip_prefix(&self.root) else { return false };
        let Some(actuator) = &self.actuator else { return false };
        let Some(rest) = path.strip_prefix(&actuator.base) else { return false };
        let is_below = |name: &str| {
            let rest = rest.strip_prefix('/').and_then(|rest| rest.strip_prefix(name));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        (rest.is_empty() && actuator.links) || self.endpoint(|_, name| is_below(name)).is_some()
    }

    /// Whether a path that was asked for is about orders.
    pub(crate) fn is_of_orders(&self, asked: &str) -> bool {
        let path = asked.strip_prefix(&self.root).unwrap_or_default();
        !self.is_for_operators && (split(path).0 == "orders" || self.is_graphql(asked))
    }

    /// Whether a path that was asked for is that of GraphQL.
    pub(crate) fn is_graphql(&self, asked: &str) -> bool {
        let path = asked.strip_prefix(&self.root);
        path.is_some() && [&self.graphql, &self.socket].iter().any(|own| path == own.as_deref())
    }

    /// Whether a path that was asked for is that of a page: of a customer's orders, or of an order's events.
    pub(crate) fn is_page(&self, asked: &str) -> bool {
        let path = asked.strip_prefix(&self.root).unwrap_or_default();
        let mut parts = path.split('/').skip(1);
        let parts = [(); 4].map(|()| parts.next());
        let is_page = matches!(
            parts,
            [Some("orders"), Some("customer"), Some(_), None]
                | [Some("orders"), Some(_), Some("events"), None]
        );
        is_page && !self.is_for_operators
    }

    fn links_at_root(&self) -> bool {
        self.actuator.as_ref().is_some_and(|actuator| actuator.links && actuator.base.is_empty())
    }

    /// An endpoint that this port has, with the base of the actuator.
    fn endpoint(&self, is: impl Fn(Endpoint, &str) -> bool) -> Option<(&str, &(String, Access))> {
        let actuator = self.actuator.as_ref()?;
        let mut endpoints = actuator.endpoints.iter();
        let (_, found) = endpoints.find(|(endpoint, (name, _))| is(**endpoint, name))?;
        (found.1 > Access::None).then_some((actuator.base.as_str(), found))
    }
}

/// A host without the dot that says that its name is complete.
fn bare(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

fn is_loopback(host: &str) -> bool {
    let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let address = v6.unwrap_or(host).parse::<IpAddr>();
    address.is_ok_and(|address| address.to_canonical().is_loopback())
        || bare(host).eq_ignore_ascii_case("localhost")
}

/// The first segment of a path that begins with a slash, and what follows it.
fn split(path: &str) -> (&str, &str) {
    let path = path.strip_prefix('/').unwrap_or_default();
    path.split_at(path.find('/').unwrap_or(path.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEALTH: &str = "/actuator/health/liveness";

    fn moved(base: &str) -> Actuator {
        let mut actuator = Actuator { base: base.to_owned(), ..Actuator::default() };
        actuator.endpoints.insert(Endpoint::Health, ("is/up".to_owned(), Access::Unrestricted));
        actuator.endpoints.insert(Endpoint::Loggers, ("loggers".to_owned(), Access::ReadOnly));
        actuator.endpoints.insert(Endpoint::Events, ("events".to_owned(), Access::None));
        actuator
    }

    #[test]
    fn everything_is_below_the_root_and_the_actuator_below_its_own_path() {
        let site = Site::main("/shop").with(&moved("/manage"), &Endpoint::OF_CLIENTS);
        assert_eq!(site.path("/orders/1").unwrap(), "/shop/orders/1");
        assert_eq!(site.path("/").unwrap(), "/shop/");
        assert_eq!(site.path("/actuator").unwrap(), "/shop/manage");
        assert_eq!(site.path(HEALTH).unwrap(), "/shop/manage/is/up/liveness");
        for missing in ["/actuator/loggers", "/actuator/events/parked", "/actuator/env", "/livez"] {
            assert_eq!(site.path(missing), None, "{missing}");
        }
        assert!(site.is_watched("/shop/manage/is/up/liveness") && site.is_watched("/shop/manage"));
        for other in ["/shop/manage/health", "/manage/is/up", "/shop/orders/1", "/shopmanage/is/up"]
        {
            assert!(!site.is_watched(other), "{other}");
        }
        assert!(site.is_of_orders("/shop/orders/1") && !site.is_of_orders("/orders/1"));
        assert!(site.is_page("/shop/orders/1/events") && site.is_page("/shop/orders/customer/1"));
        for other in ["/orders/1/events", "/shop/orders/1", "/shop/orders/1/status", "/shop/events"]
        {
            assert!(!site.is_page(other), "{other}");
        }
    }

    #[test]
    fn an_actuator_at_the_root_has_links_on_a_port_of_its_own_alone() {
        let main = Site::main("").with(&moved(""), &Endpoint::OF_CLIENTS);
        assert_eq!(
            (main.path(HEALTH).as_deref(), main.path("/actuator")),
            (Some("/is/up/liveness"), None)
        );
        assert_eq!(main.path("/").unwrap(), "/");
        let own = Site::of_operators("").with(&moved(""), &Endpoint::ALL);
        assert_eq!((own.path("/actuator").as_deref(), own.path("/")), (Some("/"), None));
        assert!(own.is_watched("/is/up") && !own.is_watched("/openapi.json"));
    }

    #[test]
    fn access_decides_what_is_there_and_what_may_be_changed() {
        let site = Site::of_operators("").with(&moved("/manage"), &Endpoint::ALL);
        assert!(!site.may_change("/actuator/loggers/ROOT") && site.may_change("/actuator/refresh"));
        assert_eq!(site.path("/actuator/loggers").unwrap(), "/manage/loggers");
        assert_eq!(site.path("/actuator/events"), None);
    }

    #[test]
    fn a_port_without_an_actuator_may_have_probes() {
        let site = Site::main("").with_probes(true);
        assert_eq!(
            (site.path("/readyz").as_deref(), site.path("/actuator")),
            (Some("/readyz"), None)
        );
        assert!(site.is_watched("/livez"));
    }

    #[test]
    fn a_port_for_loopback_is_known_as_loopback_and_as_its_hosts() {
        let site = Site::of_operators("").known_as(vec!["ops.example".to_owned()]);
        for known in [
            "localhost",
            "LocalHost.",
            "127.0.0.1",
            "127.9.8.7",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "OPS.example",
            "ops.example.",
        ] {
            assert!(site.is_known_as(known), "{known}");
        }
        for other in [
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil.example",
            "10.0.0.1",
            "[::2]",
            "0.0.0.0",
            "127.1",
            "x.ops.example",
        ] {
            assert!(!site.is_known_as(other), "{other}");
            assert!(Site::of_operators("").is_known_as(other), "{other}");
        }
    }
}
