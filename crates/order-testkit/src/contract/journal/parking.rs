//! Parked orders: listed, published again on request, and skipped in part.

use order_app::ports::{Lease, Parked, Parking, Progress, shard};
use order_domain::{OrderId, Version};

use super::super::steps::in_time;
use super::Instance;
use super::steps::{
    ALL, advance, an_order_of_version, an_order_on, assign_all, entries_after, last_position,
    parked, publishing, release, take,
};

/// Parks an order from a version on.
async fn park(instance: &Instance, lease: &Lease, order: OrderId, from: i64, reason: &str) {
    let from = Version::new(from).expect("a version");
    let parking = Parking { order, from, reason: reason.to_owned() };
    advance(instance, lease, &Progress { park: vec![parking], ..Progress::default() }).await;
}

/// Redrives an order, without its first parked event if there is a reason to skip it.
async fn redrive(instance: &Instance, order: OrderId, skip: Option<&str>) -> bool {
    let all = parked(instance).await;
    let first = all.iter().find(|parked| parked.order == order).map(|parked| parked.from);
    let skip = skip.map(|reason| (first.unwrap_or(Version::FIRST), reason));
    let asked = instance.journal.redrive(order, skip, in_time()).await;
    asked.expect("the journal redrives")
}

/// The parked order, of which there is one.
async fn the_parked(instance: &Instance) -> Parked {
    let all = parked(instance).await;
    assert_eq!(all.len(), 1, "{all:?}");
    all.into_iter().next().expect("there is one")
}

/// An order of version 4 with positions, parked from a version on, and the lease of its shard.
async fn a_parked_order(instance: &Instance, from: i64) -> (OrderId, Lease) {
    let order = an_order_of_version(instance, 4).await.id();
    assign_all(instance).await;
    let lease = take(instance, publishing(order)).await;
    park(instance, &lease, order, from, "refused").await;
    (order, lease)
}

pub(super) async fn a_parked_order_is_listed([one, other]: [Instance; 2]) {
    let (order, _) = a_parked_order(&one, 2).await;
    let found = the_parked(&other).await;
    assert_eq!((found.order, found.from.get(), found.reason.as_str()), (order, 2, "refused"));
    assert_eq!((found.attempts, found.redrive), (1, false));
    let own = Some(shard(order));
    let others = Some(shard(order) ^ 1);
    for (shard, limit, expected) in [(own, ALL, vec![found.clone()]), (others, ALL, vec![])] {
        let listed = other.journal.parked(shard, limit, in_time()).await;
        assert_eq!(listed.expect("the journal lists parked orders"), expected);
    }
}

pub(super) async fn parked_orders_come_oldest_first([one, other]: [Instance; 2]) {
    let mut orders = Vec::new();
    for _ in 0..5 {
        orders.push(an_order_on(&one).await.id());
    }
    // In the reverse order of their ids.
    for order in orders.iter().rev() {
        let lease = take(&one, publishing(*order)).await;
        park(&one, &lease, *order, 1, "refused").await;
        release(&one, &lease).await;
    }
    let all = parked(&other).await;
    assert!(all.is_sorted_by_key(|parked| parked.since), "{all:?}");
    let mut found: Vec<_> = all.iter().map(|parked| parked.order).collect();
    let first = other.journal.parked(None, 2, in_time()).await;
    let first = first.expect("the journal lists parked orders");
    assert_eq!(Some(first.as_slice()), all.get(..2));
    found.sort_unstable();
    assert_eq!(found, orders);
}

pub(super) async fn an_order_is_not_parked_any_more([one, other]: [Instance; 2]) {
    let (order, lease) = a_parked_order(&one, 2).await;
    let unparks = Progress { position: 4, park: Vec::new(), unpark: vec![order] };
    advance(&one, &lease, &unparks).await;
    assert_eq!(parked(&other).await, []);
    // Again, as after a lost answer.
    advance(&one, &lease, &unparks).await;
    assert!(!redrive(&other, order, None).await);
}

pub(super) async fn an_order_that_is_not_parked_cannot_be_redriven([one, _]: [Instance; 2]) {
    let order = an_order_on(&one).await.id();
    assert!(!redrive(&one, order, None).await);
    assert!(!redrive(&one, order, Some("who cares")).await);
    assert_eq!(parked(&one).await, []);
}

