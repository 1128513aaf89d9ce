//! Positions: each event gets one, they grow by one, and a page holds all events after a position.

use order_app::ports::{Duty, SHARDS, shard};

use super::Instance;
use super::steps::{
    ALL, an_order_of_version, an_order_on, assert_complete, assert_events, assign, assign_all,
    entries_after, last_position, position, progress, some_orders, take,
};

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
