//! The backlog: an event waits from its commit until the publisher of its shard has passed it.

use order_app::ports::{Backlog, Duty, Parking, Progress, SHARDS, shard};
use order_domain::{OrderId, Version};

use super::super::steps::{a_fresh_customer, a_fresh_order, in_time, place};
use super::Instance;
use super::steps::{ALL, advance, assign, last_position, publishing, release, take};
use crate::examples::{noon, noon_plus};

async fn backlog(instance: &Instance) -> Backlog {
    let backlog = instance.journal.backlog(in_time()).await;
    backlog.expect("the journal counts what waits")
}

/// Places an order `micros` microseconds after noon.
async fn placed_at(instance: &Instance, micros: i64) -> OrderId {
    let new = a_fresh_order(&instance.orders, a_fresh_customer()).await;
    place(&instance.orders, new, noon_plus(micros)).await.id()
}

/// Records all events of a shard as published.
async fn pass(instance: &Instance, duty: Duty) {
    let lease = take(instance, duty).await;
    let position = last_position(instance).await;
    advance(instance, &lease, &Progress { position, ..Progress::default() }).await;
    release(instance, &lease).await;
}

pub(super) async fn an_event_waits_until_its_shard_is_published_past_it(
    [one, other]: [Instance; 2],
) {
    assert_eq!(backlog(&one).await, Backlog::default());
    let mut orders = Vec::new();
    for _ in 0..20 {
        orders.push(placed_at(&one, 0).await);
    }
    let waiting = |events| Backlog { events, oldest: Some(noon()), parked: 0 };
    assert_eq!(backlog(&other).await, waiting(20));
    let lease = take(&one, Duty::Sequence).await;
    for limit in [8, 1, ALL] {
        assign(&one, &lease, limit).await;
        assert_eq!(backlog(&other).await, waiting(20), "with a position or without");
    }
    let mut left = 20;
    for number in 0..SHARDS {
        pass(&one, Duty::Publish(number)).await;
        left -= orders.iter().filter(|order| shard(**order) == number).count();
        let events = u64::try_from(left).expect("a small number");
        assert_eq!(backlog(&other).await.events, events);
    }
    assert_eq!(backlog(&other).await, Backlog::default());
}

pub(super) async fn the_oldest_event_is_found_wherever_it_waits([one, other]: [Instance; 2]) {
    let oldest = placed_at(&one, 1).await;
    placed_at(&one, 2).await;
    let lease = take(&one, Duty::Sequence).await;
    assign(&one, &lease, ALL).await;
    placed_at(&one, 4).await;
    placed_at(&one, 3).await;
    assert_eq!(backlog(&other).await.oldest, Some(noon_plus(1)), "with a position");
    for number in 0..SHARDS {
        pass(&one, Duty::Publish(number)).await;
    }
    assert_eq!(backlog(&other).await.oldest, Some(noon_plus(3)), "without one");
    // Parked events are counted apart, by their orders.
    let publishing = take(&one, publishing(oldest)).await;
    let parking = Parking { order: oldest, from: Version::FIRST, reason: "refused".to_owned() };
    let progress = Progress { park: vec![parking], ..Progress::default() };
    advance(&one, &publishing, &progress).await;
    let expected = Backlog { events: 2, oldest: Some(noon_plus(3)), parked: 1 };
    assert_eq!(backlog(&other).await, expected);
}
