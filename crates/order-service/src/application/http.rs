//! The two servers: requests on the main port, operators on the management port, and which of them has what
//! of the actuator. The management port is taken at the start and closed last, so that operators can watch
//! both.

use std::fs;
use std::io::{IsTerminal as _, stdout};
use std::iter;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use events_kafka::SagaTopics;
use http_actix::{
    About, Documents, GraphqlSettings, Http, HttpSettings, Management, Server, ServerHandle, Site,
    StrictTransport, TrustedDocuments,
};
use order_events::asyncapi::Topics;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout_at};

use super::certificates::Certificate;
use super::sites::{self, Page, Sites, scheme};
use crate::descriptors;
use crate::settings::{self, ManagementPort, PortTls, Settings};

/// The most bytes of a list of trusted documents.
const LARGEST_LIST: u64 = 16 << 20;

/// The ports, and what each of them has.
pub(super) struct Ports {
    main: Port,
    operators: Option<Port>,
    /// The pages that the registry names.
    pub(super) pages: Pages,
}

/// A port that is taken, and not served yet.
struct Port {
    listener: TcpListener,
    site: Site,
    /// `None`: nothing is encrypted.
    certificate: Option<Certificate>,
}

/// The pages that the registry names.
pub(super) struct Pages {
    /// The port of info and health, if it is not the main one.
    pub(super) port: Option<u16>,
    /// Whether that port speaks TLS.
    pub(super) is_secure: bool,
    /// The path in front of all others on that port.
    pub(super) root: String,
    pub(super) home: String,
    pub(super) info: String,
    pub(super) health: String,
}

/// The running server for operators, if there is one.
pub(super) struct Operators(Option<ServerHandle>);

impl Ports {
    /// Takes the ports.
    pub(super) fn take(settings: &Settings) -> anyhow::Result<Self> {
        let main = listen(settings.listen, "server.address, server.port")?;
        let operators = listen_for_operators(settings)?;
        let (address, management) = (main.local_addr()?, &settings.management);
        let own = operators.as_ref().map(TcpListener::local_addr).transpose()?;
        // Info and health stay where clients reach them.
        let Sites { main: site, operators: of_operators, is_apart } =
            Sites::of(settings, address.ip(), own.map(|own| own.ip()));
        let home = site.path("/").unwrap_or_else(|| "/".to_owned());
        let pages = match own.filter(|_| !is_apart) {
            Some(own) => Pages::on(&of_operators, &management.root, home, Some(own.port())),
            None => Pages::on(&site, &settings.web.context_path, home, None),
        };
        let PortTls { main: tls, management: tls_of_operators } = &settings.encryption;
        let strict = settings.web.strict_transport;
        let main = Port::new("main", main, site, tls.as_ref(), strict)?;
        let operators = operators
            .map(|listener| {
                Port::new("management", listener, of_operators, tls_of_operators.as_ref(), strict)
            })
            .transpose()?;
        let secure = if pages.port.is_some() { &operators } else { &None };
        let is_secure = secure.as_ref().is_some_and(|port| port.certificate.is_some());
        Ok(Self { main, operators, pages: Pages { is_secure, ..pages } })
    }

    /// Where requests are taken.
    pub(super) fn address(&self) -> std::io::Result<SocketAddr> {
        self.main.listener.local_addr()
    }

    /// The pages of the main port that people open in a browser; none unless they read the log on a terminal, because logs
    /// that are collected have no use for addresses of this machine.
    pub(super) fn for_people(&self) -> std::io::Result<Vec<Page>> {
        if !stdout().is_terminal() {
            return Ok(Vec::new());
        }
        Ok(sites::for_people(&self.main.site, self.address()?, self.is_secure()))
    }

