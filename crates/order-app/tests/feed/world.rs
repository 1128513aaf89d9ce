//! A feed with everything around it that a test needs.

use std::sync::Arc;
use std::time::Duration;

use order_app::feed::{Feed, FeedSettings, Filter, Start, Subscription};
use order_app::ports::{EventJournal as _, OrderStore as _, StoreError};
use order_app::wake_up::WakeUp;
use order_domain::{Currency, NewOrder, OrderStatus};
use order_testkit::examples::{
    a_change, a_change_placing, a_line, a_new_order, an_order_id, anyone, lines_in, moved, noon,
    noon_plus, soon,
};
use order_testkit::{Faults, FixedClock, InMemoryStore, SeededEntropy};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A feed and its journal; the reader ends with it.
pub(crate) struct World {
    pub(crate) memory: Arc<InMemoryStore>,
    pub(crate) feed: Feed,
    pub(crate) placed: WakeUp,
    /// The faults of the journal as the feed sees it.
    faults: Faults,
    /// Whether the journal fails.
    pub(crate) fails: watch::Sender<bool>,
    reader: JoinHandle<()>,
}

/// Small bounds, which are soon reached.
pub(crate) fn small() -> FeedSettings {
    FeedSettings { recent_events: 8, page: 5, max_streams: 100, ..FeedSettings::default() }
}

impl World {
    pub(crate) fn new(settings: FeedSettings) -> Self {
        let memory = Arc::new(InMemoryStore::default());
        let (journal, fails) = (memory.another_instance(), watch::Sender::new(false));
        let faults = journal.faults().clone();
        // Every call takes some time, like a call to a database.
        faults.before_each().runs(|_| yielded());
        let failing = fails.subscribe();
        let planted = || StoreError::Unavailable("planted".into());
        faults.before_each().when(move |_| *failing.borrow()).fails(planted);
        faults.after_each().runs(|_| yielded());
        let clock = Arc::new(FixedClock::default());
        let feed = Feed::new(Arc::new(journal), clock, Arc::new(SeededEntropy::new(7)), settings);
        let placed = WakeUp::default();
        let reader = tokio::spawn(feed.clone().run(placed.clone()));
        Self { memory, feed, placed, faults, fails, reader }
    }

    pub(crate) fn calls(&self) -> usize {
        self.faults.calls().len()
    }

    /// Places an order whose event has some 20 KB.
    pub(crate) async fn commit_large(&self, id: i64) {
        let lines = (1..=200).map(|product| a_line(product, 9_999, "9999999.99")).collect();
        let new = NewOrder { lines: lines_in(Currency::USD, lines), ..a_new_order(id, 42) };
        self.memory.commit(a_change_placing(new).into(), soon()).await.unwrap();
    }

    pub(crate) async fn confirm(&self, id: i64) {
        let order = self.memory.order(an_order_id(id), soon()).await.unwrap().unwrap();
        let confirmed = a_change(moved(&order, OrderStatus::Confirmed, noon()));
        self.memory.commit(confirmed.into(), soon()).await.unwrap();
    }

    /// Places orders, gives their events positions, and wakes the feed.
    pub(crate) async fn orders(&self, ids: std::ops::RangeInclusive<i64>) {
        for id in ids {
            self.memory.add_versions(id, 1).await;
        }
        self.memory.give_positions().await;
        self.placed.wake();
    }

    /// Purges every committed event.
    pub(crate) async fn purge(&self) {
        self.memory.publish_all().await;
        self.memory.purge(noon_plus(1), 100_000, soon()).await.unwrap();
    }

    pub(crate) async fn subscribe(&self, start: Start) -> Subscription {
        self.feed.subscribe(anyone(), start, Filter::default()).await.unwrap()
    }
}

async fn yielded() -> Result<(), StoreError> {
    tokio::task::yield_now().await;
    Ok(())
}

impl Drop for World {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// The positions of the next events.
pub(crate) async fn delivered(subscription: &mut Subscription, events: usize) -> Vec<i64> {
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
