//! The broker: the only file of the wiring that knows that events go to Kafka (its keys are in
//! `settings/kafka.rs`). The relay and replays
//! have a client each, so that a replay cannot slow down the relay.

use std::sync::Arc;

use async_trait::async_trait;
use events_kafka::{BrokerState, KafkaPublisher, TopicsState};
use http_actix::{Component, Status};
use order_app::events::EventRecord;
use order_app::ports::{EventPublisher, EventReplayer, PublishError};
use serde_json::json;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::settings::{Kafka, Settings};

/// The client of the relay.
#[derive(Clone)]
pub(crate) struct Broker(Arc<KafkaPublisher>);

impl Broker {
    /// Starts a client; `None` if the settings name no brokers. The brokers may be down.
    pub(super) fn new(settings: &Settings) -> anyhow::Result<Option<Self>> {
        let kafka = &settings.kafka;
        if !kafka.is_on() {
            return Ok(None);
        }
        let client = KafkaPublisher::new(&kafka.of_producers(&settings.events_topic));
        Ok(Some(Self(Arc::new(client.map_err(|error| kafka.complaints(&error))?))))
    }

    pub(super) fn publisher(&self) -> Arc<dyn EventPublisher> {
        self.0.clone()
    }

    /// Looks whether the topics are there, again and again.
    pub(super) async fn check_topics(self) {
        self.0.check_topics().await;
    }

    /// Whether the last word from the brokers was good.
    pub(super) fn is_reachable(&self) -> bool {
        matches!(self.0.health().broker, BrokerState::Reachable)
    }

    /// For the health page, from what the client knows already.
    pub(super) fn component(&self) -> Component {
        let health = self.0.health();
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
}

/// Replays events; `None` if the settings name no brokers.
pub(super) fn replayer(settings: &Settings) -> Option<Arc<dyn EventReplayer>> {
    let replayer = Replayer {
        settings: settings.kafka.clone(),
        topic: settings.events_topic.clone(),
        client: OnceCell::new(),
    };
    settings.kafka.is_on().then(|| -> Arc<dyn EventReplayer> { Arc::new(replayer) })
}

/// Starts its client with the first replay.
struct Replayer {
    settings: Kafka,
    topic: String,
    client: OnceCell<KafkaPublisher>,
}

impl Replayer {
    async fn client(&self) -> Result<&KafkaPublisher, String> {
        let start = || async {
            let settings = self.settings.of_producers(&self.topic);
            // It reads files and starts threads.
            let started = spawn_blocking(move || KafkaPublisher::new(&settings)).await;
            let started = started.map_err(|panicked| panicked.to_string())?;
            started.map_err(|error| self.settings.complaints(&error).to_string())
        };
        self.client.get_or_try_init(start).await
    }
}

#[async_trait]
impl EventReplayer for Replayer {
    async fn replay(
        &self,
        topic: Option<&str>,
        events: &[EventRecord],
    ) -> Vec<Result<(), PublishError>> {
        match self.client().await {
            Ok(client) => client.replay(topic, events).await,
            Err(reason) => {
                let refuse = |_| Err(PublishError::Permanent(reason.clone().into()));
                events.iter().map(refuse).collect()
            }
        }
    }
}
