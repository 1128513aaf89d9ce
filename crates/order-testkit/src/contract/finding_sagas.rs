//! Sagas are found when they are due, when an operator must look at them, and when they are over. Other cases have sagas at the
//! same time, so each case has a time or a state of its own.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use order_app::ports::{Conflict, DueSaga, OrderChange, SagaChange, SagaWrite, StateName};
use order_domain::OrderId;

use super::Subject;
use super::steps::{a_fresh_customer, a_fresh_order, commit, in_time, random, refuse};
use crate::examples::{a_change_placing, a_saga, an_order_id};

/// A time long ago that no other case uses: about half a million minutes are to choose from, a minute for each.
fn an_own_minute() -> DateTime<Utc> {
    let minute = TimeDelta::minutes(random(500_000));
    plus(plus(DateTime::UNIX_EPOCH, TimeDelta::days(400)), minute)
}

fn plus(time: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    time.checked_add_signed(by).expect("a time")
}

/// Some microseconds later.
fn later(time: DateTime<Utc>, micros: i64) -> DateTime<Utc> {
    plus(time, TimeDelta::microseconds(micros))
}

/// Places an order with a saga.
async fn with(subject: &Subject, saga: SagaWrite) -> OrderId {
    let new = a_fresh_order(&subject.orders, a_fresh_customer()).await;
    let change = OrderChange { saga: Some(saga), ..a_change_placing(new) };
    let id = change.order.id();
    commit(&subject.orders, change).await;
    id
}

/// Writes a saga anew.
async fn rewrite(subject: &Subject, id: OrderId, saga: SagaWrite) {
    let stored = subject.orders.stored(id, None, in_time()).await;
    let seen = stored.expect("the store reads orders").expect("it is there").seen();
    commit(&subject.orders, SagaChange { id, seen, saga }).await;
}

fn due(due_at: Option<DateTime<Utc>>) -> SagaWrite {
    SagaWrite { due_at, ..a_saga(1) }
}

/// The sagas that are due in a window, page by page.
async fn due_between(
    subject: &Subject,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    limit: u32,
) -> Vec<DueSaga> {
    let (mut all, mut after) = (Vec::new(), DueSaga { due_at: from, order: an_order_id(1) });
    loop {
        let page = subject.sagas.due(to, Some(after), limit, in_time()).await;
        let page = page.expect("the store finds sagas");
        assert!(page.len() <= usize::try_from(limit).expect("a small number"));
        let Some(last) = page.last() else { return all };
        after = *last;
        all.extend(page);
    }
}

pub(super) async fn due_sagas_come_oldest_first_and_page_by_page(subject: Subject) {
    let noon = an_own_minute();
    let mut expected = Vec::new();
    // Equal times are ordered by id; the last one is due at the very time that is asked for.
    for after in [5, 3, 3, 3, 9, 1] {
        let due_at = later(noon, after);
        expected.push(DueSaga { due_at, order: with(&subject, due(Some(due_at))).await });
    }
    let last = with(&subject, due(Some(later(noon, 10)))).await;
    expected.sort_unstable();
    for limit in [1, 2, 3, 6, 100] {
        let found = due_between(&subject, (noon, later(noon, 9)), limit).await;
        assert_eq!(found, expected, "pages of {limit}");
    }
    let found = due_between(&subject, (later(noon, 9), later(noon, 10)), 5).await;
    assert!(found.iter().any(|due| due.order == last));
}

pub(super) async fn a_saga_is_due_as_it_was_written_last(subject: Subject) {
    let noon = an_own_minute();
    let window = (noon, later(noon, 100));
    let id = with(&subject, due(Some(later(noon, 5)))).await;
    for at in [Some(50), Some(7), None, Some(8)] {
        let at = at.map(|at| later(noon, at));
        rewrite(&subject, id, due(at)).await;
        let expected: Vec<_> = at.map(|due_at| DueSaga { due_at, order: id }).into_iter().collect();
        assert_eq!(due_between(&subject, window, 10).await, expected);
    }
}

pub(super) async fn sagas_without_a_page_before_are_due_from_the_oldest_on(subject: Subject) {
    // Earlier than those of other cases.
    let first = plus(DateTime::UNIX_EPOCH, TimeDelta::days(300));
    let first = plus(first, TimeDelta::minutes(random(100_000)));
    let id = with(&subject, due(Some(first))).await;
    let found = subject.sagas.due(first, None, 1_000, in_time()).await;
    let found = found.expect("the store finds sagas");
    assert!(found.is_sorted(), "{found:?}");
    assert!(found.contains(&DueSaga { due_at: first, order: id }), "{found:?}");
    rewrite(&subject, id, due(None)).await;
}

