//! A change applies to exactly the version before its own, or not at all.

use order_app::ports::{Conflict, OrderChange};
use order_domain::{NewOrder, Order, OrderStatus};

use super::steps::{
    Store, a_fresh_customer, a_fresh_key, a_fresh_order, a_stored_order, assert_absent,
    assert_stored, commit, history, order, place, refuse,
};
use crate::examples::{
    a_change, a_line, a_recorded_answer, a_reference, moved, noon, noon_plus, placed, relined, soon,
};

pub(super) async fn an_order_walks_through_its_versions(store: Store) {
    let mut current = a_stored_order(&store, a_fresh_customer()).await;
    let event = relined(&current, vec![a_line(1, 1, "0.99")], noon_plus(1));
    current = event.order.clone();
    commit(&store, a_change(event)).await;
    assert_stored(&store, &current).await;
    for to in [OrderStatus::Confirmed, OrderStatus::InProgress, OrderStatus::Delivered] {
        let event = moved(&current, to, noon_plus(2));
        current = event.order.clone();
        commit(&store, a_change(event)).await;
        assert_stored(&store, &current).await;
    }
    assert_eq!(current.version().get(), 5);
}

/// Commits a change with an answer, which must be refused and leave no trace of change and answer.
async fn refuse_whole(store: &Store, change: OrderChange, expected: Conflict) {
    let id = change.order.id();
    let before = (order(store, id).await, history(store, id).await);
    let key = a_fresh_key();
    let answer = Some(a_recorded_answer(key.clone()));
    refuse(store, OrderChange { answer, ..change }, expected).await;
    assert_eq!((order(store, id).await, history(store, id).await), before);
    let recorded = store.answer(&key, soon()).await;
    assert_eq!(recorded.expect("the store reads answers"), None);
}

pub(super) async fn a_stale_version_is_refused_and_writes_nothing(store: Store) {
    let placed = a_stored_order(&store, a_fresh_customer()).await;
    let confirmed = moved(&placed, OrderStatus::Confirmed, noon_plus(1));
    let cancelled = moved(&placed, OrderStatus::Cancelled, noon_plus(2));
    let now = confirmed.order.clone();
    commit(&store, a_change(confirmed)).await;
    refuse_whole(&store, a_change(cancelled), Conflict::Version).await;
    assert_stored(&store, &now).await;
    // The same for a change that is two versions behind.
    let on_its_way = moved(&now, OrderStatus::InProgress, noon_plus(3));
    commit(&store, a_change(on_its_way)).await;
    let stale = moved(&placed, OrderStatus::Confirmed, noon_plus(4));
    refuse_whole(&store, a_change(stale), Conflict::Version).await;
}

pub(super) async fn a_skipped_version_is_refused_and_writes_nothing(store: Store) {
    let placed = a_stored_order(&store, a_fresh_customer()).await;
    let confirmed = moved(&placed, OrderStatus::Confirmed, noon_plus(1)).order;
    let third = moved(&confirmed, OrderStatus::InProgress, noon_plus(2));
    refuse_whole(&store, a_change(third), Conflict::Version).await;
    assert_stored(&store, &placed).await;
}

pub(super) async fn an_update_of_an_unknown_order_is_refused_and_writes_nothing(store: Store) {
    let never_stored: Order = {
        let new = a_fresh_order(&store, a_fresh_customer()).await;
        placed(new, noon()).order
    };
    let update = moved(&never_stored, OrderStatus::Confirmed, noon_plus(1));
    refuse_whole(&store, a_change(update), Conflict::Version).await;
    assert_absent(&store, never_stored.id()).await;
}

pub(super) async fn an_update_keeps_the_client_reference_without_a_conflict(store: Store) {
    let new = NewOrder {
        client_reference: Some(a_reference("mine")),
        ..a_fresh_order(&store, a_fresh_customer()).await
    };
    let placed = place(&store, new, noon()).await;
    let event = moved(&placed, OrderStatus::Confirmed, noon_plus(1));
    let confirmed = event.order.clone();
    commit(&store, a_change(event)).await;
    assert_stored(&store, &confirmed).await;
}
