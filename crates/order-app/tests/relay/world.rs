//! Relays with everything around them that a test needs.

use std::sync::Arc;
use std::time::Duration;

use order_app::ports::{Backlog, EventJournal, Parked};
use order_app::relay::{Relay, RelayPorts, RelayReport, RelaySettings, RelayStats, Step};
use order_app::wake_up::WakeUp;
use order_domain::OrderId;
use order_testkit::examples::{an_order_id, soon};
use order_testkit::{FixedClock, InMemoryBroker, InMemoryStore, ScriptedPublisher, SeededEntropy};
use tokio::time::{Instant, sleep_until, timeout_at};
use uuid::Uuid;

/// What all instances share.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) memory: Arc<InMemoryStore>,
    pub(crate) broker: InMemoryBroker,
}

/// One process.
pub(crate) struct Instance {
    pub(crate) relay: Relay,
    pub(crate) publisher: Arc<ScriptedPublisher>,
    pub(crate) stats: Arc<RelayStats>,
    pub(crate) commits: WakeUp,
}

impl World {
    pub(crate) fn instance(&self, number: u64) -> Instance {
        self.instance_with(number, RelaySettings::default(), self.memory.clone())
    }

    pub(crate) fn instance_with(
        &self,
        number: u64,
        settings: RelaySettings,
        journal: Arc<dyn EventJournal>,
    ) -> Instance {
        let publisher = Arc::new(ScriptedPublisher::new(self.broker.clone()));
        let ports =
            RelayPorts { publisher: Some(publisher.clone()), ..self.ports(journal, number) };
        let (stats, commits) = (Arc::new(RelayStats::default()), WakeUp::default());
        let name = Uuid::from_u128(u128::from(number));
        let new_positions = WakeUp::default();
        let relay =
            Relay::new(ports, settings, name, commits.clone(), new_positions, stats.clone());
        Instance { relay, publisher, stats, commits }
    }

    /// Ports without a broker.
    pub(crate) fn ports(&self, journal: Arc<dyn EventJournal>, seed: u64) -> RelayPorts {
        RelayPorts {
            journal,
            store: self.memory.clone(),
            publisher: None,
            clock: Arc::new(FixedClock::default()),
            entropy: Arc::new(SeededEntropy::new(seed)),
        }
    }

    pub(crate) fn published(&self, id: i64) -> Vec<i64> {
        self.broker.sequences(an_order_id(id))
    }

    pub(crate) async fn parked(&self) -> Vec<Parked> {
        self.memory.parked(None, 1_000, soon()).await.unwrap()
    }

    pub(crate) async fn backlog(&self) -> Backlog {
        self.memory.backlog(soon()).await.unwrap()
    }

    /// Redrives an order, without its first event if there is a reason to skip it.
    pub(crate) async fn redrive(&self, order: OrderId, skip: Option<&str>) -> bool {
        let all = self.parked().await;
        let first = all.iter().find(|parked| parked.order == order).map(|parked| parked.from);
        let skip = skip.and_then(|reason| Some((first?, reason)));
        self.memory.redrive(order, skip, soon()).await.unwrap()
    }
}

impl Instance {
    /// Wakes the relay, and lets it work until it is idle.
    pub(crate) async fn drain(&mut self) {
        self.commits.wake();
        self.work(RelaySettings::default().sequencing_pause).await;
        while self.relay.step().await == Step::Busy {}
    }

    /// Works until its paused publisher has been called.
    pub(crate) async fn work_until_asked(&mut self) {
        self.commits.wake();
        let publisher = self.publisher.clone();
        self.work_until(|_| publisher.under_way() > 0).await;
    }

    /// Works for a while.
    pub(crate) async fn work(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            match timeout_at(end, self.relay.step()).await {
                Ok(Step::Busy) | Err(_) => {}
                Ok(Step::Idle { until }) => sleep_until(until.unwrap_or(end).min(end)).await,
            }
        }
    }

    /// Works until a condition is true, for a minute at most.
    pub(crate) async fn work_until(&mut self, mut done: impl FnMut(&RelayReport) -> bool) {
        let end = Instant::now() + Duration::from_mins(1);
        while !done(&self.report()) {
            assert!(Instant::now() < end, "it does not happen within a minute");
            self.work(Duration::from_millis(10)).await;
        }
    }

    pub(crate) fn report(&self) -> RelayReport {
        self.stats.report()
    }
}

/// Lets several instances work at the same time, in small turns.
pub(crate) async fn work_together(instances: &mut [&mut Instance], time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        for instance in &mut *instances {
            instance.work(Duration::from_millis(10)).await;
        }
    }
}
