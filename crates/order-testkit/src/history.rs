//! Histories in the in-memory store: orders of several versions, published as far as a test wants.

use std::time::Duration;

use order_app::ports::{
    Duty, EventJournal as _, Lease, Leased, OrderStore as _, Parking, Progress, SHARDS, shard,
};
use order_domain::Version;
use uuid::Uuid;

use crate::InMemoryStore;
use crate::examples::{
    a_change, a_change_placing, a_line, a_new_order, an_order_id, noon, relined, soon,
};

/// Longer than any test runs.
const LONG: Duration = Duration::from_hours(1);
/// More than any test commits.
const ALL: u32 = 100_000;

impl InMemoryStore {
    /// The instance that holds the leases of these steps.
    pub const INSTANCE: Uuid = Uuid::from_u128(1);

    /// Commits the next versions of an order of customer 42: its placing, then other lines.
    pub async fn add_versions(&self, order: i64, versions: usize) {
        for _ in 0..versions {
            let stored = self.order(an_order_id(order), soon()).await.expect("it works");
            let change = match stored {
                None => a_change_placing(a_new_order(order, 42)),
                Some(order) => {
                    let lines = vec![a_line(7, order.version().get(), "1.00")];
                    a_change(relined(&order, lines, noon()))
                }
            };
            self.commit(change.into(), soon()).await.expect("it works");
        }
    }

    /// Gives every committed event its position.
    pub async fn give_positions(&self) {
        let lease = self.leased(Duty::Sequence).await;
        let given = self.assign_positions(&lease, ALL, soon()).await;
        assert!(matches!(given.expect("it works"), Leased::Done(_)));
    }

    /// Gives every committed event its position, and records all of them as published.
    pub async fn publish_all(&self) {
        self.give_positions().await;
        let position = self.last_position(soon()).await.expect("it works");
        for number in 0..SHARDS {
            self.progress(number, Progress { position, ..Progress::default() }).await;
        }
    }

    /// Parks an order from a version on.
    pub async fn park(&self, order: i64, from: i64) {
        let order = an_order_id(order);
        let from = Version::new(from).expect("a version");
        let parking = Parking { order, from, reason: "too large".to_owned() };
        let progress = Progress { park: vec![parking], ..Progress::default() };
        self.progress(shard(order), progress).await;
    }

    /// Records all events of a parked order as published.
    pub async fn unpark(&self, order: i64) {
        let order = an_order_id(order);
        let progress = Progress { unpark: vec![order], ..Progress::default() };
        self.progress(shard(order), progress).await;
    }

    async fn leased(&self, duty: Duty) -> Lease {
        let lease = self.lease(duty, Self::INSTANCE, LONG, soon()).await;
        lease.expect("it works").expect("the lease is free")
    }

    async fn progress(&self, number: u16, progress: Progress) {
        let lease = self.leased(Duty::Publish(number)).await;
        let recorded = self.advance(&lease, &progress, soon()).await;
        assert_eq!(recorded.expect("it works"), Leased::Done(()));
    }
}
