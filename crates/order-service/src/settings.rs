//! The settings of the service: its keys, one file per topic, and their order in docs/settings.md,
//! which operators read. Sources, names and config servers are the work of `settings-spring`.

mod api;
mod config;
mod connections;
mod cors;
mod currencies;
mod endpoints;
mod eureka;
mod events;
mod graphql;
mod info;
mod kafka;
mod logging;
mod management;
mod metrics;
mod rate_limit;
mod sagas;
mod security;
mod server;
mod stop;
mod storage;
mod tls;
mod tracing;
mod unread;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use http_actix::Forms;
use order_app::currencies::Currencies;
use settings_spring::{
    CONFIG_SERVER, Catalogue, ConfigServer, FILES, PROFILE, PROFILES, Reader, Service, complete,
};
use telemetry_otlp::LogSettings;

pub use connections::Connections;
pub use eureka::{Eureka, EurekaInstance, EurekaPage, EurekaPorts};
pub use graphql::Graphql;
pub use info::Info;
pub use kafka::Kafka;
pub use management::{Management, ManagementPort};
pub use sagas::{SagaTransport, Sagas};
pub use security::{Security, Tokens};
pub use server::{Requests, Web};
pub use settings_spring::{Inputs, LoadError, Occasion};
pub use stop::Stop;
pub use storage::{Database, Encryption, ServerCheck, Storage};
pub use tls::{Pem, PortTls, Tls};
pub use tracing::Tracing;

/// The settings, and what there is to say about them.
pub type Loaded = settings_spring::Loaded<Settings>;

/// Everything that is set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where requests are taken; port 0 is any free one.
    pub listen: SocketAddr,
    /// What is encrypted.
    pub encryption: PortTls,
    /// The name of this service.
    pub name: String,
    /// The active profiles.
    pub profiles: Vec<String>,
    /// How the service stops.
    pub stop: Stop,
    /// How requests are served.
    pub requests: Requests,
    /// The bounds of connections.
    pub connections: Connections,
    /// How the service is reached, and how it answers.
    pub web: Web,
    /// Where orders are kept.
    pub storage: Storage,
    /// Which currencies are accepted.
    pub currencies: Currencies,
    /// The forms of answers about orders.
    pub forms: Forms,
    /// GraphQL.
    pub graphql: Graphql,
    /// The topic of the events; `{type}` stands for the event's type.
    pub events_topic: String,
    /// What is logged, and how.
    pub logging: LogSettings,
    /// The brokers.
    pub kafka: Kafka,
    /// The sagas of orders.
    pub sagas: Sagas,
    /// The registry.
    pub eureka: Eureka,
    /// How often the settings are read again; `None` is never.
    pub refresh_interval: Option<Duration>,
    /// Where the actuator is, and what of it.
    pub management: Management,
    /// Whether health tells more of a component than its status, on any port; `None` tells it on the
    /// management port.
    pub health_details: Option<bool>,
    /// What the process tells of itself.
    pub info: Info,
    /// The labels that every metric has, by their names.
    pub metric_tags: BTreeMap<String, String>,
    /// How traces are recorded.
    pub tracing: Tracing,
    /// Who may ask.
    pub security: Security,
}

impl Settings {
    /// The name of this instance in the registry, in logs, traces and metrics; `machine` is the machine's
    /// name. If the instance takes any free port, the process's id tells it apart.
    #[must_use]
    pub fn instance(&self, machine: &str, process: u32) -> String {
        let set = &self.eureka.instance;
        let host = set.hostname.as_deref().unwrap_or(machine);
        let port = match self.listen.port() {
            0 => process,
            port => port.into(),
        };
        set.id.clone().unwrap_or_else(|| format!("{host}:{}:{port}", self.name))
    }
}

/// The service, as `settings-spring` must know it. The rows have the order of docs/settings.md.
pub(crate) static SERVICE: LazyLock<Service<Settings>> = LazyLock::new(|| Service {
    catalogue: Catalogue::new(&[
        server::ROWS,
        tls::MAIN,
        tls::MANAGEMENT,
        tls::BUNDLES,
        PROFILE,
        stop::PHASE,
        storage::DATASOURCE,
        storage::POOL,
        storage::ACCESS,
        events::ROWS,
        storage::KEPT,
        server::STREAMS,
        currencies::ROWS,
        api::ROWS,
        graphql::ROWS,
        cors::GRAPHQL,
        server::REQUESTS,
        connections::ROWS,
        security::ROWS,
        rate_limit::ROWS,
        cors::ROWS,
        stop::ROWS,
        storage::UPKEEP,
        logging::ROWS,
        kafka::ROWS,
        kafka::PRODUCERS,
        kafka::PRODUCER,
        sagas::ROWS,
        kafka::CONSUMER,
        kafka::CONSUMERS,
        eureka::ROWS,
        FILES,
        CONFIG_SERVER,
        config::ROWS,
        management::ROWS,
        endpoints::ROWS,
        endpoints::ACCESS,
        cors::ACTUATOR,
        info::ROWS,
        metrics::ROWS,
        tracing::ROWS,
    ])
    .owning("order.")
    .local("order.config.")
    .alias("DATABASE_URL", "spring.datasource.url")
    .unread(unread::ROWS)
    .answering_for(unread::ROOTS)
    .showing_parameters(storage::is_harmless)
    .sending(config::is_address)
    .reading_files(config::is_path),
    config_server: Some(ConfigServer {
        name: &server::NAME,
        copies: &config::COPIES,
        remote_files: &config::REMOTE_FILES,
        remote_environment: &config::REMOTE_ENVIRONMENT,
        user_agent: concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")),
        registry: eureka::look_up,
    }),
    read,
});

/// Reads and checks all settings.
///
/// # Errors
/// Everything that is wrong, at once; or that a config server does not give what is needed.
pub fn load(inputs: &Inputs, occasion: Occasion<'_>) -> Result<Loaded, LoadError> {
    settings_spring::load(&SERVICE, inputs, occasion)
}

/// The environment variables of this process, without those that are not text.
#[must_use]
pub fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The fields are read in this order, which is that of `order-service config`.
fn read(from: &mut Reader<'_>) -> Option<Settings> {
    let settings = complete!(Settings {
        listen: server::listen(from),
        name: from.read(&server::NAME),
        profiles: from.read(&PROFILES),
        stop: stop::read(from),
        requests: server::requests(from),
        connections: connections::read(from),
        web: server::web(from),
        storage: storage::read(from, requests),
        currencies: currencies::read(from),
        forms: api::read(from),
        graphql: graphql::read(from),
        events_topic: from.read(&events::TOPIC),
        logging: logging::read(from),
        kafka: kafka::read(from, name.as_deref(), events_topic.as_deref()),
        sagas: sagas::read(from, kafka.as_ref()),
        eureka: eureka::read(from),
        refresh_interval: from.read(&config::REFRESH),
        management: management::read(from, listen),
        encryption: tls::read(
            from,
            management
                .as_ref()
                .zip(listen)
                .is_some_and(|(management, main)| management.own_port(main).is_some())
        ),
        health_details: from.read(&management::HEALTH_DETAILS),
        info: info::read(from),
        metric_tags: metrics::read(from),
        tracing: tracing::read(from),
        security: security::read(from),
    })?;
    if settings.eureka.registers() {
        return Some(Settings { listen: server::reachable(settings.listen, from), ..settings });
    }
    Some(settings)
}

#[cfg(test)]
pub(crate) mod docs_tests;
#[cfg(test)]
pub(crate) mod tests;
