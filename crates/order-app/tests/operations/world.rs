//! A store with events, published as far as a test wants, and the operations on it.

use std::sync::Arc;
use std::time::Duration;

use order_app::operations::{
    Operations, OperationsPorts, Replay, ReplayPlan, ReplayProgress, ReplayState,
};
use order_app::ports::{
    Duty, EventJournal as _, JournalInspection, Lease, Leased, OrderStore as _, Parking, Progress,
    SHARDS, Selection, shard,
};
use order_domain::{Order, OrderId, Version};
use order_testkit::examples::{
    a_change, a_change_placing, a_line, a_new_order, an_order_id, noon, relined, soon,
};
use order_testkit::{FixedClock, InMemoryStore, ScriptedPublisher, SeededEntropy, Topic};
use uuid::Uuid;

const EVER: Duration = Duration::from_hours(1);

/// See the head of the file.
pub(crate) struct World {
    pub(crate) memory: Arc<InMemoryStore>,
    pub(crate) topic: Topic,
    pub(crate) broker: Arc<ScriptedPublisher>,
    /// One for all, as no two replays have the same name.
    entropy: Arc<SeededEntropy>,
}

impl World {
    pub(crate) fn new() -> Self {
        let topic = Topic::default();
        let broker = Arc::new(ScriptedPublisher::new(topic.clone()));
        Self { memory: Arc::default(), topic, broker, entropy: Arc::new(SeededEntropy::new(7)) }
    }

    /// Orders 1 to `orders`, each with so many versions, all published; one version of each order
    /// after the other.
    pub(crate) async fn published(orders: i64, versions: usize) -> Self {
        let world = Self::new();
        for _ in 0..versions {
            for id in 1..=orders {
                world.commit(id, 1).await;
            }
            world.arrange().await;
        }
        world.publish().await;
        world
    }

    pub(crate) fn ports(&self) -> OperationsPorts {
        OperationsPorts {
            journal: self.memory.clone(),
            inspection: self.memory.clone(),
            store: self.memory.clone(),
            replayer: Some(self.broker.clone()),
            clock: Arc::new(FixedClock::default()),
            entropy: self.entropy.clone(),
        }
    }

    pub(crate) fn operations(&self) -> Operations {
        Operations::new(self.ports())
    }

    /// Commits so many further versions of an order, the first one included.
    pub(crate) async fn commit(&self, id: i64, versions: usize) {
        for _ in 0..versions {
            let stored = self.memory.order(an_order_id(id), soon()).await.unwrap();
            let change = match &stored {
                None => a_change_placing(a_new_order(id, 42)),
                Some(order) => a_change(relined(order, vec![next_line(order)], noon())),
            };
            self.memory.commit(change, soon()).await.unwrap();
        }
    }

    async fn lease(&self, duty: Duty) -> Lease {
        let lease = self.memory.lease(duty, Uuid::from_u128(1), EVER, soon()).await;
        lease.unwrap().expect("nobody else has it")
    }

    /// Gives every event its place.
    pub(crate) async fn arrange(&self) {
        let lease = self.lease(Duty::Sequence).await;
        self.memory.assign_positions(&lease, 100_000, soon()).await.unwrap();
    }

    /// Says that everything with a place is published.
    pub(crate) async fn publish(&self) {
        let position = self.memory.last_position(soon()).await.unwrap();
        for number in 0..SHARDS {
            self.advance(number, Progress { position, ..Progress::default() }).await;
        }
    }

    /// Parks an order from a version on.
    pub(crate) async fn park(&self, id: i64, from: i64) {
        let order = an_order_id(id);
        let from = Version::new(from).unwrap();
        let parking = Parking { order, from, reason: "too large".to_owned() };
        self.advance(shard(order), Progress { park: vec![parking], ..Progress::default() }).await;
    }

    /// Publishes all of a parked order.
    pub(crate) async fn unpark(&self, id: i64) {
        let order = an_order_id(id);
        let progress = Progress { unpark: vec![order], ..Progress::default() };
        self.advance(shard(order), progress).await;
    }

    async fn advance(&self, number: u16, progress: Progress) {
        let lease = self.lease(Duty::Publish(number)).await;
        let advanced = self.memory.advance(&lease, &progress, soon()).await;
        assert_eq!(advanced.unwrap(), Leased::Done(()));
    }

    /// Replays to the end.
    pub(crate) async fn replay(&self, plan: ReplayPlan) -> ReplayProgress {
        self.replay_through(self.memory.clone(), plan).await
    }

    /// The same, with another view of the journal.
    pub(crate) async fn replay_through(
        &self,
        inspection: Arc<dyn JournalInspection>,
        plan: ReplayPlan,
    ) -> ReplayProgress {
        let ports = OperationsPorts { inspection, ..self.ports() };
        Replay::begin(ports, plan).await.unwrap().run(std::future::pending()).await
    }

    pub(crate) fn replayed(&self, id: i64) -> Vec<i64> {
        self.topic.sequences(an_order_id(id))
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
        assert_eq!(self.broker.offenders(), Vec::<OrderId>::new());
    }
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

fn next_line(order: &Order) -> order_domain::OrderLine {
    a_line(7, order.version().get(), "1.00")
}
