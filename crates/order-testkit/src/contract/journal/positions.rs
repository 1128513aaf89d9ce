//! Positions: each event gets one, they grow by one, and a page holds all events after a position.

use order_app::ports::{Duty, JOURNAL_PAGE_BYTES, ReadEntry, SHARDS, Selection, shard};

use super::super::steps::{commit, in_time};
use super::Instance;
use super::steps::{
    ALL, an_order_of_version, an_order_on, assert_complete, assert_events, assign, assign_all,
    entries_after, last_position, position, progress, some_orders, take,
};
use crate::examples::{a_change, large_lines, noon, relined};

pub(super) async fn an_empty_journal_is_empty([one, other]: [Instance; 2]) {
    assert_eq!(last_position(&one).await, 0);
    assert_eq!(entries_after(&one, 0, None, ALL).await, []);
    assert_eq!(entries_after(&one, 0, Some(3), ALL).await, []);
    let lease = take(&other, Duty::Sequence).await;
    assert_eq!((lease.epoch, lease.position), (1, 0));
    assert_eq!(assign(&other, &lease, ALL).await, 0);
    assert_eq!(last_position(&one).await, 0);
}

pub(super) async fn every_event_gets_one_position([one, other]: [Instance; 2]) {
    let (mut ids, events) = some_orders(&one, 20).await;
    let (more, more_events) = some_orders(&other, 20).await;
    ids.extend(more);
    let all = events + more_events;
    let lease = take(&one, Duty::Sequence).await;
    let mut given = 0;
    loop {
        let count = assign(&one, &lease, 7).await;
        if count == 0 {
            break;
        }
        given += usize::try_from(count).expect("a small number");
    }
    assert_eq!(given, all);
    let read = entries_after(&other, 0, None, ALL).await;
    assert_eq!(read.len(), all);
    assert_complete(&other, &read, &ids).await;
    let last = i64::try_from(all).expect("a small number");
    assert_eq!(last_position(&other).await, last);
    assert_eq!(position(&one, &lease).await, last);
}

pub(super) async fn a_limit_is_kept([one, _]: [Instance; 2]) {
    let (ids, events) = some_orders(&one, 10).await;
    let lease = take(&one, Duty::Sequence).await;
    assert_eq!(assign(&one, &lease, 1).await, 1);
    assert_eq!(last_position(&one).await, 1);
    assert_eq!(assign(&one, &lease, 3).await, 3);
    assert_eq!(last_position(&one).await, 4);
    let rest = u32::try_from(events).expect("a small number").saturating_sub(4);
    assert_eq!(assign(&one, &lease, rest).await, rest);
    assert_eq!(assign(&one, &lease, ALL).await, 0);
    assert_complete(&one, &entries_after(&one, 0, None, ALL).await, &ids).await;
}

pub(super) async fn later_events_get_later_positions([one, other]: [Instance; 2]) {
    let early = an_order_of_version(&one, 2).await;
    let late = an_order_on(&other).await;
    assign_all(&one).await;
    let first = entries_after(&one, 0, None, ALL).await;
    assert_eq!(first.len(), 3);
    // Of an order with a smaller id than others that have their positions already.
    let early = progress(&other, &early).await;
    assign_all(&other).await;
    let all = entries_after(&one, 0, None, ALL).await;
    assert_eq!(all.get(..3), Some(first.as_slice()), "positions are kept");
    assert_complete(&one, &all, &[early.id(), late.id()]).await;
}

pub(super) async fn a_page_starts_after_a_position([one, other]: [Instance; 2]) {
    some_orders(&one, 8).await;
    assign_all(&one).await;
    let all = entries_after(&one, 0, None, ALL).await;
    assert_eq!(all.len(), 20);
    for (position, limit, expected) in
        [(0, 5, 0..5), (5, 5, 5..10), (17, 5, 17..20), (19, 1, 19..20), (0, 1, 0..1)]
    {
        let read = entries_after(&other, position, None, limit).await;
        assert_eq!(Some(read.as_slice()), all.get(expected), "{position} {limit}");
    }
    for position in [20, 21, i64::MAX] {
        assert_eq!(entries_after(&other, position, None, 5).await, [], "{position}");
    }
}

/// Large events, more than one page of them.
const LARGE: i64 = 50;

pub(super) async fn a_page_of_large_events_ends_by_its_bytes([one, other]: [Instance; 2]) {
    let mut order = an_order_on(&one).await;
    for price in 1..=LARGE {
        let event = relined(&order, large_lines(&price.to_string()), noon());
        order = event.order.clone();
        commit(&one.orders, a_change(event)).await;
    }
    assign_all(&one).await;
    let events: Vec<i64> = (1..=LARGE + 1).collect();
    let read = |page: &[ReadEntry]| -> Vec<i64> {
        let entries = page.iter().map(|entry| entry.as_ref().expect("it is readable"));
        assert!(
            entries.clone().map(|one| one.event.data.len()).sum::<usize>() <= JOURNAL_PAGE_BYTES
        );
        entries.map(|one| one.event.sequence.get()).collect()
    };
    for of in [None, Some(shard(order.id()))] {
        let first = other.journal.entries_after(0, of, ALL, in_time()).await;
        let first = first.expect("the journal reads");
        let mut found = read(&first.items);
        let after = i64::try_from(found.len()).expect("a small number");
        let rest = other.journal.entries_after(after, of, ALL, in_time()).await;
        let rest = rest.expect("the journal reads");
        found.extend(read(&rest.items));
        assert_eq!((first.more, rest.more, found), (true, false, events.clone()));
    }
    let selection = Selection { orders: vec![order.id()], ..Selection::default() };
    let (mut found, mut after) = (Vec::new(), 0);
    while after <= LARGE {
        let page = other.inspection.select(&selection, after, ALL, in_time()).await;
        let page = page.expect("the journal selects");
        found.extend(read(&page.events));
        after = page.through;
    }
    assert_eq!(found, events);
    let first = other.inspection.order_events(order.id(), 0, ALL, in_time()).await;
    let first = first.expect("the journal finds events").events;
    let after = i64::try_from(first.items.len()).expect("a small number");
    let rest = other.inspection.order_events(order.id(), after, ALL, in_time()).await;
    let rest = rest.expect("the journal finds events").events;
    let sequences = first.items.iter().chain(&rest.items).map(|(sequence, _)| sequence.get());
    assert_eq!((first.more, rest.more, sequences.collect()), (true, false, events));
}

pub(super) async fn a_shard_holds_its_own_orders_only([one, other]: [Instance; 2]) {
    let (ids, events) = some_orders(&one, 40).await;
    assign_all(&one).await;
    let mut seen = 0;
    for number in 0..SHARDS {
        let read = entries_after(&other, 0, Some(number), ALL).await;
        let own: Vec<_> = ids.iter().copied().filter(|id| shard(*id) == number).collect();
        assert_events(&other, &read, &own).await;
        if let Some(first) = read.first() {
            let rest = entries_after(&other, first.position, Some(number), 2).await;
            let limit = read.len().min(3);
            assert_eq!(Some(rest.as_slice()), read.get(1..limit));
        }
        seen += read.len();
    }
    assert_eq!(seen, events);
    assert_eq!(entries_after(&other, 0, Some(SHARDS), ALL).await, []);
}
