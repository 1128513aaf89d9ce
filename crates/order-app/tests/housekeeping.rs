//! Housekeeping deletes what is older than a day, batch by batch, and outlives failures.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use order_app::housekeeping::{Housekeeping, Step};
use order_app::idempotency::RecordedAnswer;
use order_app::ports::{Change, OrderStore as _, StoreError};
use order_testkit::examples::{
    a_change_placing, a_key, a_new_order, a_recorded_answer, noon, soon,
};
use order_testkit::{FixedClock, InMemoryStore, MockStore};

#[tokio::test]
async fn an_answer_is_kept_for_a_day_and_then_deleted() {
    let (store, clock) = (Arc::new(InMemoryStore::default()), Arc::new(FixedClock::default()));
    let answer: RecordedAnswer = a_recorded_answer(a_key("k"));
    let change = Change { answer: Some(answer.clone()), ..a_change_placing(a_new_order(1, 42)) };
    store.commit(change, soon()).await.unwrap();
    let housekeeping = Housekeeping::new(store.clone(), clock.clone());

    clock.set(noon() + TimeDelta::hours(24));
    assert_eq!(housekeeping.step().await.unwrap(), Step::Idle);
    let kept = store.answer(&answer.key, soon()).await.unwrap();
    assert_eq!(kept, Some(answer.clone()));

    clock.advance(TimeDelta::microseconds(1));
    assert_eq!(housekeeping.step().await.unwrap(), Step::Idle);
    let gone = store.answer(&answer.key, soon()).await.unwrap();
    assert_eq!(gone, None);
}

/// Housekeeping over a store that deletes as many answers as it is told.
fn deleting(answer: impl Fn(u32) -> Result<u32, StoreError> + Send + 'static) -> Housekeeping {
    let mut store = MockStore::new();
    let purge = store.expect_purge_answers();
    purge.returning(move |_, limit, _| answer(limit));
    Housekeeping::new(Arc::new(store), Arc::new(FixedClock::default()))
}

#[tokio::test]
async fn a_full_batch_means_that_there_may_be_more() {
    let step = deleting(Ok).step().await;
    assert_eq!(step.unwrap(), Step::More);
    let step = deleting(|limit| Ok(limit - 1)).step().await;
    assert_eq!(step.unwrap(), Step::Idle);
    let step = deleting(|_| Ok(0)).step().await;
    assert_eq!(step.unwrap(), Step::Idle);
}

#[tokio::test]
async fn a_failure_of_the_store_is_the_answer_of_the_step() {
    let step = deleting(|_| Err(StoreError::Unavailable("down".into())));
    let step = step.step().await;
    assert!(matches!(step, Err(StoreError::Unavailable(_))));
}

#[tokio::test(start_paused = true)]
async fn the_loop_deletes_all_that_is_due_and_pauses_after_the_last_batch_or_a_failure() {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    // Two full batches and a last one, a failure, and from then on nothing.
    let housekeeping = deleting(move |limit| match counted.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => Ok(limit),
        2 => Ok(1),
        3 => Err(StoreError::Unavailable("down".into())),
        _ => Ok(0),
    });
    let pause = Duration::from_mins(1);
    for (pauses, expected) in [(0, 3), (1, 4), (2, 5), (5, 8)] {
        calls.store(0, Ordering::SeqCst);
        let end = pause * pauses + pause / 2;
        let run = tokio::time::timeout(end, housekeeping.clone().run(pause));
        assert!(run.await.is_err(), "it runs for ever");
        assert_eq!(calls.load(Ordering::SeqCst), expected);
    }
}
