//! Sagas: written with a version of their order, or alone, under one compare-and-set with it.

use std::collections::BTreeSet;

use order_app::events::EventRecord;
use order_app::ports::{
    Change, Conflict, OrderChange, SagaChange, SagaWrite, Seen, StateName, StoredOrder, StoredSaga,
};
use order_domain::{NewOrder, OrderId, OrderStatus};
use tokio::task::JoinSet;

use super::Subject;
use super::concurrency::together;
use super::interruption::{CALLERS, follow_a_while};
use super::steps::{
    a_fresh_customer, a_fresh_id, a_fresh_key, a_fresh_order, a_stored_order, commit, conflict,
    history, in_time, random, refuse, sequences,
};
use crate::examples::{
    a_change, a_change_placing, a_line, a_new_order, a_recorded_answer, a_reference, a_saga,
    an_order_id, moved, noon, noon_plus, placed, relined, soon,
};

/// The stored order, which is there.
async fn stored(subject: &Subject, id: OrderId) -> StoredOrder {
    let found = subject.orders.stored(id, None, in_time()).await;
    found.expect("the store reads orders").expect("it is there")
}

async fn saga(subject: &Subject, id: OrderId) -> Option<StoredSaga> {
    let found = subject.sagas.saga(id, in_time()).await;
    found.expect("the store reads sagas")
}

/// Everything that is stored of an order.
type Everything = (Option<StoredOrder>, Vec<EventRecord>, Option<StoredSaga>);

async fn everything(subject: &Subject, id: OrderId) -> Everything {
    let order = subject.orders.stored(id, None, in_time()).await;
    let order = order.expect("the store reads orders");
    (order, history(&subject.orders, id).await, saga(subject, id).await)
}

/// A write of the saga alone, decided on this order.
fn a_step(seen: &StoredOrder, saga: SagaWrite) -> SagaChange {
    SagaChange { id: seen.order.id(), seen: seen.seen(), saga }
}

/// Other lines for this order, decided on it.
fn other_lines(seen: &StoredOrder, product: i64, saga: Option<SagaWrite>) -> OrderChange {
    let event = relined(&seen.order, vec![a_line(product, 1, "1")], noon_plus(product));
    OrderChange { saga_seen: seen.saga_revision, saga, ..a_change(event) }
}

/// An order with or without a saga, just placed.
async fn a_new_one(subject: &Subject, saga: Option<SagaWrite>) -> StoredOrder {
    let new = a_fresh_order(&subject.orders, a_fresh_customer()).await;
    let change = OrderChange { saga, ..a_change_placing(new) };
    commit(&subject.orders, change.clone()).await;
    stored(subject, change.order.id()).await
}

/// Commits a change, with an answer where it may have one, that must be refused and leave no trace.
async fn refuse_whole(subject: &Subject, change: impl Into<Change>, expected: Conflict) {
    let (mut change, key) = (change.into(), a_fresh_key());
    if let Change::Order(change) = &mut change {
        change.answer.get_or_insert_with(|| a_recorded_answer(key.clone()));
    }
    let id = change.id();
    let before = everything(subject, id).await;
    refuse(&subject.orders, change, expected).await;
    assert_eq!(everything(subject, id).await, before);
    let answer = subject.orders.answer(&key, soon()).await;
    assert_eq!(answer.expect("the store reads answers"), None);
}

/// Demands that a change is stored with all of its parts.
async fn assert_landed(subject: &Subject, change: &Change) {
    let id = change.id();
    let (found, events, of_saga) = everything(subject, id).await;
    let found = found.expect("the order is there");
    assert_eq!(found.saga_revision, change.saga_revision());
    let written = match change {
        Change::Order(change) => {
            assert_eq!(found.order, change.order);
            assert_eq!(events.last(), Some(&change.event));
            if let Some(expected) = &change.answer {
                let answer = subject.orders.answer(&expected.key, in_time()).await;
                assert_eq!(answer.expect("the store reads answers").as_ref(), Some(expected));
            }
            change.saga.clone()
        }
        Change::Saga(change) => {
            assert_eq!(found.order.version(), change.seen.version);
            Some(change.saga.clone())
        }
    };
    let versions: Vec<_> = (1..=found.order.version().get()).collect();
    assert_eq!(sequences(&subject.orders, id).await, versions);
    if let Some(saga) = written {
        return assert_eq!(of_saga, Some(StoredSaga { stored: found, saga }));
    }
    // One that was there stays, with its revision.
    let has_one = found.saga_revision > 0;
    assert_eq!(of_saga.map(|of_saga| of_saga.stored), has_one.then_some(found));
}