pub(super) async fn parking_again_counts_and_ends_the_redrive([one, other]: [Instance; 2]) {
    let (order, lease) = a_parked_order(&one, 2).await;
    let first = the_parked(&one).await;
    assert!(redrive(&other, order, None).await);
    assert_eq!(the_parked(&one).await, Parked { redrive: true, ..first });
    // One event was published, the next one was not.
    park(&one, &lease, order, 3, "refused again").await;
    let found = the_parked(&other).await;
    assert_eq!((found.from.get(), found.reason.as_str()), (3, "refused again"));
    assert_eq!((found.attempts, found.redrive), (2, false));
}

pub(super) async fn the_same_progress_again_changes_nothing([one, other]: [Instance; 2]) {
    let (order, lease) = a_parked_order(&one, 2).await;
    for _ in 0..3 {
        park(&other, &lease, order, 2, "refused").await;
        let found = the_parked(&one).await;
        assert_eq!((found.order, found.from.get(), found.redrive), (order, 2, false));
    }
}

pub(super) async fn a_redrive_leaves_out_the_first_event([one, other]: [Instance; 2]) {
    let (order, lease) = a_parked_order(&one, 2).await;
    for from in [3, 4] {
        assert!(redrive(&other, order, Some("not wanted")).await);
        let found = the_parked(&one).await;
        assert_eq!((found.from.get(), found.redrive), (from, true));
        // The next event is refused, too.
        park(&one, &lease, order, from, "refused again").await;
        let found = the_parked(&one).await;
        assert_eq!((found.from.get(), found.redrive), (from, false));
    }
}

pub(super) async fn asking_twice_skips_once([one, other]: [Instance; 2]) {
    let (order, lease) = a_parked_order(&one, 2).await;
    for instance in [&one, &other, &one] {
        assert!(redrive(instance, order, Some("not wanted")).await);
        assert_eq!(the_parked(&one).await.from.get(), 3);
    }
    park(&one, &lease, order, 3, "refused again").await;
    // A redrive under way is not changed by another request.
    assert!(redrive(&other, order, None).await);
    assert!(redrive(&other, order, Some("not wanted")).await);
    let found = the_parked(&one).await;
    assert_eq!((found.from.get(), found.redrive), (3, true));
}

pub(super) async fn only_the_first_event_can_be_skipped([one, other]: [Instance; 2]) {
    let (order, lease) = a_parked_order(&one, 2).await;
    let skip = async |instance: &Instance, event: i64| {
        let skip = Some((Version::new(event).expect("a version"), "not wanted"));
        let asked = instance.journal.redrive(order, skip, in_time()).await;
        assert!(asked.expect("the journal redrives"));
    };
    for event in [1, 3] {
        skip(&other, event).await;
        let found = the_parked(&one).await;
        assert_eq!((found.from.get(), found.redrive), (2, false), "{event} is not the first");
    }
    skip(&one, 2).await;
    park(&one, &lease, order, 3, "refused again").await;
    // The same request again, as after a lost answer.
    skip(&other, 2).await;
    let found = the_parked(&one).await;
    assert_eq!((found.from.get(), found.redrive), (3, false));
}

pub(super) async fn a_skipped_event_is_not_read_any_more([one, other]: [Instance; 2]) {
    let (order, _) = a_parked_order(&one, 2).await;
    assert!(redrive(&other, order, Some("not wanted")).await);
    for shard in [None, Some(shard(order))] {
        let read = entries_after(&one, 0, shard, 3).await;
        let read = read.iter().map(|entry| (entry.position, entry.event.sequence.get()));
        assert_eq!(read.collect::<Vec<_>>(), [(1, 1), (3, 3), (4, 4)]);
    }
    assert_eq!(last_position(&one).await, 4);
}

pub(super) async fn a_reason_may_be_any_text([one, _]: [Instance; 2]) {
    let (order, lease) = a_parked_order(&one, 2).await;
    let long = "ü".repeat(100_000);
    for (from, reason) in [(3, "'; \\ \" % 😀 é"), (4, ""), (4, "a\0b"), (4, &long)] {
        park(&one, &lease, order, from, reason).await;
        let found = the_parked(&one).await;
        assert_eq!(found.from.get(), from);
        if from == 3 {
            assert_eq!(found.reason, reason);
        }
    }
    assert!(redrive(&one, order, Some("a\0b")).await);
    park(&one, &lease, order, 5, &long).await;
    assert!(redrive(&one, order, Some(&long)).await);
}
