//! What a stream sends, and when. Time is the test's.

use std::sync::Arc;

use futures_util::StreamExt as _;
use order_app::feed::{Feed, FeedSettings, Filter, Start};
use order_app::ports::{Duty, EventJournal as _, OrderStore as _, uuid_v7};
use order_app::wake_up::WakeUp;
use order_domain::CustomerId;
use order_testkit::examples::{a_change_placing, a_new_order, anyone, noon, soon};
use order_testkit::{FixedClock, InMemoryStore, SeededEntropy};
use tokio::sync::Notify;

use super::*;

/// A stream, and what is around it.
struct World {
    memory: Arc<InMemoryStore>,
    placed: WakeUp,
    stop: Arc<Notify>,
    stream: EventStream,
}

impl World {
    /// A stream of the events of customer 42's orders.
    async fn new() -> Self {
        let memory = Arc::new(InMemoryStore::default());
        let entropy = Arc::new(SeededEntropy::new(7));
        let feed = Feed::new(
            memory.clone(),
            Arc::new(FixedClock::default()),
            entropy,
            FeedSettings::default(),
        );
        let (placed, stop) = (WakeUp::default(), Arc::new(Notify::new()));
        tokio::spawn(feed.clone().run(placed.clone()));
        let customer = CustomerId::new(42).ok();
        let filter = Filter { customer, ..Filter::default() };
        let subscription = feed.subscribe(anyone(), Start::Now, filter).await.unwrap();
        let stopped = stop.clone();
        let stopped = async move { stopped.notified().await };
        let stream = EventStream::new(subscription, stopped, "trace".to_owned());
        let mut world = Self { memory, placed, stop, stream };
        assert_eq!(world.next().await.as_deref(), Some("retry: 1000\nid: 0\n\n"));
        world
    }

    async fn order(&self, id: i64, customer: i64) {
        let change = a_change_placing(a_new_order(id, customer));
        self.memory.commit(change.into(), soon()).await.unwrap();
        let name = uuid_v7(noon(), &SeededEntropy::new(1));
        let long = Duration::from_hours(1);
        let lease = self.memory.lease(Duty::Sequence, name, long, soon()).await.unwrap().unwrap();
        self.memory.assign_positions(&lease, 100, soon()).await.unwrap();
        self.placed.wake();
    }

    async fn next(&mut self) -> Option<String> {
        let chunk = self.stream.next().await?.unwrap();
        Some(String::from_utf8(chunk.to_vec()).unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_sends_heartbeats() {
    let mut world = World::new().await;
    let start = Instant::now();
    for beat in 1..=3 {
        assert_eq!(world.next().await.as_deref(), Some(":\n\n"));
        assert_eq!(start.elapsed(), HEARTBEAT * beat);
    }
    world.order(1, 42).await;
    assert!(world.next().await.unwrap().starts_with("id: 1\nevent: order.created\ndata: {"));
    let start = Instant::now();
    assert_eq!(world.next().await.as_deref(), Some(":\n\n"));
    assert_eq!(start.elapsed(), HEARTBEAT, "an event starts the time anew");
}

#[tokio::test(start_paused = true)]
async fn the_id_moves_on_while_nothing_passes_the_filter() {
    let mut world = World::new().await;
    for id in 1..=3 {
        world.order(id, 43).await;
    }
    assert_eq!(world.next().await.as_deref(), Some("id: 3\n\n"));
    assert_eq!(world.next().await.as_deref(), Some(":\n\n"));
    world.order(4, 42).await;
    let event = world.next().await.unwrap();
    assert!(event.starts_with("id: 4\nevent: order.created\n") && event.ends_with("}\n\n"));
    assert_eq!(event.lines().count(), 4, "the data is one line");
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_it_is_told_to() {
    let mut world = World::new().await;
    world.order(1, 42).await;
    world.stop.notify_one();
    assert_eq!(world.next().await, None);
}