pub(super) async fn an_order_without_a_saga_has_none(subject: Subject) {
    let order = a_new_one(&subject, None).await;
    assert_eq!(order.saga_revision, 0);
    assert_eq!(saga(&subject, order.order.id()).await, None);
    let never_stored = an_order_id(a_fresh_id(&subject.orders).await);
    assert_eq!(saga(&subject, never_stored).await, None);
}

pub(super) async fn a_saga_alone_makes_no_version_and_no_event(subject: Subject) {
    let before = a_new_one(&subject, None).await;
    let id = before.order.id();
    let events = history(&subject.orders, id).await;
    for revision in 1..=3 {
        let seen = stored(&subject, id).await;
        let step = a_step(&seen, a_saga(revision));
        commit(&subject.orders, step.clone()).await;
        let after = stored(&subject, id).await;
        // The order's times and its version are parts of it.
        assert_eq!(after, StoredOrder { saga_revision: revision, ..before.clone() });
        assert_eq!(history(&subject.orders, id).await, events);
        let expected = StoredSaga { stored: after, saga: step.saga };
        assert_eq!(saga(&subject, id).await, Some(expected));
    }
}

pub(super) async fn an_order_and_its_saga_land_together(subject: Subject) {
    let new = a_fresh_order(&subject.orders, a_fresh_customer()).await;
    let begun = OrderChange { saga: Some(a_saga(1)), ..a_change_placing(new) };
    let id = begun.order.id();
    commit(&subject.orders, begun.clone()).await;
    assert_landed(&subject, &begun.into()).await;
    let answer = Some(a_recorded_answer(a_fresh_key()));
    let seen = stored(&subject, id).await;
    let second = OrderChange { answer, ..other_lines(&seen, 2, Some(a_saga(2))) };
    commit(&subject.orders, second.clone()).await;
    assert_landed(&subject, &second.into()).await;
    assert_eq!(stored(&subject, id).await.saga_revision, 2);
}

pub(super) async fn a_change_without_a_saga_leaves_the_saga_as_it_is(subject: Subject) {
    let begun = a_new_one(&subject, Some(a_saga(1))).await;
    let change = other_lines(&begun, 2, None);
    commit(&subject.orders, change.clone()).await;
    let after = stored(&subject, begun.order.id()).await;
    assert_eq!(after, StoredOrder { order: change.order, saga_revision: 1 });
    let expected = StoredSaga { stored: after, saga: a_saga(1) };
    assert_eq!(saga(&subject, expected.stored.order.id()).await, Some(expected));
}

pub(super) async fn every_field_of_a_saga_is_kept(subject: Subject) {
    let (state, short) = (StateName::new("a".repeat(16)), StateName::new("B"));
    let full = SagaWrite {
        state: state.expect("a name"),
        due_at: Some(noon_plus(7)),
        attention: true,
        document: String::new(),
        created_at: noon_plus(8),
        updated_at: noon_plus(9),
    };
    let bare = SagaWrite {
        state: short.expect("a name"),
        due_at: None,
        attention: false,
        created_at: noon_plus(10),
        ..a_saga(1)
    };
    let id = a_new_one(&subject, None).await.order.id();
    for expected in [full.clone(), bare, full] {
        let seen = stored(&subject, id).await;
        commit(&subject.orders, a_step(&seen, expected.clone())).await;
        assert_eq!(saga(&subject, id).await.map(|found| found.saga), Some(expected));
    }
}

pub(super) async fn a_document_is_read_back_byte_for_byte(subject: Subject) {
    let documents = [
        "{ \"b\":1,  \"a\":[1.0, 1e2,-0],\"b\":2,\"n\":\"\\u00e9\\/\",\n\t\"\u{1f600}\":null }"
            .to_owned(),
        "no JSON, it's \\ \"' % \u{e9} \u{e9}\u{301} \u{1d11e} \u{202e} ".to_owned(),
        format!("[\"{}\"]", "\u{1d11e}\u{4e2d} '\\\\\u{fffd}".repeat(8_000)),
    ];
    assert!(documents.iter().any(|document| document.len() > 100_000));
    let id = a_new_one(&subject, None).await.order.id();
    for document in documents {
        let seen = stored(&subject, id).await;
        let expected = SagaWrite { document, ..a_saga(1) };
        commit(&subject.orders, a_step(&seen, expected.clone())).await;
        let found = saga(&subject, id).await.expect("it is there").saga;
        assert!(found == expected, "{} bytes", found.document.len());
    }
}