pub(super) async fn sagas_that_need_an_operator_are_listed_by_their_ids(subject: Subject) {
    let flagged = |due_at| SagaWrite { attention: true, ..due(due_at) };
    let before = with(&subject, a_saga(1)).await;
    let mut expected = BTreeSet::new();
    for number in 0..5 {
        // Over or not.
        let due_at = (number % 2 == 0).then(an_own_minute);
        expected.insert(with(&subject, flagged(due_at)).await);
        with(&subject, due(due_at)).await;
    }
    for limit in [1, 3, 1_000] {
        let (mut found, mut after) = (Vec::new(), Some(before));
        loop {
            let page = subject.sagas.attention(after, limit, in_time()).await;
            let page = page.expect("the store finds sagas");
            assert!(page.items.len() <= usize::try_from(limit).expect("a small number"));
            after = page.items.last().copied();
            found.extend(page.items);
            if !page.more {
                break;
            }
            assert!(after.is_some(), "a page that is not the last is not empty");
        }
        assert!(found.is_sorted(), "{found:?}");
        let found: BTreeSet<_> = found.into_iter().collect();
        assert!(found.is_superset(&expected), "{found:?} without some of {expected:?}");
    }
    let first = subject.sagas.attention(None, 1, in_time()).await;
    assert_eq!(first.expect("the store finds sagas").items.len(), 1);
    let looked_at = *expected.first().expect("there are five");
    rewrite(&subject, looked_at, a_saga(2)).await;
    let page = subject.sagas.attention(Some(before), 1_000, in_time()).await;
    assert!(!page.expect("the store finds sagas").items.contains(&looked_at));
}

pub(super) async fn open_sagas_are_counted_by_their_states(subject: Subject) {
    let letter =
        || char::from_digit(u32::try_from(random(25)).expect("1 to 25").saturating_add(10), 36);
    let letters = (0..16).filter_map(|_| letter());
    let own = StateName::new(letters.collect::<String>()).expect("16 letters");
    let (state, first) = (|| own.clone(), an_own_minute());
    let mut ids = Vec::new();
    for at in 0..3 {
        let saga = SagaWrite { state: state(), ..due(Some(later(first, at))) };
        ids.push(with(&subject, saga).await);
    }
    with(&subject, SagaWrite { state: state(), ..due(None) }).await;
    let over = SagaWrite { state: state(), attention: true, ..due(None) };
    with(&subject, over).await;
    let census = subject.sagas.census(in_time()).await.expect("the store counts sagas");
    let counts: Vec<_> = census.open.iter().filter(|(state, _)| *state == own).collect();
    assert_eq!(counts, [&(state(), 3)]);
    assert!(census.attention >= 1);
    assert!(census.first_due.is_some_and(|due| due <= first), "{:?}", census.first_due);
    for id in ids {
        rewrite(&subject, id, SagaWrite { state: state(), ..due(None) }).await;
    }
    let census = subject.sagas.census(in_time()).await.expect("the store counts sagas");
    assert!(census.open.iter().all(|(state, _)| *state != own), "{census:?}");
}

/// The only case with sagas that are over and changed before 1971.
pub(super) async fn a_purge_deletes_old_sagas_that_are_over(subject: Subject) {
    let before = plus(DateTime::UNIX_EPOCH, TimeDelta::days(365));
    let purge = async |limit| {
        let purged = subject.sagas.purge(before, limit, in_time()).await;
        purged.expect("the store purges sagas")
    };
    while purge(100).await > 0 {}
    let over = |changed| SagaWrite { updated_at: later(before, changed), ..due(None) };
    let mut old = Vec::new();
    for changed in [-5, -1, -3] {
        old.push(with(&subject, over(changed)).await);
    }
    let kept = [
        with(&subject, over(0)).await,
        with(&subject, SagaWrite { attention: true, ..over(-2) }).await,
        with(&subject, SagaWrite { due_at: Some(an_own_minute()), ..over(-2) }).await,
    ];
    assert_eq!((purge(2).await, purge(2).await, purge(2).await), (2, 1, 0));
    for id in kept {
        let found = subject.sagas.saga(id, in_time()).await.expect("the store reads sagas");
        assert!(found.is_some());
    }
    for id in old {
        let found = subject.sagas.saga(id, in_time()).await.expect("the store reads sagas");
        assert_eq!(found, None);
        // The order knows that it had one.
        let stored = subject.orders.stored(id, None, in_time()).await;
        let stored = stored.expect("the store reads orders").expect("it is there");
        assert_eq!(stored.saga_revision, 1);
        let again = order_app::ports::Seen { saga_revision: 0, ..stored.seen() };
        let step = SagaChange { id, seen: again, saga: a_saga(1) };
        refuse(&subject.orders, step, Conflict::Version).await;
    }
    rewrite(&subject, kept[1], due(None)).await;
    rewrite(&subject, kept[2], due(None)).await;
}
