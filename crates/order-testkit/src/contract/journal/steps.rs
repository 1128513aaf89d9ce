//! Steps that the cases of the journal share.

use std::time::Duration;

use order_app::events::EventRecord;
use order_app::ports::{
    Deadline, Duty, Entropy as _, JournalEntry, Lease, Leased, Parked, Progress, shard,
};
use order_domain::{Order, OrderId, OrderStatus};
use uuid::Uuid;

use super::super::steps::{a_fresh_customer, a_fresh_order, commit, in_time};
use super::Instance;
use crate::entropy::RandomEntropy;
use crate::examples::{a_change, moved, noon, placed, within};

/// Longer than any case takes.
pub(super) const LONG: Duration = Duration::from_mins(5);
/// Over before the next call.
pub(super) const SHORT: Duration = Duration::from_millis(1);
/// More than any case writes.
pub(super) const ALL: u32 = 100_000;

/// A name that no other instance has.
pub(super) fn a_name() -> Uuid {
    Uuid::from_u128(RandomEntropy.bits())
}

/// Asks for a lease.
pub(super) async fn ask(
    instance: &Instance,
    duty: Duty,
    name: Uuid,
    lasts: Duration,
) -> Option<Lease> {
    let lease = instance.journal.lease(duty, name, lasts, in_time()).await;
    lease.expect("the journal leases")
}

/// Takes a free lease for longer than the case takes.
pub(super) async fn take(instance: &Instance, duty: Duty) -> Lease {
    let lease = ask(instance, duty, a_name(), LONG).await;
    lease.expect("the lease is free")
}

/// Takes a lease from another instance as soon as it is over.
pub(super) async fn take_over(instance: &Instance, duty: Duty, name: Uuid) -> Lease {
    let patience = in_time();
    loop {
        if let Some(lease) = ask(instance, duty, name, LONG).await {
            return lease;
        }
        assert!(Deadline::now() < patience, "the lease is never over");
        a_moment().await;
    }
}

/// Gives a lease back.
pub(super) async fn release(instance: &Instance, lease: &Lease) {
    let released = instance.journal.release(lease, in_time()).await;
    released.expect("the journal takes leases back");
}

/// The pause between two looks.
pub(super) async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}

/// Waits until the clock of the database shows that [`SHORT`] has passed.
pub(super) async fn a_short_time(instance: &Instance) {
    let (fleeting, watcher) = (a_name(), a_name());
    let attend = async |name, time| {
        let living = instance.journal.heartbeat(name, time, in_time()).await;
        living.expect("the journal counts instances")
    };
    let before = attend(watcher, LONG).await;
    attend(fleeting, SHORT).await;
    let patience = in_time();
    while attend(watcher, LONG).await > before {
        assert!(Deadline::now() < patience, "time stands still");
        a_moment().await;
    }
}

/// Places an order.
pub(super) async fn an_order_on(instance: &Instance) -> Order {
    let new = a_fresh_order(&instance.orders, a_fresh_customer()).await;
    let event = placed(new, noon());
    let order = event.order.clone();
    commit(&instance.orders, a_change(event)).await;
    order
}

/// The next step of an order on its way to delivery.
pub(super) async fn progress(instance: &Instance, order: &Order) -> Order {
    let next = match order.status() {
        OrderStatus::Pending => OrderStatus::Confirmed,
        OrderStatus::Confirmed => OrderStatus::InProgress,
        _ => OrderStatus::Delivered,
    };
    let event = moved(order, next, noon());
    let order = event.order.clone();
    commit(&instance.orders, a_change(event)).await;
    order
}

/// Places an order and brings it to a version, at most 4.
pub(super) async fn an_order_of_version(instance: &Instance, version: i64) -> Order {
    let mut order = an_order_on(instance).await;
    while order.version().get() < version {
        order = progress(instance, &order).await;
    }
    order
}