pub(super) async fn a_step_that_has_seen_another_version_is_refused(subject: Subject) {
    let begun = a_new_one(&subject, Some(a_saga(1))).await;
    commit(&subject.orders, other_lines(&begun, 2, None)).await;
    let now = stored(&subject, begun.order.id()).await;
    for version in [begun.order.version(), now.order.version().next()] {
        let seen = Seen { version, saga_revision: 1 };
        let step = SagaChange { seen, ..a_step(&now, a_saga(2)) };
        refuse_whole(&subject, step, Conflict::Version).await;
    }
    commit(&subject.orders, a_step(&now, a_saga(2))).await;
}

pub(super) async fn a_step_that_has_seen_another_revision_is_refused(subject: Subject) {
    let begun = a_new_one(&subject, Some(a_saga(1))).await;
    commit(&subject.orders, a_step(&begun, a_saga(2))).await;
    let now = stored(&subject, begun.order.id()).await;
    for saga_revision in [0, 1, 3, i64::MAX] {
        let seen = Seen { saga_revision, ..now.seen() };
        let step = SagaChange { seen, ..a_step(&now, a_saga(3)) };
        refuse_whole(&subject, step, Conflict::Version).await;
    }
    // The same without a saga.
    let none = a_new_one(&subject, None).await;
    let seen = Seen { saga_revision: 1, ..none.seen() };
    refuse_whole(&subject, SagaChange { seen, ..a_step(&none, a_saga(1)) }, Conflict::Version)
        .await;
}

pub(super) async fn a_change_that_has_seen_another_revision_is_refused(subject: Subject) {
    let begun = a_new_one(&subject, Some(a_saga(1))).await;
    commit(&subject.orders, a_step(&begun, a_saga(2))).await;
    for saga_revision in [0, 1, 3] {
        let seen = StoredOrder { saga_revision, ..begun.clone() };
        for saga in [None, Some(a_saga(3))] {
            refuse_whole(&subject, other_lines(&seen, 3, saga), Conflict::Version).await;
        }
    }
    let now = stored(&subject, begun.order.id()).await;
    commit(&subject.orders, other_lines(&now, 3, Some(a_saga(3)))).await;
}

pub(super) async fn a_step_of_an_unknown_order_is_refused(subject: Subject) {
    let order = placed(a_fresh_order(&subject.orders, a_fresh_customer()).await, noon()).order;
    let never_stored = StoredOrder { order, saga_revision: 0 };
    refuse_whole(&subject, a_step(&never_stored, a_saga(1)), Conflict::Version).await;
}

/// When the connection is lost at COMMIT, the store writes again: no event tells that the first attempt has landed.
pub(super) async fn a_step_that_comes_again_is_refused(subject: Subject) {
    let step = a_step(&a_new_one(&subject, None).await, a_saga(1));
    commit(&subject.orders, step.clone()).await;
    refuse_whole(&subject, step, Conflict::Version).await;
}

pub(super) async fn a_refused_order_leaves_the_saga_of_another_as_it_is(subject: Subject) {
    let customer = a_fresh_customer();
    let existing = OrderChange {
        answer: Some(a_recorded_answer(a_fresh_key())),
        saga: Some(a_saga(1)),
        ..a_change_placing(NewOrder {
            client_reference: Some(a_reference("taken")),
            ..a_fresh_order(&subject.orders, customer).await
        })
    };
    commit(&subject.orders, existing.clone()).await;
    let id = existing.order.id();
    let before = everything(&subject, id).await;
    for bad in BAD {
        let (change, expected) = a_bad_change(&subject, bad, &existing).await;
        refuse_whole(&subject, change, expected).await;
        assert_eq!(everything(&subject, id).await, before, "{bad:?}");
    }
}

pub(super) async fn one_of_many_steps_of_one_revision_wins(subject: Subject) {
    let begun = a_new_one(&subject, Some(a_saga(1))).await;
    let steps: Vec<_> = (2..=41).map(|number| a_step(&begun, a_saga(number))).collect();
    let results = together(&subject.orders, steps.clone()).await;
    let (landed, refused): (Vec<_>, Vec<_>) =
        steps.into_iter().zip(results).partition(|(_, result)| result.is_ok());
    for (_, result) in refused {
        assert_eq!(conflict(result), Conflict::Version);
    }
    let [(winner, _)] = &landed[..] else {
        return assert_eq!(landed.len(), 1, "one wins");
    };
    assert_landed(&subject, &winner.clone().into()).await;
}

