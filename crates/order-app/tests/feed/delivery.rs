//! The events that subscribers get, and when.

use std::time::Duration;

use order_app::feed::{Filter, Start};
use order_domain::{CustomerId, OrderEventKind};
use order_testkit::examples::{an_order_id, anyone};
use serde_json::Value;
use tokio::time::Instant;

use crate::world::{World, delivered, silent, small};

#[tokio::test(start_paused = true)]
async fn a_subscriber_gets_the_events_from_now_on() {
    let world = World::new(small());
    world.orders(1..=3).await;
    let mut subscription = world.subscribe(Start::Now).await;
    silent(&mut subscription).await;
    world.orders(4..=6).await;
    assert_eq!(delivered(&mut subscription, 3).await, [4, 5, 6]);
    silent(&mut subscription).await;
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_comes_back_gets_the_rest() {
    let world = World::new(small());
    world.orders(1..=30).await;
    for after in [0, 1, 17, 29, 30] {
        let mut subscription = world.subscribe(Start::After(after)).await;
        let rest = usize::try_from(30 - after).unwrap();
        assert_eq!(delivered(&mut subscription, rest).await, (after + 1..=30).collect::<Vec<_>>());
        silent(&mut subscription).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_wake_up_is_followed_at_once_and_the_rest_is_found_by_polling() {
    let world = World::new(small());
    let mut subscription = world.subscribe(Start::Now).await;
    silent(&mut subscription).await;
    let start = Instant::now();
    world.orders(1..=1).await;
    delivered(&mut subscription, 1).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    // As another instance does.
    world.memory.add_versions(2, 1).await;
    world.memory.give_positions().await;
    delivered(&mut subscription, 1).await;
    assert!(start.elapsed() <= Duration::from_millis(250), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_event_is_delivered_as_it_reads_in_its_orders_history() {
    let world = World::new(small());
    let mut subscription = world.subscribe(Start::Now).await;
    world.orders(7..=7).await;
    let batch = subscription.next().await.unwrap();
    let [event] = &batch.events[..] else { panic!("{batch:?}") };
    assert_eq!((event.kind, event.order.get(), event.customer), (OrderEventKind::Created, 7, 42));
    assert!(!event.json.contains('\n'));
    let json: Value = serde_json::from_str(&event.json).unwrap();
    assert_eq!((&json["subject"], &json["data"]["sequence"]), (&"7".into(), &1.into()));
}

#[tokio::test(start_paused = true)]
async fn a_filter_leaves_out_other_events_and_the_position_moves_on() {
    let world = World::new(small());
    world.orders(1..=20).await;
    world.confirm(3).await;
    world.confirm(5).await;
    world.memory.give_positions().await;
    world.placed.wake();
    let customer = |id| Some(CustomerId::new(id).unwrap());
    let confirmed = vec![OrderEventKind::Confirmed];
    for (filter, expected) in [
        (Filter { kinds: confirmed.clone(), ..Filter::default() }, vec![21, 22]),
        (Filter { order: Some(an_order_id(5)), ..Filter::default() }, vec![5, 22]),
        (Filter { customer: customer(42), ..Filter::default() }, (1..=22).collect()),
        (Filter { customer: customer(43), ..Filter::default() }, vec![]),
        (Filter { kinds: confirmed, order: Some(an_order_id(4)), customer: None }, vec![]),
    ] {
        let mut subscription =
            world.feed.subscribe(anyone(), Start::After(0), filter).await.unwrap();
        let mut positions = Vec::new();
        while subscription.position() < 22 {
            let batch = subscription.next().await.unwrap();
            positions.extend(batch.events.iter().map(|event| event.position));
        }
        assert_eq!(positions, expected);
    }
}
