//! Subscribers that are behind catch up without a gap or a repetition, however slow they are.

use std::sync::Arc;
use std::time::Duration;

use order_app::feed::{FeedSettings, Start};
use order_app::ports::Entropy as _;
use order_testkit::SeededEntropy;

use crate::world::{World, delivered, silent, small};

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_doubled_whatever_the_pace() {
    const ALL: usize = 300;
    for seed in 0..8 {
        let world = Arc::new(World::new(small()));
        let chance = SeededEntropy::new(seed);
        let pause = |longest: u128| {
            let millis = u64::try_from(chance.bits() % longest).unwrap();
            Duration::from_millis(millis)
        };
        let mut listeners = Vec::new();
        for number in 0..10_u128 {
            let mut subscription = world.subscribe(Start::After(0)).await;
            let pauses: Vec<_> = (0..50).map(|_| pause(1 + number * number * 4)).collect();
            listeners.push(tokio::spawn(async move {
                let mut positions = Vec::new();
                for pause in pauses.into_iter().cycle() {
                    if positions.len() >= ALL {
                        break;
                    }
                    positions.extend(delivered(&mut subscription, 1).await);
                    tokio::time::sleep(pause).await;
                }
                positions
            }));
        }
        let mut ids = 1..;
        let mut left = i64::try_from(ALL).unwrap();
        while left > 0 {
            let some = i64::try_from(chance.bits() % 20).unwrap().min(left);
            for id in ids.by_ref().take(usize::try_from(some).unwrap()) {
                world.memory.add_versions(id, 1).await;
            }
            left -= some;
            world.memory.give_positions().await;
            if chance.bits().is_multiple_of(2) {
                world.placed.wake();
            }
            tokio::time::sleep(pause(100)).await;
        }
        for listener in listeners {
            let expected: Vec<_> = (1..=i64::try_from(ALL).unwrap()).collect();
            assert_eq!(listener.await.unwrap(), expected, "seed {seed}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn many_subscribers_that_keep_up_cost_the_journal_as_much_as_one() {
    let calls = |listeners: usize| async move {
        let world = World::new(FeedSettings { recent_events: 1_000, ..small() });
        let mut subscriptions = Vec::new();
        for _ in 0..listeners {
            subscriptions.push(world.subscribe(Start::Now).await);
        }
        silent(&mut subscriptions[0]).await;
        let before = world.calls();
        world.orders(1..=50).await;
        for subscription in &mut subscriptions {
            delivered(subscription, 50).await;
        }
        // Coming back within the recent events costs the journal nothing, either.
        let mut back = world.subscribe(Start::After(10)).await;
        delivered(&mut back, 40).await;
        world.calls() - before
    };
    assert_eq!(calls(80).await, calls(1).await);
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_takes_nothing_does_not_hold_up_others() {
    let world = World::new(FeedSettings { concurrent_reads: 1, ..small() });
    world.orders(1..=100).await;
    let mut stuck = Vec::new();
    for _ in 0..20 {
        let mut subscription = world.subscribe(Start::After(0)).await;
        // Asked once, and never again; the page is on its way.
        let mut next = Box::pin(async move { subscription.next().await.map(drop) });
        assert!(futures_once(&mut next).await.is_none());
        stuck.push(next);
    }
    let mut subscription = world.subscribe(Start::After(0)).await;
    assert_eq!(delivered(&mut subscription, 100).await.len(), 100);
}

/// Polls a future once.
async fn futures_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        let polled = std::pin::Pin::new(&mut *future).poll(context);
        std::task::Poll::Ready(match polled {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_page_is_cut_at_its_size() {
    let world = World::new(FeedSettings { page: 50, page_bytes: 1, ..small() });
    world.orders(1..=20).await;
    let mut subscription = world.subscribe(Start::After(0)).await;
    let batch = subscription.next().await.unwrap();
    assert_eq!((batch.events.len(), batch.through), (1, 1));
    assert_eq!(delivered(&mut subscription, 19).await, (2..=20).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_who_does_not_take_large_events_holds_few_of_them() {
    const EVENTS: usize = 60;
    for (how, recent_events) in [("from the recent events", 1_000), ("from the journal", 8)] {
        let settings = FeedSettings { recent_events, page: 100, ..small() };
        let world = World::new(settings);
        let mut subscription = world.subscribe(Start::Now).await;
        silent(&mut subscription).await;
        for id in 1..=i64::try_from(EVENTS).unwrap() {
            world.commit_large(id).await;
        }
        world.memory.give_positions().await;
        world.placed.wake();
        let mut positions = Vec::new();
        while positions.len() < EVENTS {
            let batch = subscription.next().await.unwrap();
            let bytes: usize = batch.events.iter().map(|event| event.json.len()).sum();
            assert!(bytes < 300_000, "{how}: {bytes} bytes at once");
            positions.extend(batch.events.iter().map(|event| event.position));
        }
        assert_eq!(positions, (1..=i64::try_from(EVENTS).unwrap()).collect::<Vec<_>>(), "{how}");
    }
}
