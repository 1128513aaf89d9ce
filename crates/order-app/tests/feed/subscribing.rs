//! Subscribing: how many may, from which positions, and what no subscriber costs.

use std::time::Duration;

use order_app::feed::{End, FeedSettings, Filter, Gone, Start, SubscribeError};

use crate::world::{World, delivered, silent, small};
use order_testkit::examples::anyone;

#[tokio::test(start_paused = true)]
async fn the_number_of_subscribers_is_limited() {
    let world = World::new(FeedSettings { max_streams: 2, ..small() });
    let subscribe = || world.feed.subscribe(anyone(), Start::Now, Filter::default());
    let (one, other) = (subscribe().await.unwrap(), subscribe().await.unwrap());
    assert!(matches!(subscribe().await, Err(SubscribeError::TooMany)));
    assert_eq!((world.feed.report().streams, world.feed.report().refused), (2, 1));
    drop(one);
    let next = subscribe().await.unwrap();
    assert!(matches!(subscribe().await, Err(SubscribeError::TooMany)));
    drop((next, other));
    assert_eq!(world.feed.report().streams, 0);
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_counts_for_as_long_as_its_read_runs() {
    let world = World::new(FeedSettings { max_streams: 1, ..small() });
    world.orders(1..=10).await;
    let mut subscription = world.subscribe(Start::After(0)).await;
    world.fails.send_replace(true);
    silent(&mut subscription).await;
    drop(subscription);
    // The task notices that its subscriber is gone, and ends.
    let ended = async {
        while world.feed.report().streams > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), ended).await.expect("the permit is given back");
}

#[tokio::test(start_paused = true)]
async fn the_journal_is_not_read_without_subscribers() {
    let world = World::new(small());
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(world.calls(), 0);
    let subscription = world.subscribe(Start::Now).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(world.calls() > 1);
    drop(subscription);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let calls = world.calls();
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(world.calls(), calls);
    // Then a subscriber comes again.
    let mut subscription = world.subscribe(Start::Now).await;
    world.orders(1..=2).await;
    assert_eq!(delivered(&mut subscription, 2).await, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_position_that_no_event_has_yet_is_refused() {
    let world = World::new(small());
    world.orders(1..=3).await;
    let refused = world.feed.subscribe(anyone(), Start::After(4), Filter::default()).await;
    assert!(matches!(refused, Err(SubscribeError::Ahead { last: 3 })), "{refused:?}");
    world.subscribe(Start::After(3)).await;
}

#[tokio::test(start_paused = true)]
async fn a_start_before_purged_events_is_reported() {
    let world = World::new(small());
    world.orders(1..=20).await;
    world.purge().await;
    world.orders(21..=22).await;
    for after in [0, 7, 19] {
        let refused = world.feed.subscribe(anyone(), Start::After(after), Filter::default()).await;
        assert!(
            matches!(refused, Err(SubscribeError::Gone(Gone { through: 20 }))),
            "{after}: {refused:?}"
        );
    }
    let mut subscription = world.subscribe(Start::After(20)).await;
    assert_eq!(delivered(&mut subscription, 2).await, [21, 22]);
}

#[tokio::test(start_paused = true)]
async fn a_purge_that_overtakes_a_subscriber_is_reported() {
    let world = World::new(small());
    world.orders(1..=30).await;
    let mut subscription = world.subscribe(Start::After(0)).await;
    assert_eq!(delivered(&mut subscription, 5).await, [1, 2, 3, 4, 5]);
    world.purge().await;
    world.orders(31..=40).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(subscription.next().await, Err(End::Gone(Gone { through: 30 })));
}

#[tokio::test(start_paused = true)]
async fn subscribers_find_out_what_was_purged_while_the_process_slept() {
    let world = World::new(small());
    let mut subscription = world.subscribe(Start::Now).await;
    silent(&mut subscription).await;
    // The process sleeps while others write and purge.
    for id in 1..=20 {
        world.memory.add_versions(id, 1).await;
    }
    world.memory.give_positions().await;
    world.purge().await;
    world.orders(21..=22).await;
    assert_eq!(subscription.next().await, Err(End::Gone(Gone { through: 20 })));
}
