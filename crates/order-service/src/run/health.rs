//! The peers that requests do without, for the health page. What they say of themselves is at hand:
//! nobody is asked for it.

use std::sync::Arc;

use discovery_eureka::{Registration, Standing};
use events_kafka::{BrokerState, KafkaPublisher, TopicsState};
use http_actix::{Component, Status};
use order_app::relay::RelayStats;
use serde_json::json;

use super::publishing::Publishing;
use crate::refresh::Refresher;

/// Whoever can say how a peer does.
pub(super) struct Peers {
    kafka: Option<Arc<KafkaPublisher>>,
    relay: Arc<RelayStats>,
    registration: Option<Registration>,
    refresher: Refresher,
}

impl Peers {
    pub(super) fn new(
        publishing: &Publishing,
        relay: &Arc<RelayStats>,
        registration: Option<&Registration>,
        refresher: &Refresher,
    ) -> Self {
        Self {
            kafka: publishing.kafka(),
            relay: Arc::clone(relay),
            registration: registration.cloned(),
            refresher: refresher.clone(),
        }
    }

    /// How they do, now.
    pub(super) fn components(&self) -> Vec<Component> {
        let kafka = self.kafka.as_deref().map(kafka);
        let registration = self.registration.as_ref().map(eureka);
        let settings = self.refresher.component();
        kafka.into_iter().chain(registration).chain(settings).chain([relay(&self.relay)]).collect()
    }
}

fn kafka(publisher: &KafkaPublisher) -> Component {
    let health = publisher.health();
    let (status, broker) = match health.broker {
        BrokerState::Unknown => (Status::Unknown, "nothing has been tried yet".to_owned()),
        BrokerState::Reachable => (Status::Up, "reachable".to_owned()),
        BrokerState::Unreachable(why) => (Status::Down, format!("unreachable: {why}")),
    };
    let (status, topics) = match health.topics {
        TopicsState::Unknown => (status, "no broker has said yet".to_owned()),
        TopicsState::Present => (status, "present".to_owned()),
        TopicsState::Amiss(why) => (Status::Down, why),
    };
    Component { name: "kafka", status, details: json!({"broker": broker, "topics": topics}) }
}

fn eureka(registration: &Registration) -> Component {
    let state = registration.state();
    let status = match &state.standing {
        Standing::Hidden => Status::Unknown,
        Standing::Registered { .. } => Status::Up,
        Standing::NotRegistered { .. } => Status::Down,
        Standing::OutOfService { .. } | Standing::Gone { .. } => Status::OutOfService,
    };
    let details = json!({
        "registration": state.standing.to_string(),
        "forSeconds": state.since.elapsed().as_secs(),
    });
    Component { name: "eureka", status, details }
}

/// The relay itself is a part of this process; when it lags, the reason is one of its peers.
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
