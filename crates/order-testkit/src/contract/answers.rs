//! Idempotent answers: recorded with their effect, unique by key, repeated byte for byte, purged
//! by age.

use chrono::{DateTime, Utc};
use order_app::caller::CallerName;
use order_app::idempotency::{
    Answer, Fingerprint, IdempotencyKey, Operation, Recorded, RecordedAnswer,
};
use order_app::ports::{Conflict, OrderChange};
use order_domain::OrderStatus;

use super::steps::{
    Store, a_fresh_customer, a_fresh_key, a_fresh_order, a_stored_order, assert_absent,
    assert_stored, commit, refuse,
};
use crate::examples::{a_change, a_change_placing, a_recorded_answer, moved, noon_plus, soon};

/// A change that places a fresh order and records an answer.
async fn answered(store: &Store, answer: RecordedAnswer) -> OrderChange {
    let new = a_fresh_order(store, a_fresh_customer()).await;
    OrderChange { answer: Some(answer), ..a_change_placing(new) }
}

async fn recorded(store: &Store, key: &IdempotencyKey) -> Option<RecordedAnswer> {
    let answer = store.answer(key, soon()).await;
    answer.expect("the store reads answers")
}

async fn record(store: &Store, answer: &RecordedAnswer) {
    commit(store, answered(store, answer.clone()).await).await;
    assert_eq!(recorded(store, &answer.key).await.as_ref(), Some(answer));
}

pub(super) async fn an_answer_is_read_back_byte_for_byte(store: Store) {
    let head = "Location: /orders/7\r\netag: \"1\" ; it's \\ \u{e9} \u{1f600}\t ";
    let bodies = [
        Vec::new(),
        (0..=255).chain(0..=255).collect(),
        vec![0xff, 0xfe, 0x00, 0xc3, 0x28, 0x00],
        "{\"id\": 1,  \"total\":\"0.30\"}\r\n".repeat(4_000).into_bytes(),
    ];
    for (tag, body) in [0, 201, 599, u16::MAX].into_iter().zip(bodies) {
        let mut answer = a_recorded_answer(a_fresh_key());
        answer.fingerprint = Fingerprint([0xff, 0x00].repeat(16).try_into().expect("32 bytes"));
        answer.recorded_at = noon_plus(1);
        answer.answer = Answer { tag, head: head.to_owned(), body };
        record(&store, &answer).await;
    }
    let mut bare = a_recorded_answer(a_fresh_key());
    bare.answer.head.clear();
    record(&store, &bare).await;
}

pub(super) async fn an_unknown_key_has_no_answer(store: Store) {
    assert_eq!(recorded(&store, &a_fresh_key()).await, None);
}

pub(super) async fn a_change_without_an_answer_records_none(store: Store) {
    let key = a_fresh_key();
    let placed = a_stored_order(&store, a_fresh_customer()).await;
    assert_stored(&store, &placed).await;
    assert_eq!(recorded(&store, &key).await, None);
}

pub(super) async fn a_taken_key_is_refused_and_writes_nothing(store: Store) {
    let first = a_recorded_answer(a_fresh_key());
    record(&store, &first).await;
    let mut second = first.clone();
    second.fingerprint = Fingerprint([8; 32]);
    second.answer.body = b"another".to_vec();
    let change = answered(&store, second.clone()).await;
    let id = change.order.id();
    refuse(&store, change, Conflict::IdempotencyKey).await;
    assert_absent(&store, id).await;
    assert_eq!(recorded(&store, &first.key).await, Some(first.clone()));
    // An update is refused, too.
    let placed = a_stored_order(&store, a_fresh_customer()).await;
    let update = OrderChange {
        answer: Some(second),
        ..a_change(moved(&placed, OrderStatus::Confirmed, noon_plus(1)))
    };
    refuse(&store, update, Conflict::IdempotencyKey).await;
    assert_stored(&store, &placed).await;
    assert_eq!(recorded(&store, &first.key).await, Some(first));
}

