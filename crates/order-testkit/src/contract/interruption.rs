//! Callers that go away and deadlines that pass: nothing is half done, and the store continues to
//! work. More callers go away than any pool has connections, so connections that are left with an
//! open transaction would show.

use std::pin::pin;
use std::time::Duration;

use order_app::ports::{Deadline, OrderChange, StoreError};
use order_domain::OrderId;
use tokio::task::JoinSet;

use super::steps::{
    Store, a_fresh_customer, a_fresh_key, a_fresh_order, a_stored_order, all_of, assert_absent,
    assert_stored, history, in_time, order, random,
};
use crate::examples::{a_change_placing, a_recorded_answer, within};

/// More than the connections of any pool in the tests.
pub(super) const CALLERS: usize = 100;

/// Polls a future for a random time, or a random number of times, and then drops it.
pub(super) async fn follow_a_while<T>(future: impl Future<Output = T>) {
    let mut future = pin!(future);
    if random(2) == 1 {
        let micros = u64::try_from(random(20_000)).unwrap_or(1);
        let _ = tokio::time::timeout(Duration::from_micros(micros), future).await;
    } else {
        let mut steps = random(6);
        std::future::poll_fn(|context| {
            steps = steps.saturating_sub(1);
            if future.as_mut().poll(context).is_ready() || steps == 0 {
                return std::task::Poll::Ready(());
            }
            std::task::Poll::Pending
        })
        .await;
    }
}

async fn a_change_with_answer(store: &Store, customer: i64) -> OrderChange {
    OrderChange {
        answer: Some(a_recorded_answer(a_fresh_key())),
        ..a_change_placing(a_fresh_order(store, customer).await)
    }
}

/// Demands that a change is stored with all of its parts, or not at all. Parts are read in an order
/// in which a change that lands meanwhile is not mistaken for half a change.
async fn whole_or_absent(store: &Store, change: &OrderChange) -> bool {
    let id = change.order.id();
    let key = &change.answer.as_ref().expect("it has one").key;
    let answer = store.answer(key, in_time()).await;
    if answer.expect("the store reads answers").is_some() {
        assert_stored(store, &change.order).await;
        return true;
    }
    let events = history(store, id).await;
    let stored = order(store, id).await;
    if !events.is_empty() {
        assert_eq!(stored.as_ref(), Some(&change.order));
    }
    if stored.is_some() {
        let answer = store.answer(key, in_time()).await;
        assert_eq!(answer.expect("the store reads answers"), change.answer);
        assert_stored(store, &change.order).await;
    }
    stored.is_some()
}

/// Demands that as many commits as callers went away succeed at the same time.
async fn assert_still_works(store: &Store) {
    let customer = a_fresh_customer();
    let mut tasks = JoinSet::new();
    for _ in 0..CALLERS {
        let store = store.clone();
        tasks.spawn(async move {
            let change = a_change_with_answer(&store, customer).await;
            let result = store.commit(change.clone().into(), in_time()).await;
            result.expect("the store works on");
            assert_stored(&store, &change.order).await;
        });
    }
    tasks.join_all().await;
}

pub(super) async fn a_dropped_commit_is_wholly_there_or_not_at_all(store: Store) {
    let customer = a_fresh_customer();
    let mut changes = Vec::new();
    for _ in 0..CALLERS {
        changes.push(a_change_with_answer(&store, customer).await);
    }
    let mut tasks = JoinSet::new();
    for change in changes.clone() {
        let store = store.clone();
        tasks.spawn(async move {
            follow_a_while(store.commit(change.into(), in_time())).await;
        });
    }
    tasks.join_all().await;
    assert_still_works(&store).await;
    for change in &changes {
        whole_or_absent(&store, change).await;
    }
    // The same commit again either lands now, or has landed before.
    for change in changes {
        match store.commit(change.clone().into(), in_time()).await {
            Ok(()) | Err(StoreError::Conflict(_)) => assert_stored(&store, &change.order).await,
            failed => failed.expect("the store works on"),
        }
    }
}

pub(super) async fn dropped_reads_do_no_harm(store: Store) {
    let customer = a_fresh_customer();
    let id = a_stored_order(&store, customer).await.id();
    let mut tasks = JoinSet::new();
    for number in 0..CALLERS {
        let store = store.clone();
        tasks.spawn(async move {
            let query = all_of(customer, 10);
            match number % 4 {
                0 => follow_a_while(store.order(id, in_time())).await,
                1 => follow_a_while(store.customer_orders(&query, in_time())).await,
                2 => follow_a_while(store.next_order_id(in_time())).await,
                _ => follow_a_while(store.events(id, 0, 10, in_time())).await,
            }
        });
    }
    tasks.join_all().await;
    assert_still_works(&store).await;
}

pub(super) async fn a_commit_that_runs_out_of_time_says_what_came_of_it(store: Store) {
    let customer = a_fresh_customer();
    let mut tasks = JoinSet::new();
    for _ in 0..CALLERS {
        let change = a_change_with_answer(&store, customer).await;
        let store = store.clone();
        let micros = u64::try_from(random(10_000)).unwrap_or(1);
        tasks.spawn(async move {
            let deadline = within(Duration::from_micros(micros));
            let result = store.commit(change.clone().into(), deadline).await;
            (change, result)
        });
    }
    let results = tasks.join_all().await;
    assert_still_works(&store).await;
    for (change, result) in results {
        let there = whole_or_absent(&store, &change).await;
        match result {
            Ok(()) => assert!(there, "a success is there"),
            Err(StoreError::Unavailable(_)) => assert!(!there, "a failure wrote nothing"),
            Err(StoreError::OutcomeUnknown(_)) => {}
            broken => broken.expect("nothing but time stands against the change"),
        }
    }
}

/// Demands an answer within a short time.
pub(super) async fn promptly<T>(answer: impl Future<Output = Result<T, StoreError>>) -> Option<T> {
    let answer = tokio::time::timeout(Duration::from_secs(2), answer).await;
    match answer.expect("an answer comes promptly") {
        Ok(value) => Some(value),
        Err(StoreError::Unavailable(_)) => None,
        Err(other) => {
            assert_eq!(other.to_string(), "unavailable", "{other:?}");
            None
        }
    }
}

pub(super) async fn a_deadline_in_the_past_is_answered_promptly(store: Store) {
    let past: Deadline =
        Deadline::now().checked_sub(Duration::from_millis(1)).unwrap_or_else(Deadline::now);
    let customer = a_fresh_customer();
    let placed = a_stored_order(&store, customer).await;
    let id: OrderId = placed.id();
    for _ in 0..20 {
        promptly(store.next_order_id(past)).await;
        promptly(store.ping(past)).await;
        promptly(store.answer(&a_fresh_key(), past)).await;
        if let Some(found) = promptly(store.order(id, past)).await {
            assert_eq!(found.as_ref(), Some(&placed));
        }
        if let Some(events) = promptly(store.events(id, 0, 10, past)).await {
            assert_eq!(events.items.len(), 1);
        }
        if let Some(page) = promptly(store.customer_orders(&all_of(customer, 10), past)).await {
            assert!(!page.orders.is_empty());
        }
        let change = a_change_with_answer(&store, a_fresh_customer()).await;
        match promptly(store.commit(change.clone().into(), past)).await {
            Some(()) => assert_stored(&store, &change.order).await,
            None => assert_absent(&store, change.order.id()).await,
        }
    }
}
