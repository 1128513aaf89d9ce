//! What operators may do about events, and the Kafka client for replays: another one than the relay's, so that whatever becomes of a replay
//! the relay does not notice. It is started with the first replay.

use std::sync::Arc;

use async_trait::async_trait;
use events_kafka::KafkaPublisher;
use order_app::events::EventRecord;
use order_app::operations::{Operations, OperationsPorts};
use order_app::ports::{Clock, Entropy, EventReplayer, PublishError};
use persistence_diesel::Stores;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::settings::{Kafka, Settings};

struct Replayer {
    settings: Kafka,
    topic: String,
    client: OnceCell<KafkaPublisher>,
}

/// The operations on what a database keeps.
pub(crate) fn operations(
    settings: &Settings,
    stores: &Stores,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Operations {
    Operations::new(ports(settings, stores, clock, entropy))
}

/// What the operations work on.
pub(crate) fn ports(
    settings: &Settings,
    stores: &Stores,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> OperationsPorts {
    OperationsPorts {
        journal: stores.journal.clone(),
        inspection: stores.inspection.clone(),
        store: stores.orders.clone(),
        replayer: replayer(settings),
        clock,
        entropy,
    }
}

/// Replays to the brokers of the settings; nothing without any.
fn replayer(settings: &Settings) -> Option<Arc<dyn EventReplayer>> {
    let wanted = !settings.kafka.servers.is_empty();
    let replayer = || Replayer {
        settings: settings.kafka.clone(),
        topic: settings.events_topic.clone(),
        client: OnceCell::new(),
    };
    wanted.then(|| -> Arc<dyn EventReplayer> { Arc::new(replayer()) })
}

impl Replayer {
    /// Starting a client reads files and starts threads.
    async fn client(&self) -> Result<&KafkaPublisher, String> {
        let start = || async {
            let settings = self.settings.client(&self.topic);
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
