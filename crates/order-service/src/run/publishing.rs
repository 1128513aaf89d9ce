//! Publishing: the relay, and the Kafka client behind it when there are brokers. Requests never
//! wait for any of this; without brokers the events are new_positions in the journal all the same.

use std::sync::Arc;
use std::time::Duration;

use events_kafka::KafkaPublisher;
use order_app::ports::{Clock, Entropy, EventPublisher, uuid_v7};
use order_app::relay::{Relay, RelayPorts, RelaySettings, RelayStats};
use order_app::wake_up::WakeUp;
use persistence_diesel::Stores;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;
use uuid::Uuid;

use crate::settings::Settings;

/// After a panic of the relay; its leases are its own again when it is back.
const PAUSE: Duration = Duration::from_secs(2);

/// Everything that publishes, ready to run.
pub(super) struct Publishing {
    ports: RelayPorts,
    kafka: Option<Arc<KafkaPublisher>>,
    instance: Uuid,
    commits: WakeUp,
    new_positions: WakeUp,
    stats: Arc<RelayStats>,
}

/// The running relay.
pub(super) struct Running {
    tell: watch::Sender<bool>,
    relay: JoinHandle<()>,
    _topics: JoinSet<()>,
}

/// What the relay works on, for as long as there are no brokers.
pub(super) fn ports(
    stores: &Stores,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> RelayPorts {
    let (journal, store) = (stores.journal.clone(), stores.orders.clone());
    RelayPorts { journal, store, publisher: None, clock, entropy }
}

impl Publishing {
    /// Makes the Kafka client; no broker is asked, so they may all be down.
    pub(super) fn new(
        settings: &Settings,
        mut ports: RelayPorts,
        commits: WakeUp,
        new_positions: WakeUp,
        stats: Arc<RelayStats>,
    ) -> anyhow::Result<Self> {
        let client = || {
            let client = KafkaPublisher::new(&settings.kafka.client(&settings.events_topic));
            client.map(Arc::new).map_err(|error| settings.kafka.complaints(&error))
        };
        let wanted = !settings.kafka.servers.is_empty();
        let kafka = wanted.then(client).transpose()?;
        ports.publisher = kafka.clone().map(|kafka| -> Arc<dyn EventPublisher> { kafka });
        let instance = uuid_v7(ports.clock.now(), &*ports.entropy);
        Ok(Self { ports, kafka, instance, commits, new_positions, stats })
    }

    /// The Kafka client, if there is one.
    pub(super) fn kafka(&self) -> Option<Arc<KafkaPublisher>> {
        self.kafka.clone()
    }

    /// Starts publishing, on the runtime of the relay.
    pub(super) fn start(self, relay: &Handle) -> Running {
        let (tell, told) = watch::channel(false);
        let mut topics = JoinSet::new();
        if let Some(kafka) = self.kafka.clone() {
            topics.spawn(async move { kafka.check_topics().await });
        }
        Running { tell, relay: relay.spawn(self.run(told)), _topics: topics }
    }

    async fn run(self, told: watch::Receiver<bool>) {
        loop {
            let relay = Relay::new(
                self.ports.clone(),
                RelaySettings::default(),
                self.instance,
                self.commits.clone(),
                self.new_positions.clone(),
                Arc::clone(&self.stats),
            );
            let mut told = told.clone();
            // In a task of its own, which ends with this one.
            let mut task = JoinSet::new();
            task.spawn(relay.run(async move {
                // Nobody left to tell us is as good as being told.
                let _ = told.wait_for(|told| *told).await;
            }));
            if task.join_next().await.is_none_or(|ended| ended.is_ok()) {
                return;
            }
            tracing::error!("the relay panicked and starts again");
            sleep(PAUSE).await;
        }
    }
}

impl Running {
    /// Finishes what is under way and gives the leases back.
    pub(super) async fn stop(self) {
        self.tell.send_replace(true);
        // A panic has been reported where it happened.
        let _ = self.relay.await;
    }
}