    /// Whether the main port speaks TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.main.certificate.is_some()
    }

    /// Those of the ports that speak TLS.
    pub(super) fn certificates(&self) -> Vec<Certificate> {
        let ports = iter::once(&self.main).chain(&self.operators);
        ports.filter_map(|port| port.certificate.clone()).collect()
    }

    /// Serves on both. Requests do not depend on the server for operators: when it fails, it fails alone.
    pub(super) fn serve(
        self,
        http: Http,
        management: Management,
    ) -> anyhow::Result<(Server, Operators)> {
        let mut operators = None;
        if let Some(Port { listener, site, certificate }) = self.operators {
            let tls = certificate.as_ref().map(Certificate::tls);
            let server =
                http_actix::serve_management(http.clone(), management, site, listener, tls)
                    .context("the management server does not start")?;
            operators = Some(server.handle());
            tokio::spawn(async move {
                if let Err(error) = server.await {
                    tracing::error!(%error, "the management server has failed");
                }
            });
        }
        let Port { listener, site, certificate } = self.main;
        let tls = certificate.as_ref().map(Certificate::tls);
        let server = http_actix::serve(http, site, listener, tls)
            .context("the HTTP server does not start")?;
        Ok((server, Operators(operators)))
    }
}

impl Port {
    fn new(
        name: &'static str,
        listener: TcpListener,
        site: Site,
        tls: Option<&settings::Tls>,
        strict: StrictTransport,
    ) -> anyhow::Result<Self> {
        let certificate = tls.map(|tls| Certificate::load(name, tls)).transpose()?;
        let site = if certificate.is_some() { site.over_tls(strict) } else { site };
        Ok(Self { listener, site, certificate })
    }
}

impl Pages {
    fn on(site: &Site, root: &str, home: String, port: Option<u16>) -> Self {
        // What is not served is named as Spring would name it.
        let path = |path: &str| site.path(path).unwrap_or_else(|| format!("{root}{path}"));
        Self {
            port,
            is_secure: false,
            root: root.to_owned(),
            home,
            info: path("/actuator/info"),
            health: path("/actuator/health"),
        }
    }
}

/// Takes a port. `keys` name the settings that chose it.
fn listen(address: SocketAddr, keys: &str) -> anyhow::Result<TcpListener> {
    let listener = http_actix::listen(address);
    listener.with_context(|| format!("cannot listen on {address} ({keys})"))
}

/// Takes the management port, if the settings name one.
fn listen_for_operators(settings: &Settings) -> anyhow::Result<Option<TcpListener>> {
    let management = &settings.management;
    let Some(address) = sites::of_operators(settings) else {
        if management.port == ManagementPort::Own(settings.listen.port()) {
            tracing::info!(
                "management.server.port is the main port: there is no port for operators"
            );
        }
        return Ok(None);
    };
    let listener = listen(address, "management.server.address, management.server.port")?;
    let scheme = scheme(settings.encryption.management.is_some());
    tracing::info!(address = %listener.local_addr()?, scheme, "listening for operators");
    Ok(Some(listener))
}

/// How GraphQL is served, if it is.
fn graphql(settings: &settings::Graphql) -> anyhow::Result<Option<GraphqlSettings>> {
    if settings.path.is_none() {
        return Ok(None);
    }
    let mut graphql = settings.settings.clone();
    if let Some(file) = &settings.documents {
        let read = || {
            let about = fs::metadata(file)?;
            ensure!(
                about.is_file() && about.len() <= LARGEST_LIST,
                "it is no file of at most 16 MiB"
            );
            Ok(TrustedDocuments::read(&fs::read_to_string(file)?)?)
        };
        let documents = read().with_context(|| {
            format!("order.graphql.documents: the file {} is of no use", file.display())
        })?;
        let list = if settings.documents_only { Documents::ListedAlone } else { Documents::Listed };
        graphql.documents = list(Arc::new(documents));
    }
    Ok(Some(graphql))
}

