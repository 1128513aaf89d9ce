//! Old published events are purged, in the order of their positions, and no others.

use chrono::{DateTime, TimeDelta, Utc};
use order_app::ports::{Parking, Progress, Purged, SHARDS};
use order_domain::{Order, OrderId, OrderStatus, Version};

use super::super::steps::{commit, history, in_time};
use super::Instance;
use super::steps::{
    ALL, advance, an_order_of_version, assign_all, entries_after, last_position, progress,
    publishing, release, some_orders, take,
};
use crate::examples::{a_change, moved, noon, noon_plus};

/// A time at which the events of noon are old.
fn later() -> DateTime<Utc> {
    noon_plus(1)
}

async fn purge(instance: &Instance, before: DateTime<Utc>, limit: u32) -> Purged {
    let purged = instance.journal.purge(before, limit, in_time()).await;
    purged.expect("the journal is purged")
}

async fn purged(instance: &Instance) -> i64 {
    let purged = instance.journal.purged_through(in_time()).await;
    purged.expect("the journal knows up to where it is purged")
}

/// Records all events with a position as published.
async fn publish_all(instance: &Instance) {
    let position = last_position(instance).await;
    for shard in 0..SHARDS {
        let lease = take(instance, order_app::ports::Duty::Publish(shard)).await;
        advance(instance, &lease, &Progress { position, ..Progress::default() }).await;
        release(instance, &lease).await;
    }
}

async fn publish_everything(instance: &Instance) {
    assign_all(instance).await;
    publish_all(instance).await;
}

async fn sequences(instance: &Instance, order: OrderId) -> Vec<i64> {
    let events = history(&instance.orders, order).await;
    events.iter().map(|event| event.sequence.get()).collect()
}

/// Parks an order from a version on, or unparks it.
async fn set_parked(instance: &Instance, order: OrderId, from: Option<i64>) {
    let lease = take(instance, publishing(order)).await;
    let parking = |from| Parking {
        order,
        from: Version::new(from).expect("a version"),
        reason: "refused".to_owned(),
    };
    let unpark = if from.is_none() { vec![order] } else { Vec::new() };
    let park = from.map(parking).into_iter().collect();
    advance(instance, &lease, &Progress { park, unpark, ..Progress::default() }).await;
    release(instance, &lease).await;
}

/// The next step of an order, this long after noon.
async fn progress_later(instance: &Instance, order: &Order, after: TimeDelta) -> Order {
    let event = moved(order, OrderStatus::Cancelled, noon() + after);
    let order = event.order.clone();
    commit(&instance.orders, a_change(event)).await;
    order
}

pub(super) async fn unpublished_events_are_not_purged([one, other]: [Instance; 2]) {
    let order = an_order_of_version(&one, 3).await.id();
    assert_eq!(purge(&other, later(), ALL).await, Purged::default(), "without positions");
    assign_all(&one).await;
    assert_eq!(purge(&other, later(), ALL).await, Purged::default(), "with positions");
    let lease = take(&one, publishing(order)).await;
    advance(&one, &lease, &Progress { position: 2, ..Progress::default() }).await;
    assert_eq!(purge(&other, later(), ALL).await, Purged { events: 1, more: false });
    assert_eq!((sequences(&one, order).await, purged(&one).await), (vec![2, 3], 2));
    let left: Vec<i64> =
        entries_after(&one, 2, None, ALL).await.iter().map(|one| one.position).collect();
    assert_eq!(left, [3], "what is not published can be read on");
}

pub(super) async fn old_published_events_are_purged([one, other]: [Instance; 2]) {
    let (ids, events) = some_orders(&one, 20).await;
    publish_everything(&one).await;
    let end = last_position(&one).await;
    assert_eq!(purged(&other).await, 0);
    let gone = u32::try_from(events - ids.len()).expect("a small number");
    assert_eq!(purge(&other, later(), ALL).await, Purged { events: gone, more: false });
    assert_eq!((purged(&one).await, last_position(&one).await), (end, end));
    assert_eq!(entries_after(&one, 0, None, ALL).await, []);
    for (id, version) in ids.into_iter().zip([1, 2, 3, 4].into_iter().cycle()) {
        assert_eq!(sequences(&one, id).await, [version], "the newest one is kept");
    }
    assert_eq!(purge(&one, later(), ALL).await, Purged::default());
}

