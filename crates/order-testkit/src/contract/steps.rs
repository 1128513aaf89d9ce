//! Steps that the cases share: fresh orders, calls that must succeed, and checks of what is stored.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use order_app::events::EventRecord;
use order_app::idempotency::IdempotencyKey;
use order_app::ports::{
    Change, Conflict, CustomerOrders, Deadline, Entropy as _, OrderStore, Page, StoreError,
};
use order_domain::{MAX_ID, NewOrder, Order, OrderId};

use crate::entropy::RandomEntropy;
use crate::examples::{a_change, a_customer, a_key, a_new_order, noon, placed, soon, within};

/// The store under test.
pub(super) type Store = Arc<dyn OrderStore>;

/// A late deadline, for cases that load the database heavily and are not about speed.
pub(super) fn in_time() -> Deadline {
    within(Duration::from_mins(1))
}

/// A random number from 1 to `last`.
pub(super) fn random(last: i64) -> i64 {
    let bits = i64::try_from(RandomEntropy.bits() >> 65).expect("63 bits");
    bits.checked_rem(last).map_or(1, |rest| rest.saturating_add(1))
}

/// A customer that no other case uses.
pub(super) fn a_fresh_customer() -> i64 {
    random(MAX_ID)
}

/// A key that no other case uses.
pub(super) fn a_fresh_key() -> IdempotencyKey {
    a_key(&format!("{:032x}", RandomEntropy.bits()))
}

/// An id that the store has not given before.
pub(super) async fn a_fresh_id(store: &Store) -> i64 {
    let id = store.next_order_id(in_time()).await;
    id.expect("the store gives order ids").get()
}

/// An order that is about to be placed, with a fresh id.
pub(super) async fn a_fresh_order(store: &Store, customer: i64) -> NewOrder {
    a_new_order(a_fresh_id(store).await, customer)
}

/// Commits a change that nothing excludes.
pub(super) async fn commit(store: &Store, change: impl Into<Change>) {
    let result = store.commit(change.into(), soon()).await;
    result.expect("nothing excludes the change");
}

/// Places an order at a time.
pub(super) async fn place(store: &Store, new: NewOrder, at: DateTime<Utc>) -> Order {
    let event = placed(new, at);
    let order = event.order.clone();
    commit(store, a_change(event)).await;
    order
}

/// Places an order at noon.
pub(super) async fn a_stored_order(store: &Store, customer: i64) -> Order {
    place(store, a_fresh_order(store, customer).await, noon()).await
}

/// Commits a change that must run into a conflict.
pub(super) async fn refuse(store: &Store, change: impl Into<Change>, expected: Conflict) {
    let result = store.commit(change.into(), soon()).await;
    assert_eq!(conflict(result), expected);
}

/// The conflict of a commit that must have had one.
pub(super) fn conflict(result: Result<(), StoreError>) -> Conflict {
    match result.expect_err("the change is excluded") {
        StoreError::Conflict(conflict) => Some(conflict),
        failure => {
            assert_eq!(failure.to_string(), "a conflict", "{failure:?}");
            None
        }
    }
    .expect("a conflict")
}

/// The stored order.
pub(super) async fn order(store: &Store, id: OrderId) -> Option<Order> {
    let found = store.order(id, in_time()).await;
    found.expect("the store reads orders")
}

/// All events of an order.
pub(super) async fn history(store: &Store, id: OrderId) -> Vec<EventRecord> {
    let (mut events, mut after) = (Vec::new(), 0);
    loop {
        let page = store.events(id, after, 10_000, in_time()).await;
        let Page { items, more } = page.expect("the store reads events");
        assert!(items.iter().all(|(sequence, _)| sequence.get() > after), "a page goes on");
        events.extend(items.into_iter().map(|(_, event)| event.expect("the event is readable")));
        match events.last() {
            Some(last) if more => after = last.sequence.get(),
            _ => return events,
        }
    }
}

/// The sequences of an order's events.
pub(super) async fn sequences(store: &Store, id: OrderId) -> Vec<i64> {
    let events = history(store, id).await;
    events.iter().map(|event| event.sequence.get()).collect()
}

/// Demands that this order is stored, with one event for each version.
pub(super) async fn assert_stored(store: &Store, expected: &Order) {
    assert_eq!(order(store, expected.id()).await.as_ref(), Some(expected));
    let versions: Vec<_> = (1..=expected.version().get()).collect();
    assert_eq!(sequences(store, expected.id()).await, versions);
}

/// Demands that neither an order nor an event of it is stored.
pub(super) async fn assert_absent(store: &Store, id: OrderId) {
    assert_eq!(order(store, id).await, None);
    assert_eq!(history(store, id).await, []);
}

/// All orders of a customer in one page of up to `limit`.
pub(super) fn all_of(customer: i64, limit: u32) -> CustomerOrders {
    CustomerOrders {
        customer_id: a_customer(customer),
        statuses: Vec::new(),
        created_from: None,
        created_to: None,
        after: None,
        limit,
    }
}

/// The number of orders of a customer, up to 1,000.
pub(super) async fn count(store: &Store, customer: i64) -> usize {
    let query = all_of(customer, 1_000);
    let page = store.customer_orders(&query, in_time()).await;
    page.expect("the store lists orders").orders.len()
}