pub(super) async fn a_key_belongs_to_its_caller_operation_and_record(store: Store) {
    let key = a_fresh_key();
    let name = |text: &str| CallerName::new(text.repeat(64)).expect("a name");
    let callers = [key.caller.clone(), name("c"), name("C")];
    let operations = [Operation::Place, Operation::ReplaceLines, Operation::ChangeStatus];
    for caller in callers {
        for operation in operations {
            for recorded in [Recorded::Answer, Recorded::Order] {
                let (caller, key) = (caller.clone(), key.key.clone());
                let key = IdempotencyKey { caller, operation, recorded, key };
                record(&store, &a_recorded_answer(key)).await;
            }
        }
    }
}

pub(super) async fn keys_differ_by_case(store: Store) {
    let key = a_fresh_key();
    let lower = IdempotencyKey { key: format!("{}-abc", key.key), ..key.clone() };
    let upper = IdempotencyKey { key: format!("{}-ABC", key.key), ..key };
    record(&store, &a_recorded_answer(lower)).await;
    assert_eq!(recorded(&store, &upper).await, None);
    record(&store, &a_recorded_answer(upper)).await;
}

pub(super) async fn a_key_may_have_255_characters(store: Store) {
    // All visible characters, and two keys that differ in the last one alone.
    let visible: String = ('!'..='~').collect();
    let start = format!("{}{visible}", a_fresh_key().key);
    for last in ['x', 'y'] {
        let key = IdempotencyKey { key: format!("{start:~<254}{last}"), ..a_fresh_key() };
        assert_eq!(key.key.len(), 255);
        record(&store, &a_recorded_answer(key)).await;
    }
}

pub(super) async fn an_update_records_its_answer_too(store: Store) {
    let placed = a_stored_order(&store, a_fresh_customer()).await;
    let event = moved(&placed, OrderStatus::Confirmed, noon_plus(1));
    let confirmed = event.order.clone();
    let answer =
        a_recorded_answer(IdempotencyKey { operation: Operation::ChangeStatus, ..a_fresh_key() });
    let change = OrderChange { answer: Some(answer.clone()), ..a_change(event) };
    commit(&store, change).await;
    assert_stored(&store, &confirmed).await;
    assert_eq!(recorded(&store, &answer.key).await, Some(answer));
}

/// The one case that purges, and that records answers before 1981.
pub(super) async fn a_purge_deletes_old_answers_in_batches(store: Store) {
    let at = |text: &str| text.parse::<DateTime<Utc>>().expect("a time");
    let end = at("1981-01-01T00:00:00.000001Z");
    let purge = async |limit| {
        let deleted = store.purge_answers(end, limit, soon()).await;
        deleted.expect("the store purges answers")
    };
    // An interrupted run may have left answers behind.
    while purge(100).await > 0 {}

    let mut old = Vec::new();
    for day in 1..=5 {
        let mut answer = a_recorded_answer(a_fresh_key());
        answer.recorded_at = at(&format!("1980-02-0{day}T12:00:00Z"));
        record(&store, &answer).await;
        old.push(answer.key);
    }
    let mut last = a_recorded_answer(a_fresh_key());
    last.recorded_at = at("1981-01-01T00:00:00Z");
    record(&store, &last).await;
    old.push(last.key.clone());
    // An answer recorded exactly at the end is not before it.
    let mut kept = a_recorded_answer(a_fresh_key());
    kept.recorded_at = end;
    record(&store, &kept).await;

    assert_eq!(purge(4).await, 4);
    let mut left = Vec::new();
    for key in &old {
        left.extend(recorded(&store, key).await);
    }
    assert_eq!(left.len(), 2);
    assert_eq!(purge(4).await, 2);
    assert_eq!(purge(4).await, 0);
    for key in &old {
        assert_eq!(recorded(&store, key).await, None);
    }
    assert_eq!(recorded(&store, &kept.key).await, Some(kept.clone()));
    // The key of a purged answer may be used again.
    record(&store, &a_recorded_answer(last.key)).await;
    // Leaves no answers for the next run.
    let later = at("1981-01-01T00:00:00.000002Z");
    let deleted = store.purge_answers(later, 10, soon()).await;
    assert_eq!(deleted.expect("the store purges answers"), 1);
}
