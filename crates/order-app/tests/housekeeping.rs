//! Housekeeping deletes old answers and events batch by batch, and outlives failures.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends a test; that is its job")]

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use order_app::housekeeping::{Chore, Housekeeping, Retention};
use order_app::idempotency::RecordedAnswer;
use order_app::ports::{
    EventJournal as _, OrderChange, OrderStore as _, SagaStore as _, SagaWrite, StoreError,
};
use order_testkit::examples::{
    a_change_placing, a_key, a_new_order, a_recorded_answer, a_saga, an_order_id, noon, soon,
};
use order_testkit::{FixedClock, InMemoryStore, Method};

#[tokio::test]
async fn an_answer_is_kept_for_a_day_and_then_deleted() {
    let (store, clock) = (Arc::new(InMemoryStore::default()), Arc::new(FixedClock::default()));
    let answer: RecordedAnswer = a_recorded_answer(a_key("k"));
    let change =
        OrderChange { answer: Some(answer.clone()), ..a_change_placing(a_new_order(1, 42)) };
    store.commit(change.into(), soon()).await.unwrap();
    let housekeeping = Housekeeping::new(
        store.clone(),
        store.clone(),
        store.clone(),
        Retention::default(),
        clock.clone(),
    );

    clock.set(noon() + TimeDelta::hours(24));
    assert!(!housekeeping.step(Chore::Answers).await.unwrap());
    let kept = store.answer(&answer.key, soon()).await.unwrap();
    assert_eq!(kept, Some(answer.clone()));

    clock.advance(TimeDelta::microseconds(1));
    assert!(!housekeeping.step(Chore::Answers).await.unwrap());
    let gone = store.answer(&answer.key, soon()).await.unwrap();
    assert_eq!(gone, None);
}

/// A store with this many answers, and housekeeping a day later.
async fn with_old_answers(count: i64) -> (Arc<InMemoryStore>, Housekeeping) {
    let (store, clock) = (Arc::new(InMemoryStore::default()), FixedClock::default());
    for id in 1..=count {
        let answer = Some(a_recorded_answer(a_key(&id.to_string())));
        let change = OrderChange { answer, ..a_change_placing(a_new_order(id, 42)) };
        store.commit(change.into(), soon()).await.unwrap();
    }
    clock.advance(TimeDelta::hours(25));
    (
        store.clone(),
        Housekeeping::new(
            store.clone(),
            store.clone(),
            store,
            Retention::default(),
            Arc::new(clock),
        ),
    )
}

fn down() -> StoreError {
    StoreError::Unavailable("down".into())
}

#[tokio::test]
async fn a_full_batch_means_that_there_may_be_more() {
    for (answers, expected) in [(500, true), (499, false), (0, false)] {
        let (_, housekeeping) = with_old_answers(answers).await;
        assert_eq!(housekeeping.step(Chore::Answers).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_failure_of_the_store_is_the_answer_of_the_step() {
    let (store, housekeeping) = with_old_answers(0).await;
    store.faults().before(Method::PurgeAnswers).fails(down);
    let step = housekeeping.step(Chore::Answers).await;
    assert!(matches!(step, Err(StoreError::Unavailable(_))));
}

#[tokio::test(start_paused = true)]
async fn the_loop_deletes_all_that_is_due_and_pauses_after_the_last_batch_or_a_failure() {
    // Two full batches and a last one, a failure, and from then on nothing.
    let (store, housekeeping) = with_old_answers(1_001).await;
    let mut calls = 0;
    let fourth = move |_: &_| {
        calls += 1;
        calls == 4
    };
    store.faults().before(Method::PurgeAnswers).when(fourth).fails(down);
    let pause = Duration::from_mins(1);
    let run = tokio::spawn(housekeeping.run(pause));
    for expected in [3, 4, 5, 6] {
        tokio::time::sleep(pause / 2).await;
        assert_eq!(store.faults().count(Method::PurgeAnswers), expected);
        tokio::time::sleep(pause / 2).await;
    }
    assert!(!run.is_finished(), "it runs for ever");
}

/// A store with this many orders of two events each, published at noon.
async fn published(orders: i64) -> Arc<InMemoryStore> {
    let store = Arc::new(InMemoryStore::default());
    for id in 1..=orders {
        store.add_versions(id, 2).await;
    }
    store.publish_all().await;
    store
}

#[tokio::test]
async fn a_published_event_is_kept_for_its_retention_and_then_purged() {
    let (store, clock) = (published(1).await, Arc::new(FixedClock::default()));
    let retention = Retention { events: Some(TimeDelta::days(30)), ..Retention::default() };
    let housekeeping =
        Housekeeping::new(store.clone(), store.clone(), store.clone(), retention, clock.clone());
    let events = async || store.events(an_order_id(1), 0, 10, soon()).await.unwrap().items.len();

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
    for events in [None, Some(TimeDelta::MAX)] {
        let retention = Retention { events, ..Retention::default() };
        let housekeeping = Housekeeping::new(
            store.clone(),
            store.clone(),
            store.clone(),
            retention,
            clock.clone(),
        );
        assert!(!housekeeping.step(Chore::Events).await.unwrap());
        assert_eq!(store.purged_through(soon()).await.unwrap(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn all_events_that_are_due_are_purged_batch_by_batch_although_answers_fail() {
    let (store, clock) = (published(700).await, Arc::new(FixedClock::default()));
    clock.set(noon() + TimeDelta::days(31));
    let journal = Arc::new(store.another_instance());
    journal.faults().before(Method::PurgeAnswers).fails(down);
    let retention = Retention { events: Some(TimeDelta::days(30)), ..Retention::default() };
    let housekeeping = Housekeeping::new(
        journal.clone(),
        journal.clone(),
        journal.clone(),
        retention,
        clock.clone(),
    );
    let run = housekeeping.run(Duration::from_mins(1));
    assert!(tokio::time::timeout(Duration::from_secs(30), run).await.is_err(), "it runs for ever");
    assert_eq!(store.purged_through(soon()).await.unwrap(), 1_400);
    assert_eq!(journal.faults().count(Method::Purge), 3, "three batches");
}

#[tokio::test]
async fn a_saga_that_is_over_is_kept_for_its_retention_and_then_purged() {
    let (store, clock) = (Arc::new(InMemoryStore::default()), Arc::new(FixedClock::default()));
    let over = SagaWrite { due_at: None, updated_at: noon(), ..a_saga(1) };
    for (id, saga) in [(1, over.clone()), (2, a_saga(1))] {
        let change = OrderChange { saga: Some(saga), ..a_change_placing(a_new_order(id, 42)) };
        store.commit(change.into(), soon()).await.unwrap();
    }
    let kept = Retention { sagas: Some(TimeDelta::days(90)), ..Retention::default() };
    let housekeeping =
        Housekeeping::new(store.clone(), store.clone(), store.clone(), kept, clock.clone());
    let is_there = async |id| store.saga(an_order_id(id), soon()).await.unwrap().is_some();
    clock.set(noon() + TimeDelta::days(90));
    assert!(!housekeeping.step(Chore::Sagas).await.unwrap());
    assert!(is_there(1).await);
    clock.set(noon() + TimeDelta::days(90) + TimeDelta::microseconds(1));
    assert!(!housekeeping.step(Chore::Sagas).await.unwrap());
    assert_eq!((is_there(1).await, is_there(2).await), (false, true));
}