pub(super) async fn steps_and_changes_of_one_order_make_one_linear_history(subject: Subject) {
    const WRITERS: i64 = 40;
    let id = a_new_one(&subject, None).await.order.id();
    let mut tasks = JoinSet::new();
    for writer in 1..=WRITERS {
        let subject = subject.clone();
        tasks.spawn(async move {
            loop {
                let seen = stored(&subject, id).await;
                // Lets others read the same, even on a store that never waits.
                tokio::task::yield_now().await;
                let saga = (writer % 4 != 1).then(|| a_saga(writer));
                let change: Change = match &saga {
                    Some(saga) if writer % 2 == 0 => a_step(&seen, saga.clone()).into(),
                    _ => other_lines(&seen, writer, saga.clone()).into(),
                };
                match subject.orders.commit(change, in_time()).await {
                    Ok(()) => return (seen.order.version().get(), seen.saga_revision, saga),
                    refused => assert_eq!(conflict(refused), Conflict::Version),
                }
            }
        });
    }
    let won = tasks.join_all().await;
    let seen: BTreeSet<_> =
        won.iter().map(|(version, revision, _)| (*version, *revision)).collect();
    assert_eq!(i64::try_from(seen.len()), Ok(WRITERS), "each state of the two once: {seen:?}");
    let last = stored(&subject, id).await;
    assert_eq!((last.order.version().get(), last.saga_revision), (21, 30));
    let (_, _, written) = won
        .into_iter()
        .find(|(_, revision, saga)| *revision == 29 && saga.is_some())
        .expect("one has made the last revision");
    let found = saga(&subject, id).await;
    assert_eq!(found, written.map(|saga| StoredSaga { stored: last, saga }));
    assert_eq!(sequences(&subject.orders, id).await, (1..=21).collect::<Vec<_>>());
}

/// Changes that something excludes.
#[derive(Debug, Clone, Copy)]
enum Bad {
    StepOfAnotherVersion,
    StepOfAnotherRevision,
    ChangeOfAnotherVersion,
    ChangeOfAnotherRevision,
    TakenKey,
    TakenReference,
    TakenId,
}

const BAD: [Bad; 7] = [
    Bad::StepOfAnotherVersion,
    Bad::StepOfAnotherRevision,
    Bad::ChangeOfAnotherVersion,
    Bad::ChangeOfAnotherRevision,
    Bad::TakenKey,
    Bad::TakenReference,
    Bad::TakenId,
];

/// A change with a saga that something excludes, `existing` if it needs an order, and the conflict.
async fn a_bad_change(subject: &Subject, bad: Bad, existing: &OrderChange) -> (Change, Conflict) {
    let now = stored(subject, existing.order.id()).await;
    let saga = a_saga(99);
    let other_version = StoredOrder {
        order: moved(&now.order, OrderStatus::Confirmed, noon()).order,
        ..now.clone()
    };
    let other_revision =
        StoredOrder { saga_revision: now.saga_revision.saturating_add(1), ..now.clone() };
    let placing = async |change: fn(NewOrder, &OrderChange) -> NewOrder| {
        let new = a_fresh_order(&subject.orders, existing.order.snapshot().customer_id.get()).await;
        OrderChange { saga: Some(a_saga(99)), ..a_change_placing(change(new, existing)) }
    };
    let on_the_way = |seen: &StoredOrder| {
        let next = moved(&other_version.order, OrderStatus::InProgress, noon());
        OrderChange { saga_seen: seen.saga_revision, saga: Some(a_saga(99)), ..a_change(next) }
    };
    match bad {
        Bad::StepOfAnotherVersion => (a_step(&other_version, saga).into(), Conflict::Version),
        Bad::StepOfAnotherRevision => (a_step(&other_revision, saga).into(), Conflict::Version),
        Bad::ChangeOfAnotherVersion => (on_the_way(&now).into(), Conflict::Version),
        Bad::ChangeOfAnotherRevision => {
            (other_lines(&other_revision, 9, Some(saga)).into(), Conflict::Version)
        }
        Bad::TakenKey => {
            let answer = existing.answer.clone();
            let change = OrderChange { answer, ..placing(|new, _| new).await };
            (change.into(), Conflict::IdempotencyKey)
        }
        Bad::TakenReference => {
            let taken = |new: NewOrder, existing: &OrderChange| NewOrder {
                client_reference: existing.order.snapshot().client_reference.clone(),
                ..new
            };
            let existing = existing.order.id();
            (placing(taken).await.into(), Conflict::ClientReference { existing })
        }
        Bad::TakenId => {
            let new = a_new_order(existing.order.id().get(), a_fresh_customer());
            let change = OrderChange { saga: Some(saga), ..a_change_placing(new) };
            (change.into(), Conflict::OrderId)
        }
    }
}