/// Places orders of different versions; answers their ids and the number of their events.
pub(super) async fn some_orders(instance: &Instance, count: i64) -> (Vec<OrderId>, usize) {
    let (mut ids, mut events) = (Vec::new(), 0);
    for number in 0..count {
        let version = number.rem_euclid(4).saturating_add(1);
        ids.push(an_order_of_version(instance, version).await.id());
        events += usize::try_from(version).expect("a small number");
    }
    (ids, events)
}

/// Assigns positions to at most `limit` events.
pub(super) async fn assign(instance: &Instance, lease: &Lease, limit: u32) -> u32 {
    let assigned = instance.journal.assign_positions(lease, limit, in_time()).await;
    match assigned.expect("the journal assigns positions") {
        Leased::Done(count) => Some(count),
        Leased::Lost => None,
    }
    .expect("the lease is held")
}

/// Assigns positions to all events, and gives the lease back.
pub(super) async fn assign_all(instance: &Instance) {
    let lease = take(instance, Duty::Sequence).await;
    assign(instance, &lease, ALL).await;
    release(instance, &lease).await;
}

/// The events after a position.
pub(super) async fn entries_after(
    instance: &Instance,
    position: i64,
    shard: Option<u16>,
    limit: u32,
) -> Vec<JournalEntry> {
    let events = instance.journal.entries_after(position, shard, limit, in_time()).await;
    let events = events.expect("the journal reads events").items.into_iter();
    events.collect::<Result<_, _>>().expect("all events can be read")
}

/// The last position.
pub(super) async fn last_position(instance: &Instance) -> i64 {
    let last_position = instance.journal.last_position(in_time()).await;
    last_position.expect("the journal knows its last position")
}

/// Records progress under a lease that is held.
pub(super) async fn advance(instance: &Instance, lease: &Lease, progress: &Progress) {
    let advanced = instance.journal.advance(lease, progress, in_time()).await;
    assert_eq!(advanced.expect("the journal records progress"), Leased::Done(()));
}

/// The position of a duty, as the holder of its lease finds it when renewing.
pub(super) async fn position(instance: &Instance, lease: &Lease) -> i64 {
    let renewed = ask(instance, lease.duty, lease.instance, LONG).await;
    renewed.expect("it is the holder's").position
}

/// All parked orders.
pub(super) async fn parked(instance: &Instance) -> Vec<Parked> {
    let parked = instance.journal.parked(None, ALL, in_time()).await;
    parked.expect("the journal lists parked orders")
}

/// The duty to publish an order.
pub(super) fn publishing(order: OrderId) -> Duty {
    Duty::Publish(shard(order))
}

/// A deadline for all tasks of a case together.
pub(super) fn patiently() -> Deadline {
    within(Duration::from_mins(2))
}

/// Demands that these are all events of these orders, each once, at positions that grow by one from
/// the first on, and for each order in sequence.
pub(super) async fn assert_complete(instance: &Instance, read: &[JournalEntry], ids: &[OrderId]) {
    let positions: Vec<i64> = read.iter().map(|entry| entry.position).collect();
    let expected: Vec<i64> = (1..).take(read.len()).collect();
    assert_eq!(positions, expected);
    assert_events(instance, read, ids).await;
}

/// Demands that these are all events of these orders, each once, and for each order in sequence.
pub(super) async fn assert_events(instance: &Instance, read: &[JournalEntry], ids: &[OrderId]) {
    assert!(read.is_sorted_by_key(|entry| entry.position), "positions grow");
    let mut all = 0;
    for id in ids {
        let events = read.iter().map(|entry| &entry.event);
        let events: Vec<&EventRecord> = events.filter(|event| event.order_id == *id).collect();
        let history = super::super::steps::history(&instance.orders, *id).await;
        assert_eq!(events, history.iter().collect::<Vec<_>>());
        all += events.len();
    }
    assert_eq!(all, read.len(), "events of other orders");
}
