//! The peers that requests do without: brokers, the participants of sagas, the registry, the issuer of tokens and, between them and the database, the
//! relay. What they say for the health page and the metrics is at hand; asking costs nothing.

use std::sync::Arc;

use discovery_eureka::Registration;
use http_actix::{Component, Status};
use identity_jwt::Jwt;
use order_app::relay::RelayStats;
use serde_json::json;

use super::broker::Broker;
use super::certificates::Certificate;
use super::http::Ports;
use super::sagas::Transport;
use super::{registry, security};
use crate::refresh::Refresher;
use crate::settings::Settings;
use crate::system::clock;

/// The peers of this process. Cheap to clone.
#[derive(Clone)]
pub(super) struct Peers {
    /// `None` without brokers.
    pub(super) broker: Option<Broker>,
    /// Those of sagas.
    pub(super) participants: Transport,
    /// `None` without a registry.
    pub(super) registration: Option<Registration>,
    /// `None` where requests need no token.
    pub(super) issuer: Option<Arc<Jwt>>,
    /// Those of the ports that speak TLS.
    certificates: Vec<Certificate>,
    /// The relay is a part of this process; if it lags, a peer is the reason.
    pub(super) relay: Arc<RelayStats>,
}

impl Peers {
    /// `ports` are those of this process.
    pub(super) fn new(settings: &Settings, ports: &Ports) -> anyhow::Result<Self> {
        Ok(Self {
            broker: Broker::new(settings)?,
            participants: Transport::new(settings)?,
            registration: registry::registration(settings, ports)?,
            issuer: security::issuer(&settings.security)?,
            certificates: ports.certificates(),
            relay: Arc::default(),
        })
    }

    /// How they and the config servers do now, whenever it is called.
    pub(super) fn components(
        &self,
        settings: &Refresher,
    ) -> Arc<dyn Fn() -> Vec<Component> + Send + Sync> {
        let (peers, settings) = (self.clone(), settings.clone());
        Arc::new(move || {
            let broker = peers.broker.as_ref().map(Broker::component);
            let participants = peers.participants.component();
            let registry = peers.registration.as_ref().map(registry::component);
            let issuer = peers.issuer.as_deref().map(security::component);
            let certificates = Certificate::component(&peers.certificates, clock().now());
            let (settings, relay) = (settings.component(), relay(&peers.relay));
            let all = broker
                .into_iter()
                .chain(participants)
                .chain(registry)
                .chain(issuer)
                .chain(settings);
            all.chain(certificates).chain([relay]).collect()
        })
    }
}

fn relay(stats: &RelayStats) -> Component {
    let report = stats.report();
    let last_error = report.last_error.map(|error| {
        let at = error.at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        json!({"at": at, "cause": error.text})
    });
    let details = json!({
        "lagMillis": report.lag.num_milliseconds(),
        "parkedOrders": report.parked_orders,
        "shards": report.held_shards,
        "lastError": last_error,
    });
    Component { name: "relay", status: Status::Up, details }
}