/// Changes of each kind, each of an order of its own, that nothing excludes.
async fn good_changes(subject: &Subject, count: i64) -> Vec<Change> {
    let customer = a_fresh_customer();
    let mut begun = Vec::new();
    for number in 1..=count {
        let new = a_fresh_order(&subject.orders, customer).await;
        // One of those that are changed without their saga has one.
        let saga = (number % 2 == 0 || number % 6 == 3).then(|| a_saga(number));
        begun.push(OrderChange { saga, ..a_change_placing(new) });
    }
    let (kept, of_stored): (Vec<_>, Vec<_>) =
        (1..=count).zip(begun).partition(|(number, _)| number % 6 < 2);
    let results =
        together(&subject.orders, of_stored.iter().map(|(_, change)| change.clone()).collect())
            .await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let next = |(number, change): (i64, OrderChange)| {
        let saga_revision = Change::from(change.clone()).saga_revision();
        let seen = StoredOrder { order: change.order, saga_revision };
        match number % 6 {
            2 | 5 => a_step(&seen, a_saga(number)).into(),
            4 => other_lines(&seen, number, Some(a_saga(number))).into(),
            _ => Change::from(OrderChange {
                answer: Some(a_recorded_answer(a_fresh_key())),
                ..other_lines(&seen, number, None)
            }),
        }
    };
    kept.into_iter()
        .map(|(_, change)| change.into())
        .chain(of_stored.into_iter().map(next))
        .collect()
}

pub(super) async fn of_128_mixed_changes_a_bad_one_fails_alone(subject: Subject) {
    const TOGETHER: i64 = 128;
    for bad in BAD {
        let existing = OrderChange {
            answer: Some(a_recorded_answer(a_fresh_key())),
            saga: Some(a_saga(1)),
            ..a_change_placing(NewOrder {
                client_reference: Some(a_reference("taken")),
                ..a_fresh_order(&subject.orders, a_fresh_customer()).await
            })
        };
        commit(&subject.orders, existing.clone()).await;
        let id = existing.order.id();
        let before = everything(&subject, id).await;
        let mut changes = good_changes(&subject, TOGETHER.saturating_sub(1)).await;
        let place = usize::try_from(random(TOGETHER.saturating_sub(1))).expect("a small number");
        let (change, expected) = a_bad_change(&subject, bad, &existing).await;
        let of_bad = change.id();
        changes.insert(place, change);
        let results = together(&subject.orders, changes.clone()).await;
        let mut checks = JoinSet::new();
        for (change, result) in changes.into_iter().zip(results) {
            if change.id() == of_bad {
                assert_eq!(conflict(result), expected, "{bad:?}");
                continue;
            }
            result.expect("nothing excludes the change");
            let subject = subject.clone();
            checks.spawn(async move { assert_landed(&subject, &change).await });
        }
        checks.join_all().await;
        assert_eq!(everything(&subject, id).await, before, "{bad:?}");
        if of_bad != id {
            assert_eq!(everything(&subject, of_bad).await, (None, vec![], None), "{bad:?}");
        }
    }
}

pub(super) async fn a_dropped_change_of_both_is_wholly_there_or_not_at_all(subject: Subject) {
    let mut changes = Vec::new();
    for _ in 0..CALLERS {
        let order = a_stored_order(&subject.orders, a_fresh_customer()).await;
        let seen = StoredOrder { order, saga_revision: 0 };
        changes.push(other_lines(&seen, 2, Some(a_saga(1))));
    }
    let mut tasks = JoinSet::new();
    for change in changes.clone() {
        let subject = subject.clone();
        tasks.spawn(async move {
            follow_a_while(subject.orders.commit(change.into(), in_time())).await;
        });
    }
    tasks.join_all().await;
    // What is still under way lands before a later change of the same order.
    let results = together(&subject.orders, changes.clone()).await;
    for (change, result) in changes.into_iter().zip(results) {
        if result.is_err() {
            assert_eq!(conflict(result), Conflict::Version);
        }
        assert_landed(&subject, &change.into()).await;
    }
}