pub(super) async fn young_events_are_kept([one, _]: [Instance; 2]) {
    let order = an_order_of_version(&one, 2).await;
    let order = progress_later(&one, &order, TimeDelta::hours(1)).await.id();
    publish_everything(&one).await;
    assert_eq!(purge(&one, noon(), ALL).await, Purged::default(), "not before noon");
    let before = noon() + TimeDelta::hours(1);
    // The event of one o'clock is young, so events behind it are not purged.
    assert_eq!(purge(&one, before, ALL).await, Purged { events: 1, more: false });
    assert_eq!((sequences(&one, order).await, purged(&one).await), (vec![2, 3], 2));
    let before = before + TimeDelta::microseconds(1);
    assert_eq!(purge(&one, before, ALL).await, Purged { events: 1, more: false });
    assert_eq!((sequences(&one, order).await, purged(&one).await), (vec![3], 3));
}

pub(super) async fn the_newest_event_of_an_order_is_kept_until_it_has_a_newer_one(
    [one, other]: [Instance; 2],
) {
    let mut order = an_order_of_version(&one, 1).await;
    for version in 2..=4 {
        publish_everything(&one).await;
        let purged = purge(&other, later(), ALL).await;
        assert_eq!(purged.events, u32::from(version > 2), "the one before it");
        assert_eq!(sequences(&one, order.id()).await, [version - 1]);
        order = progress(&one, &order).await;
        assert_eq!(sequences(&one, order.id()).await, [version - 1, version]);
    }
}

pub(super) async fn the_events_of_a_parked_order_are_kept([one, other]: [Instance; 2]) {
    let parked = an_order_of_version(&one, 4).await.id();
    let free = an_order_of_version(&one, 4).await.id();
    assign_all(&one).await;
    set_parked(&one, parked, Some(3)).await;
    publish_all(&one).await;
    assert_eq!(purge(&other, later(), ALL).await, Purged { events: 3, more: false });
    assert_eq!(sequences(&one, parked).await, [1, 2, 3, 4]);
    assert_eq!(sequences(&one, free).await, [4], "the others go on");
}

pub(super) async fn the_events_of_an_order_that_was_parked_are_purged_later(
    [one, other]: [Instance; 2],
) {
    let order = an_order_of_version(&one, 3).await;
    assign_all(&one).await;
    set_parked(&one, order.id(), Some(1)).await;
    publish_all(&one).await;
    purge(&one, later(), ALL).await;
    assert_eq!(purged(&one).await, 3, "it does not hold up other orders");
    set_parked(&one, order.id(), None).await;
    assert_eq!(purge(&one, later(), ALL).await, Purged::default());
    progress(&one, &order).await;
    publish_everything(&one).await;
    // In steps that are too small for all events at once.
    let mut gone = 0;
    for _ in 0..4 {
        gone += purge(&other, later(), 2).await.events;
    }
    assert_eq!((gone, sequences(&one, order.id()).await), (3, vec![4]));
}

pub(super) async fn a_purge_goes_step_by_step([one, other]: [Instance; 2]) {
    let (ids, events) = some_orders(&one, 20).await;
    publish_everything(&one).await;
    let (mut gone, mut steps) = (0, 0);
    loop {
        let Purged { events, more } = purge(&other, later(), 7).await;
        assert!(events <= 14, "{events} in one step");
        (gone, steps) = (gone + events, steps + 1);
        if !more {
            break;
        }
        assert!(steps < 100, "it never ends");
    }
    assert_eq!(usize::try_from(gone).expect("a small number"), events - ids.len());
    assert_eq!(purged(&one).await, last_position(&one).await);
}

pub(super) async fn purges_at_the_same_time_purge_once([one, other]: [Instance; 2]) {
    let (ids, events) = some_orders(&one, 40).await;
    publish_everything(&one).await;
    let purging = |instance: Instance| async move {
        let mut gone = 0;
        loop {
            let Purged { events, more } = purge(&instance, later(), 10).await;
            gone += events;
            if !more {
                return gone;
            }
        }
    };
    let (left, right) =
        tokio::join!(tokio::spawn(purging(one.clone())), tokio::spawn(purging(other)));
    let gone = left.expect("no panic") + right.expect("no panic");
    assert_eq!(usize::try_from(gone).expect("a small number"), events - ids.len());
    assert_eq!(purged(&one).await, last_position(&one).await);
}

pub(super) async fn positions_continue_after_a_purge([one, other]: [Instance; 2]) {
    let order = an_order_of_version(&one, 4).await;
    publish_everything(&one).await;
    purge(&one, later(), ALL).await;
    let next = an_order_of_version(&other, 2).await.id();
    assign_all(&other).await;
    let read = entries_after(&one, 0, None, ALL).await;
    let read: Vec<_> = read.iter().map(|one| (one.position, one.event.order_id)).collect();
    assert_eq!(read, [(5, next), (6, next)]);
    assert_eq!((last_position(&one).await, purged(&one).await), (6, 4));
    assert_eq!(
        entries_after(&one, 0, Some(order_app::ports::shard(order.id())), 1).await.len(),
        usize::from(order_app::ports::shard(order.id()) == order_app::ports::shard(next))
    );
}
