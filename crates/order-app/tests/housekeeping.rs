//! Housekeeping deletes what is older than a day, batch by batch, and outlives failures.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends a test; that is its job")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use order_app::housekeeping::{Chore, Housekeeping};
use order_app::idempotency::RecordedAnswer;
use order_app::ports::{
    Change, Duty, EventJournal, Lease, Leased, OrderStore as _, Progress, SHARDS, StoreError,
};
use order_domain::OrderStatus;
use order_testkit::examples::{
    a_change, a_change_placing, a_key, a_new_order, a_recorded_answer, an_order_id, moved, noon,
    soon,
};
use order_testkit::{FixedClock, HookedJournal, InMemoryStore, MockStore};
use uuid::Uuid;

#[tokio::test]
async fn an_answer_is_kept_for_a_day_and_then_deleted() {
    let (store, clock) = (Arc::new(InMemoryStore::default()), Arc::new(FixedClock::default()));
    let answer: RecordedAnswer = a_recorded_answer(a_key("k"));
    let change = Change { answer: Some(answer.clone()), ..a_change_placing(a_new_order(1, 42)) };
    store.commit(change, soon()).await.unwrap();
    let housekeeping = Housekeeping::new(store.clone(), store.clone(), None, clock.clone());

    clock.set(noon() + TimeDelta::hours(24));
    assert!(!housekeeping.step(Chore::Answers).await.unwrap());
    let kept = store.answer(&answer.key, soon()).await.unwrap();
    assert_eq!(kept, Some(answer.clone()));

    clock.advance(TimeDelta::microseconds(1));
    assert!(!housekeeping.step(Chore::Answers).await.unwrap());
    let gone = store.answer(&answer.key, soon()).await.unwrap();
    assert_eq!(gone, None);
}

/// Housekeeping over a store that deletes as many answers as it is told.
fn deleting(answer: impl Fn(u32) -> Result<u32, StoreError> + Send + 'static) -> Housekeeping {
    let mut store = MockStore::new();
    let purge = store.expect_purge_answers();
    purge.returning(move |_, limit, _| answer(limit));
    let (journal, clock) = (InMemoryStore::default(), FixedClock::default());
    Housekeeping::new(Arc::new(store), Arc::new(journal), None, Arc::new(clock))
}

#[tokio::test]
async fn a_full_batch_means_that_there_may_be_more() {
    let step = deleting(Ok).step(Chore::Answers).await;
    assert!(step.unwrap());
    let step = deleting(|limit| Ok(limit - 1)).step(Chore::Answers).await;
    assert!(!step.unwrap());
    let step = deleting(|_| Ok(0)).step(Chore::Answers).await;
    assert!(!step.unwrap());
}

#[tokio::test]
async fn a_failure_of_the_store_is_the_answer_of_the_step() {
    let step = deleting(|_| Err(StoreError::Unavailable("down".into())));
    let step = step.step(Chore::Answers).await;
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

async fn lease(journal: &InMemoryStore, duty: Duty) -> Lease {
    let lease = journal.lease(duty, Uuid::nil(), Duration::from_mins(5), soon()).await;
    lease.unwrap().unwrap()
}

/// So many orders of two events each, published at noon.
async fn published(orders: i64) -> Arc<InMemoryStore> {
    let store = Arc::new(InMemoryStore::default());
    for id in 1..=orders {
        store.commit(a_change_placing(a_new_order(id, 42)), soon()).await.unwrap();
        let order = store.order(an_order_id(id), soon()).await.unwrap().unwrap();
        let confirmed = moved(&order, OrderStatus::Confirmed, noon());
        store.commit(a_change(confirmed), soon()).await.unwrap();
    }
    let arranging = lease(&store, Duty::Sequence).await;
    let held = store.assign_positions(&arranging, 10_000, soon()).await.unwrap();
    assert!(matches!(held, Leased::Done(_)));
    let position = store.last_position(soon()).await.unwrap();
    for shard in 0..SHARDS {
        let lease = lease(&store, Duty::Publish(shard)).await;
        let progress = Progress { position, ..Progress::default() };
        store.advance(&lease, &progress, soon()).await.unwrap();
    }
    store
}

#[tokio::test]
async fn a_published_event_is_kept_for_its_retention_and_then_purged() {
    let (store, clock) = (published(1).await, Arc::new(FixedClock::default()));
    let retention = Some(TimeDelta::days(30));
    let housekeeping = Housekeeping::new(store.clone(), store.clone(), retention, clock.clone());
    let events = async || store.events(an_order_id(1), 0, 10, soon()).await.unwrap().len();

    clock.set(noon() + TimeDelta::days(30));
    assert!(!housekeeping.step(Chore::Events).await.unwrap());
    assert_eq!(events().await, 2);

    clock.advance(TimeDelta::microseconds(1));
    assert!(!housekeeping.step(Chore::Events).await.unwrap());
    assert_eq!(events().await, 1, "but for the newest one");
}

#[tokio::test]
async fn events_without_a_retention_are_kept_for_ever() {
    let (store, clock) = (published(1).await, Arc::new(FixedClock::default()));
    clock.set(noon() + TimeDelta::days(100_000));
    for retention in [None, Some(TimeDelta::MAX)] {
        let housekeeping =
            Housekeeping::new(store.clone(), store.clone(), retention, clock.clone());
        assert!(!housekeeping.step(Chore::Events).await.unwrap());
        assert_eq!(store.purged_through(soon()).await.unwrap(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn all_that_is_due_is_purged_batch_by_batch_whatever_becomes_of_the_answers() {
    let (store, clock) = (published(700).await, Arc::new(FixedClock::default()));
    clock.set(noon() + TimeDelta::days(31));
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    let journal = HookedJournal::new(store.clone(), move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok(()))
    });
    let mut failing = MockStore::new();
    failing.expect_purge_answers().returning(|_, _, _| Err(StoreError::Unavailable("x".into())));
    let retention = Some(TimeDelta::days(30));
    let housekeeping =
        Housekeeping::new(Arc::new(failing), Arc::new(journal), retention, clock.clone());
    let run = housekeeping.run(Duration::from_mins(1));
    assert!(tokio::time::timeout(Duration::from_secs(30), run).await.is_err(), "it runs for ever");
    assert_eq!(store.purged_through(soon()).await.unwrap(), 1_400);
    assert_eq!(calls.load(Ordering::SeqCst), 3 * 2, "three batches, heard before and after");
}
