//! A feed with everything around it that a test needs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use order_app::feed::{Feed, FeedSettings, Filter, Start, Subscription};
use order_app::ports::{Duty, EventJournal, Leased, OrderStore as _, Progress, SHARDS, StoreError};
use order_app::wake_up::WakeUp;
use order_domain::{Currency, NewOrder, OrderStatus};
use order_testkit::examples::{
    a_change, a_change_placing, a_line, a_new_order, an_order_id, lines_in, moved, noon, noon_plus,
    relined, soon,
};
use order_testkit::{HookedJournal, InMemoryStore, Moment, SeededEntropy};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Ended when it is dropped.
pub(crate) struct World {
    pub(crate) memory: Arc<InMemoryStore>,
    pub(crate) feed: Feed,
    pub(crate) placed: WakeUp,
    /// How often the journal was asked.
    calls: Arc<AtomicUsize>,
    /// Whether it fails.
    pub(crate) fails: watch::Sender<bool>,
    reader: JoinHandle<()>,
}

/// Everything small, so that it is soon full.
pub(crate) fn small() -> FeedSettings {
    FeedSettings { recent_events: 8, page: 5, max_streams: 100, ..FeedSettings::default() }
}

impl World {
    pub(crate) fn new(settings: FeedSettings) -> Self {
        let memory = Arc::new(InMemoryStore::default());
        let (calls, fails) = (Arc::new(AtomicUsize::new(0)), watch::Sender::new(false));
        let (counted, failing) = (calls.clone(), fails.subscribe());
        let journal = HookedJournal::new(memory.clone(), move |moment| {
            if moment == Moment::Before {
                counted.fetch_add(1, Ordering::SeqCst);
            }
            let fails = *failing.borrow();
            let answer =
                if fails { Err(StoreError::Unavailable("planted".into())) } else { Ok(()) };
            async move {
                // As every call to a database, it takes its time.
                tokio::task::yield_now().await;
                answer
            }
        });
        let feed = Feed::new(Arc::new(journal), Arc::new(SeededEntropy::new(7)), settings);
        let placed = WakeUp::default();
        let reader = tokio::spawn(feed.clone().run(placed.clone()));
        Self { memory, feed, placed, calls, fails, reader }
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Commits so many further versions of an order of customer 42.
    pub(crate) async fn commit(&self, id: i64, versions: usize) {
        for _ in 0..versions {
            let stored = self.memory.order(an_order_id(id), soon()).await.unwrap();
            let change = match &stored {
                None => a_change_placing(a_new_order(id, 42)),
                Some(order) => {
                    let lines = vec![a_line(7, order.version().get(), "1.00")];
                    a_change(relined(order, lines, noon()))
                }
            };
            self.memory.commit(change, soon()).await.unwrap();
        }
    }

    /// Places an order whose event has some 20 KB.
    pub(crate) async fn commit_large(&self, id: i64) {
        let lines = (1..=200).map(|product| a_line(product, 9_999, "9999999.99")).collect();
        let new = NewOrder { lines: lines_in(Currency::USD, lines), ..a_new_order(id, 42) };
        self.memory.commit(a_change_placing(new), soon()).await.unwrap();
    }

    pub(crate) async fn confirm(&self, id: i64) {
        let order = self.memory.order(an_order_id(id), soon()).await.unwrap().unwrap();
        let confirmed = a_change(moved(&order, OrderStatus::Confirmed, noon()));
        self.memory.commit(confirmed, soon()).await.unwrap();
    }

    /// Gives everything its place, and says nothing.
    pub(crate) async fn place(&self) {
        let long = Duration::from_hours(1);
        let lease = self.memory.lease(Duty::Sequence, Uuid::nil(), long, soon()).await;
        let lease = lease.unwrap().unwrap();
        let held = self.memory.assign_positions(&lease, 100_000, soon()).await.unwrap();
        assert!(matches!(held, Leased::Done(_)));
    }

    /// Places so many orders, gives them their places, and rings.
    pub(crate) async fn orders(&self, ids: std::ops::RangeInclusive<i64>) {
        for id in ids {
            self.commit(id, 1).await;
        }
        self.place().await;
        self.placed.wake();
    }

    /// Purges everything that has a place.
    pub(crate) async fn purge(&self) {
        let position = self.memory.last_position(soon()).await.unwrap();
        for shard in 0..SHARDS {
            let long = Duration::from_hours(1);
            let lease = self.memory.lease(Duty::Publish(shard), Uuid::nil(), long, soon()).await;
            let progress = Progress { position, ..Progress::default() };
            self.memory.advance(&lease.unwrap().unwrap(), &progress, soon()).await.unwrap();
        }
        self.memory.purge(noon_plus(1), 100_000, soon()).await.unwrap();
    }

    pub(crate) async fn subscribe(&self, start: Start) -> Subscription {
        self.feed.subscribe(start, Filter::default()).await.unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// The positions of the next so many events.
pub(crate) async fn told(subscription: &mut Subscription, events: usize) -> Vec<i64> {
    let mut positions = Vec::new();
    while positions.len() < events {
        let next = tokio::time::timeout(Duration::from_mins(1), subscription.next()).await;
        let batch = next.expect("events come").expect("nothing is purged");
        positions.extend(batch.events.iter().map(|event| event.position));
        assert_eq!(batch.through, subscription.position());
        assert!(positions.last().is_none_or(|last| *last <= batch.through));
    }
    positions
}

/// Demands that nothing comes for a while.
pub(crate) async fn silent(subscription: &mut Subscription) {
    let a_while = Duration::from_secs(10);
    let next = tokio::time::timeout(a_while, subscription.next()).await;
    assert!(next.is_err(), "{next:?}");
}