/// The limits of the main server. `descriptors` is how many the process may have.
pub(super) fn limits(
    settings: &Settings,
    descriptors: Option<usize>,
) -> anyhow::Result<HttpSettings> {
    let connections = settings.connections;
    Ok(HttpSettings {
        max_in_flight: settings.requests.permits().into(),
        max_unread_answers: settings.requests.max_unread_answers,
        body_deadline: settings.requests.body_deadline.into(),
        head_deadline: connections.head,
        keep_alive: connections.idle,
        answer_deadline: connections.answer,
        max_connections: descriptors::for_clients(descriptors, settings),
        max_connections_per_peer: connections.most_per_peer.and_then(|most| most.try_into().ok()),
        // The budget of the stop ends before this (it is 10 minutes at most), and the log says so.
        shutdown_timeout: Duration::from_hours(1),
        health_details: settings.health_details,
        health_components: settings.management.health_components,
        proxies: settings.web.proxies.clone(),
        compression: settings.web.compression.clone(),
        sampling: settings.tracing.sampling(),
        forms: settings.forms,
        cors: settings.web.cors.clone(),
        actuator_cors: settings.management.cors.clone(),
        rate_limit: settings.web.rate_limit,
        graphql: graphql(&settings.graphql)?,
        graphql_cors: settings.graphql.cors.clone(),
        ..HttpSettings::default()
    })
}

/// The topics that the service's document names.
pub(super) fn topics(settings: &Settings) -> Topics {
    let SagaTopics { inventory, payment, replies } = settings.sagas.topics.clone();
    let mut topics = Topics::of_events(&settings.events_topic);
    (topics.inventory, topics.payment, topics.replies) = (inventory, payment, replies);
    topics
}

/// What the process says of itself.
pub(super) fn about(settings: &Settings) -> About {
    let (name, version) = (settings.name.clone(), env!("CARGO_PKG_VERSION").to_owned());
    let app = json!({"name": name, "version": version});
    let mut info = Map::from_iter([("app".to_owned(), app)]);
    if settings.info.build {
        let build = json!({"artifact": name, "name": name, "version": version});
        info.insert("build".to_owned(), build);
    }
    if let Some(commit) = option_env!("GIT_COMMIT").filter(|_| settings.info.git) {
        info.insert("git".to_owned(), json!({"commit": {"id": commit}}));
    }
    merge(&mut info, &settings.info.own);
    About { name, version, info }
}

/// Lays one tree over another.
fn merge(tree: &mut Map<String, Value>, over: &Map<String, Value>) {
    for (name, value) in over {
        match (tree.get_mut(name), value) {
            (Some(Value::Object(below)), Value::Object(over)) => merge(below, over),
            _ => drop(tree.insert(name.clone(), value.clone())),
        }
    }
}

impl Operators {
    /// Stops, and lets answers under way finish until `end`.
    pub(super) async fn stop(self, end: Instant) {
        if let Some(server) = self.0 {
            let _ = timeout_at(end, server.stop(true)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::Case;

    /// The pages that the registry would name, without the port itself.
    fn pages(options: &[(&str, &str)]) -> (bool, String, String, String) {
        let case = options.iter().fold(Case::new(), |case, (name, value)| case.option(name, value));
        let settings = case.option("server.port", "0").loaded().settings;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _inside = runtime.enter();
        let Pages { port, home, info, health, .. } = Ports::take(&settings).unwrap().pages;
        (port.is_some(), home, info, health)
    }

    #[test]
    fn the_registry_names_pages_that_its_readers_can_reach() {
        let (manage, own) =
            (("management.endpoints.web.base-path", "/manage"), ("management.server.port", "0"));
        let everywhere = ("server.address", "0.0.0.0");
        let shop = ("server.servlet.context-path", "/shop");
        for (options, expected) in [
            (&[][..], (false, "/", "/actuator/info", "/actuator/health")),
            (&[shop, manage], (false, "/shop/", "/shop/manage/info", "/shop/manage/health")),
            (
                &[shop, manage, own, ("management.server.base-path", "/ops/")],
                (true, "/shop/", "/ops/manage/info", "/ops/manage/health"),
            ),
            (
                &[own, everywhere, shop],
                (false, "/shop/", "/shop/actuator/info", "/shop/actuator/health"),
            ),
            (
                &[own, everywhere, ("management.server.address", "0.0.0.0")],
                (true, "/", "/actuator/info", "/actuator/health"),
            ),
            (
                &[("management.endpoints.web.path-mapping.health", "up")],
                (false, "/", "/actuator/info", "/actuator/up"),
            ),
        ] {
            let (port, home, info, health) = pages(options);
            assert_eq!((port, &*home, &*info, &*health), expected, "{options:?}");
        }
    }
}
