//! Journals that do not answer, and events that cannot be read.

use std::time::Duration;

use order_app::feed::{Filter, Start, SubscribeError};
use order_testkit::examples::{an_order_id, anyone};

use crate::world::{World, delivered, silent, small};

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_journal_is_waited_out() {
    let world = World::new(small());
    let mut keeps_up = world.subscribe(Start::Now).await;
    world.orders(1..=20).await;
    let mut behind = world.subscribe(Start::After(0)).await;
    assert_eq!(delivered(&mut keeps_up, 20).await.len(), 20);
    world.fails.send_replace(true);
    world.orders(21..=25).await;
    silent(&mut keeps_up).await;
    silent(&mut behind).await;
    let refused = world.feed.subscribe(anyone(), Start::After(3), Filter::default()).await;
    assert!(matches!(refused, Err(SubscribeError::Store(_))), "{refused:?}");
    world.fails.send_replace(false);
    assert_eq!(delivered(&mut keeps_up, 5).await, [21, 22, 23, 24, 25]);
    assert_eq!(delivered(&mut behind, 25).await, (1..=25).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_read_is_left_out_and_counted_once() {
    let world = World::new(small());
    let mut live = world.subscribe(Start::Now).await;
    silent(&mut live).await;
    world.memory.add_versions(7, 1).await;
    world.memory.spoil(an_order_id(7), 1);
    world.orders(8..=30).await;
    let expected: Vec<_> = (2..=24).collect();
    assert_eq!(delivered(&mut live, 23).await, expected);
    for _ in 0..3 {
        let mut later = world.subscribe(Start::After(0)).await;
        assert_eq!(delivered(&mut later, 23).await, expected);
    }
    assert_eq!(world.feed.report().unreadable, 1);
}

#[tokio::test(start_paused = true)]
async fn a_page_of_nothing_readable_is_passed() {
    let world = World::new(small());
    for id in 1..=12 {
        world.memory.add_versions(id, 1).await;
        world.memory.spoil(an_order_id(id), 1);
    }
    world.orders(13..=14).await;
    let mut subscription = world.subscribe(Start::After(0)).await;
    assert_eq!(delivered(&mut subscription, 2).await, [13, 14]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.feed.report().unreadable, 12);
}
