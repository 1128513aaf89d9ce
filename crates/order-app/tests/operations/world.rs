//! A store with events, published as far as a test wants, and the operations on it.

use std::sync::Arc;

use order_app::operations::{
    Operations, OperationsPorts, Operator, Replay, ReplayPlan, ReplayProgress, ReplayState,
};
use order_app::ports::{JournalInspection, Selection};
use order_domain::OrderId;
use order_testkit::examples::{an_order_id, anyone};
use order_testkit::{FixedClock, InMemoryBroker, InMemoryStore, ScriptedPublisher, SeededEntropy};

pub(crate) struct World {
    pub(crate) memory: Arc<InMemoryStore>,
    pub(crate) broker: InMemoryBroker,
    pub(crate) publisher: Arc<ScriptedPublisher>,
    /// Shared by all ports, because no two replays may have the same id.
    entropy: Arc<SeededEntropy>,
}

impl World {
    pub(crate) fn new() -> Self {
        let broker = InMemoryBroker::default();
        let publisher = Arc::new(ScriptedPublisher::new(broker.clone()));
        let entropy = Arc::new(SeededEntropy::new(7));
        Self { memory: Arc::default(), broker, publisher, entropy }
    }

    /// Orders 1 to `orders` with this many versions each, all published; one version of each order
    /// after the other.
    pub(crate) async fn published(orders: i64, versions: usize) -> Self {
        let world = Self::new();
        for _ in 0..versions {
            for id in 1..=orders {
                world.memory.add_versions(id, 1).await;
            }
        }
        world.memory.publish_all().await;
        world
    }

    pub(crate) fn ports(&self) -> OperationsPorts {
        OperationsPorts {
            journal: self.memory.clone(),
            inspection: self.memory.clone(),
            store: self.memory.clone(),
            replayer: Some(self.publisher.clone()),
            clock: Arc::new(FixedClock::default()),
            entropy: self.entropy.clone(),
        }
    }

    pub(crate) fn operator(&self) -> Operator {
        operator(self.ports())
    }

    /// Replays to the end.
    pub(crate) async fn replay(&self, plan: ReplayPlan) -> ReplayProgress {
        self.replay_through(self.memory.clone(), plan).await
    }

    /// Replays to the end, through another view of the journal.
    pub(crate) async fn replay_through(
        &self,
        inspection: Arc<dyn JournalInspection>,
        plan: ReplayPlan,
    ) -> ReplayProgress {
        let ports = OperationsPorts { inspection, ..self.ports() };
        Replay::begin(&operator(ports), plan).await.unwrap().run(std::future::pending()).await
    }

    pub(crate) fn replayed(&self, id: i64) -> Vec<i64> {
        self.broker.sequences(an_order_id(id))
    }

    /// Demands that all orders were replayed, each from its first version to its last, perhaps with
    /// repetitions.
    pub(crate) fn assert_replayed(&self, orders: i64, versions: i64) {
        self.assert_orders_replayed(1..=orders, versions);
    }

    /// The same of some orders.
    pub(crate) fn assert_orders_replayed(
        &self,
        orders: impl IntoIterator<Item = i64>,
        versions: i64,
    ) {
        for id in orders {
            let mut seen = Vec::new();
            for sequence in self.replayed(id) {
                if !seen.contains(&sequence) {
                    seen.push(sequence);
                }
            }
            assert_eq!(seen, (1..=versions).collect::<Vec<_>>(), "order {id}");
        }
        assert_eq!(self.publisher.offenders(), Vec::<OrderId>::new());
    }
}

pub(crate) fn operator(ports: OperationsPorts) -> Operator {
    Operations::new(ports).of(anyone()).unwrap()
}

/// All that is published, as fast as it goes.
pub(crate) fn everything() -> ReplayPlan {
    ReplayPlan {
        selection: Selection::default(),
        topic: None,
        after: 0,
        up_to: None,
        after_order: None,
        rate: ReplayPlan::HIGHEST_RATE,
        dry_run: false,
    }
}

pub(crate) fn assert_complete(progress: &ReplayProgress, events: u64) {
    assert_eq!(progress.state, ReplayState::Completed);
    assert_eq!((progress.events, progress.trouble.as_deref()), (events, None));
    assert_eq!(Some(progress.position), progress.end);
    assert!(progress.ended_at.is_some());
}
