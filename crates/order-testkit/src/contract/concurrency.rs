//! Many callers at the same time. An adapter may write their changes together, and no caller must
//! notice.

use std::collections::BTreeSet;
use std::future::Future;

use order_app::ports::{Change, Conflict, CustomerOrders, OrderChange, StoreError};
use order_domain::{NewOrder, Order, OrderId, OrderStatus};
use tokio::task::JoinSet;

use super::lists::place_large;
use super::steps::{
    Store, a_fresh_customer, a_fresh_key, a_fresh_order, a_stored_order, all_of, assert_absent,
    assert_stored, conflict, count, history, in_time, order, sequences,
};
use crate::examples::{
    a_change, a_change_placing, a_line, a_new_order, a_recorded_answer, a_reference, moved,
    noon_plus, relined,
};

/// Commits all changes at the same time; answers with their results, in the order of the changes.
pub(super) async fn together<C: Into<Change>>(
    store: &Store,
    changes: Vec<C>,
) -> Vec<Result<(), StoreError>> {
    let mut tasks = JoinSet::new();
    for (place, change) in changes.into_iter().enumerate() {
        let (store, change) = (store.clone(), change.into());
        tasks.spawn(async move { (place, store.commit(change, in_time()).await) });
    }
    let mut results = tasks.join_all().await;
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Demands that one change landed and that all others had the `expected` conflict.
fn one_winner(
    results: Vec<Result<(), StoreError>>,
    ids: &[OrderId],
    expected: impl Fn(OrderId) -> Conflict,
) -> OrderId {
    let winners: Vec<_> =
        ids.iter().zip(&results).filter(|(_, result)| result.is_ok()).map(|(id, _)| *id).collect();
    assert_eq!(winners.len(), 1, "{results:?}");
    let winner = winners.first().copied().expect("there is one");
    for result in results.into_iter().filter(Result::is_err) {
        assert_eq!(conflict(result), expected(winner));
    }
    winner
}

fn ids(changes: &[OrderChange]) -> Vec<OrderId> {
    changes.iter().map(|change| change.order.id()).collect()
}

pub(super) async fn changes_of_one_order_make_one_linear_history(store: Store) {
    const WRITERS: i64 = 50;
    let id = a_stored_order(&store, a_fresh_customer()).await.id();
    let mut tasks = JoinSet::new();
    for writer in 1..=WRITERS {
        let store = store.clone();
        tasks.spawn(async move {
            loop {
                let current = order(&store, id).await.expect("it was placed");
                // Lets others read the same version, even on a store that never waits.
                tokio::task::yield_now().await;
                let lines = vec![a_line(writer, 1, "1")];
                let next = relined(&current, lines, noon_plus(writer));
                match store.commit(a_change(next).into(), in_time()).await {
                    Ok(()) => return current.version().get(),
                    refused => assert_eq!(conflict(refused), Conflict::Version),
                }
            }
        });
    }
    let replaced: BTreeSet<i64> = tasks.join_all().await.into_iter().collect();
    assert_eq!(replaced, (1..=WRITERS).collect(), "each version once");
    let last = order(&store, id).await.expect("it was placed");
    assert_eq!(last.version().get(), WRITERS.saturating_add(1));
    assert_stored(&store, &last).await;
    // The history has the lines of each writer once.
    let events = history(&store, id).await;
    let written: BTreeSet<_> = events.iter().skip(1).map(|event| &event.data).collect();
    assert_eq!(i64::try_from(written.len()), Ok(WRITERS));
}

pub(super) async fn one_of_many_updates_of_one_version_wins(store: Store) {
    let placed = a_stored_order(&store, a_fresh_customer()).await;
    let update = |product| {
        let lines = vec![a_line(product, 1, "1")];
        a_change(relined(&placed, lines, noon_plus(product)))
    };
    let changes: Vec<_> = (1..=40).map(update).collect();
    let results = together(&store, changes.clone()).await;
    let ids = ids(&changes);
    let won = results.iter().position(Result::is_ok);
    one_winner(results, &ids, |_| Conflict::Version);
    let winner = won.and_then(|place| changes.get(place)).expect("one won");
    assert_stored(&store, &winner.order).await;
    let events = history(&store, placed.id()).await;
    assert_eq!(events.last(), Some(&winner.event));
}

pub(super) async fn requests_with_one_key_make_one_order(store: Store) {
    let (customer, key) = (a_fresh_customer(), a_fresh_key());
    let mut changes = Vec::new();
    for _ in 0..100 {
        let new = a_fresh_order(&store, customer).await;
        let mut answer = a_recorded_answer(key.clone());
        answer.answer.body = new.id.to_string().into_bytes();
        changes.push(OrderChange { answer: Some(answer), ..a_change_placing(new) });
    }
    let results = together(&store, changes.clone()).await;
    let winner = one_winner(results, &ids(&changes), |_| Conflict::IdempotencyKey);
    assert_eq!(count(&store, customer).await, 1);
    let recorded = store.answer(&key, in_time()).await;
    let recorded = recorded.expect("the store reads answers");
    assert_eq!(recorded.expect("it was recorded").answer.body, winner.to_string().into_bytes());
    for id in ids(&changes) {
        let events = if id == winner { vec![1] } else { vec![] };
        assert_eq!(sequences(&store, id).await, events);
    }
}

pub(super) async fn orders_with_one_reference_make_one_order(store: Store) {
    let customer = a_fresh_customer();
    let mut changes = Vec::new();
    for _ in 0..40 {
        changes.push(a_change_placing(NewOrder {
            client_reference: Some(a_reference("po-7")),
            ..a_fresh_order(&store, customer).await
        }));
    }
    let results = together(&store, changes.clone()).await;
    let taken = |existing| Conflict::ClientReference { existing };
    one_winner(results, &ids(&changes), taken);
    assert_eq!(count(&store, customer).await, 1);
}

pub(super) async fn orders_with_one_id_make_one_order(store: Store) {
    let id = a_fresh_order(&store, a_fresh_customer()).await.id;
    let changes: Vec<_> =
        (0..40).map(|_| a_change_placing(a_new_order(id.get(), a_fresh_customer()))).collect();
    let results = together(&store, changes.clone()).await;
    let won = results.iter().position(Result::is_ok);
    one_winner(results, &ids(&changes), |_| Conflict::OrderId);
    let winner = won.and_then(|place| changes.get(place)).expect("one won");
    assert_stored(&store, &winner.order).await;
    let events = history(&store, id).await;
    assert_eq!(events.as_slice(), std::slice::from_ref(&winner.event));
}

pub(super) async fn order_ids_are_never_given_twice(store: Store) {
    let mut tasks = JoinSet::new();
    for _ in 0..200 {
        let store = store.clone();
        tasks.spawn(async move { store.next_order_id(in_time()).await });
    }
    let ids: BTreeSet<_> = tasks
        .join_all()
        .await
        .into_iter()
        .map(|id| id.expect("the store gives order ids"))
        .collect();
    assert_eq!(ids.len(), 200);
}

/// Asks all questions at the same time; answers in their order.
async fn asked<Q: Send + 'static, A: Send + 'static, F: Future<Output = A> + Send + 'static>(
    questions: Vec<Q>,
    ask: impl Fn(Q) -> F,
) -> Vec<A> {
    let mut tasks = JoinSet::new();
    for (index, question) in questions.into_iter().enumerate() {
        let answer = ask(question);
        tasks.spawn(async move { (index, answer.await) });
    }
    let mut answers = tasks.join_all().await;
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

pub(super) async fn orders_read_at_the_same_time_are_the_ones_asked_for(store: Store) {
    let mut stored = Vec::new();
    for _ in 0..7 {
        stored.push(a_stored_order(&store, a_fresh_customer()).await);
    }
    let missing = a_fresh_order(&store, a_fresh_customer()).await.id;
    // Each order several times, and more than any adapter reads together.
    let each = stored.iter().map(Order::id).chain([missing]);
    let ids: Vec<_> = each.cycle().take(400).collect();
    let found = asked(ids.clone(), |id| {
        let store = store.clone();
        async move { store.order(id, in_time()).await }
    })
    .await;
    for (id, found) in ids.into_iter().zip(found) {
        let expected = stored.iter().find(|order| order.id() == id);
        assert_eq!(found.expect("the store reads orders").as_ref(), expected, "{id}");
    }
}

pub(super) async fn lists_read_at_the_same_time_are_the_ones_asked_for(store: Store) {
    let mut queries = Vec::new();
    for orders in [0, 1, 3, 6] {
        let customer = a_fresh_customer();
        for _ in 0..orders {
            a_stored_order(&store, customer).await;
        }
        // Full pages, pages that are not full, and pages of which few fit into one query.
        queries.extend([1, 2, 3, 6, 7, 100].map(|limit| all_of(customer, limit)));
        let confirmed =
            CustomerOrders { statuses: vec![OrderStatus::Confirmed], ..all_of(customer, 5) };
        queries.push(confirmed);
    }
    let page = |query: CustomerOrders| {
        let store = store.clone();
        async move { store.customer_orders(&query, in_time()).await.expect("the store lists orders") }
    };
    let mut expected = Vec::new();
    for query in &queries {
        expected.push(page(query.clone()).await);
    }
    let many: Vec<_> = queries.iter().cloned().cycle().take(400).collect();
    let found = asked(many.clone(), page).await;
    for ((query, found), expected) in many.iter().zip(&found).zip(expected.iter().cycle()) {
        assert_eq!(found, expected, "{query:?}");
    }
}

pub(super) async fn large_lists_read_at_the_same_time_are_the_ones_asked_for(store: Store) {
    let mut expected = Vec::new();
    for large in [true, false, true, false] {
        let customer = a_fresh_customer();
        for time in 0..7 {
            if large {
                place_large(&store, customer, time).await;
            } else {
                a_stored_order(&store, customer).await;
            }
        }
        let query = all_of(customer, 20);
        let page = store.customer_orders(&query, in_time()).await.expect("the store lists orders");
        assert_eq!((page.orders.len() < 7, page.next.is_some()), (large, large));
        expected.push((query, page));
    }
    let many: Vec<_> = expected.iter().cloned().cycle().take(24).collect();
    let found = asked(many.clone(), |(query, _)| {
        let store = store.clone();
        async move { store.customer_orders(&query, in_time()).await.expect("the store lists orders") }
    });
    for ((_, expected), found) in many.iter().zip(found.await) {
        assert!(found == *expected, "another page than the one read alone");
    }
}

pub(super) async fn a_bad_change_among_good_ones_fails_alone(store: Store) {
    let customer = a_fresh_customer();
    let taken_key = a_fresh_key();
    let existing = OrderChange {
        answer: Some(a_recorded_answer(taken_key.clone())),
        ..a_change_placing(NewOrder {
            client_reference: Some(a_reference("taken")),
            ..a_fresh_order(&store, customer).await
        })
    };
    let first = together(&store, vec![existing.clone()]).await;
    assert!(first.iter().all(Result::is_ok), "{first:?}");
    let stored = existing.order;
    let never_stored: Order = a_change_placing(a_fresh_order(&store, customer).await).order;

    let mut changes = Vec::new();
    let mut expected = Vec::new();
    for _ in 0..5 {
        let bad = [
            (
                a_change_placing(NewOrder {
                    client_reference: Some(a_reference("taken")),
                    ..a_fresh_order(&store, customer).await
                }),
                Conflict::ClientReference { existing: stored.id() },
            ),
            (
                OrderChange {
                    answer: Some(a_recorded_answer(taken_key.clone())),
                    ..a_change_placing(a_fresh_order(&store, customer).await)
                },
                Conflict::IdempotencyKey,
            ),
            (
                a_change_placing(a_new_order(stored.id().get(), a_fresh_customer())),
                Conflict::OrderId,
            ),
            (
                a_change(moved(&never_stored, OrderStatus::Confirmed, noon_plus(1))),
                Conflict::Version,
            ),
        ];
        for (bad, conflict) in bad {
            let good = OrderChange {
                answer: Some(a_recorded_answer(a_fresh_key())),
                ..a_change_placing(a_fresh_order(&store, customer).await)
            };
            changes.extend([good, bad]);
            expected.extend([None, Some(conflict)]);
        }
    }
    let results = together(&store, changes.clone()).await;
    for ((change, expected), result) in changes.into_iter().zip(expected).zip(results) {
        let Some(expected) = expected else {
            result.expect("nothing excludes the change");
            assert_stored(&store, &change.order).await;
            continue;
        };
        assert_eq!(conflict(result), expected);
        if change.order.id() != stored.id() {
            assert_absent(&store, change.order.id()).await;
        }
    }
    assert_stored(&store, &stored).await;
}

pub(super) async fn a_bad_change_fails_alone_wherever_it_stands_in_a_batch(store: Store) {
    const TOGETHER: usize = 9;
    let customer = a_fresh_customer();
    let taken = a_change_placing(NewOrder {
        client_reference: Some(a_reference("taken")),
        ..a_fresh_order(&store, customer).await
    });
    store.commit(taken.clone().into(), in_time()).await.expect("nothing excludes it");
    let existing = taken.order.id();
    for bad in 0..TOGETHER {
        let mut changes = Vec::new();
        for number in 0..TOGETHER {
            let client_reference = (number == bad).then(|| a_reference("taken"));
            let order = NewOrder { client_reference, ..a_fresh_order(&store, customer).await };
            changes.push(a_change_placing(order));
        }
        let results = together(&store, changes.clone()).await;
        for (number, (change, result)) in changes.into_iter().zip(results).enumerate() {
            if number == bad {
                assert_eq!(conflict(result), Conflict::ClientReference { existing });
                assert_absent(&store, change.order.id()).await;
            } else {
                result.expect("nothing excludes the change");
                assert_stored(&store, &change.order).await;
            }
        }
    }
}

pub(super) async fn changes_of_one_order_sent_together_land_in_their_order(store: Store) {
    for _ in 0..10 {
        let created = a_change_placing(a_fresh_order(&store, a_fresh_customer()).await);
        let confirmed = a_change(moved(&created.order, OrderStatus::Confirmed, noon_plus(1)));
        let third = a_change(moved(&confirmed.order, OrderStatus::InProgress, noon_plus(2)));
        let changes = vec![created, confirmed, third];
        let results = together(&store, changes.clone()).await;
        // A change that arrives before the one it builds on is refused, and so are all after it.
        let landed = results.iter().take_while(|result| result.is_ok()).count();
        for refused in results.into_iter().skip(landed) {
            assert_eq!(conflict(refused), Conflict::Version);
        }
        let last = changes.iter().take(landed).next_back();
        assert_stored(&store, &last.expect("a new order is never refused").order).await;
    }
}
