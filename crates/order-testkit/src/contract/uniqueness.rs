//! Order ids are unique, and so are the references of a customer. Many callers at the same time are
//! in `concurrency.rs`.

use order_app::ports::Conflict;
use order_domain::{NewOrder, OrderStatus};

use super::steps::{
    Store, a_fresh_customer, a_fresh_order, a_stored_order, assert_absent, assert_stored, commit,
    count, history, place, refuse,
};
use crate::examples::{
    a_change, a_change_placing, a_new_order, a_reference, moved, noon, noon_plus,
};

async fn named(store: &Store, customer: i64, reference: &str) -> NewOrder {
    NewOrder {
        client_reference: Some(a_reference(reference)),
        ..a_fresh_order(store, customer).await
    }
}

pub(super) async fn a_taken_order_id_is_refused_and_writes_nothing(store: Store) {
    let first = a_stored_order(&store, a_fresh_customer()).await;
    let events = history(&store, first.id()).await;
    let (other, reference) = (a_fresh_customer(), Some(a_reference("other")));
    let second =
        NewOrder { client_reference: reference.clone(), ..a_new_order(first.id().get(), other) };
    refuse(&store, a_change_placing(second), Conflict::OrderId).await;
    assert_stored(&store, &first).await;
    assert_eq!(history(&store, first.id()).await, events);
    assert_eq!(count(&store, other).await, 0);
    // The reference is still free, too.
    let retried = named(&store, other, "other").await;
    assert_eq!(retried.client_reference, reference);
    place(&store, retried, noon()).await;
}

pub(super) async fn a_taken_client_reference_names_the_order_that_has_it(store: Store) {
    let customer = a_fresh_customer();
    a_stored_order(&store, customer).await;
    let first = named(&store, customer, "po-7").await;
    let existing = place(&store, first, noon()).await.id();
    let second = named(&store, customer, "po-7").await;
    let id = second.id;
    let expected = Conflict::ClientReference { existing };
    refuse(&store, a_change_placing(second), expected).await;
    assert_absent(&store, id).await;
    assert_eq!(count(&store, customer).await, 2);
}

pub(super) async fn a_cancelled_order_keeps_its_client_reference(store: Store) {
    let customer = a_fresh_customer();
    let first = named(&store, customer, "po-7").await;
    let first = place(&store, first, noon()).await;
    let cancelled = moved(&first, OrderStatus::Cancelled, noon_plus(1));
    commit(&store, a_change(cancelled)).await;
    let second = named(&store, customer, "po-7").await;
    let existing = first.id();
    let expected = Conflict::ClientReference { existing };
    refuse(&store, a_change_placing(second), expected).await;
}

pub(super) async fn customers_do_not_share_client_references(store: Store) {
    for customer in [a_fresh_customer(), a_fresh_customer()] {
        let new = named(&store, customer, "po-7").await;
        let placed = place(&store, new, noon()).await;
        assert_stored(&store, &placed).await;
    }
}

pub(super) async fn client_references_differ_by_case(store: Store) {
    let customer = a_fresh_customer();
    let lower = named(&store, customer, "po-7a").await;
    place(&store, lower, noon()).await;
    let upper = named(&store, customer, "PO-7A").await;
    let upper = place(&store, upper, noon()).await;
    assert_stored(&store, &upper).await;
    // The conflict names the order whose reference has the same spelling.
    let again = named(&store, customer, "PO-7A").await;
    let existing = upper.id();
    let expected = Conflict::ClientReference { existing };
    refuse(&store, a_change_placing(again), expected).await;
}

pub(super) async fn orders_without_a_client_reference_do_not_collide(store: Store) {
    let customer = a_fresh_customer();
    a_stored_order(&store, customer).await;
    a_stored_order(&store, customer).await;
    assert_eq!(count(&store, customer).await, 2);
}
