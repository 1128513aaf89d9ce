//! The view of operators on the journal: duties, parked orders, skipped events, selections.

#![expect(clippy::indexing_slicing, reason = "a broken expectation ends a test")]

use chrono::TimeDelta;
use order_app::events::EventRecord;
use order_app::ports::{
    Duty, JournalEntry, OrderChange, OrderEvents, Parking, Progress, SHARDS, SelectedPage,
    Selection, Skipped, Unreadable, shard,
};
use order_domain::{CustomerId, OrderEventKind, OrderId, Version};

use super::super::events::{BROKEN, broken};
use super::super::steps::{a_fresh_customer, a_fresh_order, commit, in_time};
use super::Instance;
use super::steps::{
    ALL, SHORT, a_name, a_short_time, advance, an_order_of_version, an_order_on, ask, assign,
    assign_all, entries_after, last_position, parked, publishing, release, take,
};
use crate::examples::{a_change, noon, placed};

async fn holder(instance: &Instance, duty: Duty) -> (Option<uuid::Uuid>, i64) {
    let states = instance.inspection.duties(in_time()).await;
    let states = states.expect("the journal tells who holds what");
    let duties: Vec<_> = states.iter().map(|state| state.duty).collect();
    let all: Vec<_> =
        std::iter::once(Duty::Sequence).chain((0..SHARDS).map(Duty::Publish)).collect();
    assert_eq!(duties, all);
    let found = states.into_iter().find(|state| state.duty == duty);
    let found = found.expect("each duty is there");
    (found.holder, found.position)
}

pub(super) async fn every_duty_is_listed_with_its_holder_and_position([one, other]: [Instance; 2]) {
    let duty = Duty::Publish(3);
    assert_eq!(holder(&other, Duty::Sequence).await, (None, 0));
    an_order_of_version(&one, 2).await;
    let lease = take(&one, Duty::Sequence).await;
    assert_eq!(holder(&other, Duty::Sequence).await, (Some(lease.instance), 0));
    release(&one, &lease).await;
    assign_all(&one).await;
    assert_eq!(holder(&other, Duty::Sequence).await, (None, 2));
    let name = a_name();
    let lease = ask(&one, duty, name, SHORT).await.expect("the lease is free");
    advance(&one, &lease, &Progress { position: 2, ..Progress::default() }).await;
    a_short_time(&one).await;
    assert_eq!(holder(&other, duty).await, (None, 2), "the lease is over");
    let lease = take(&other, duty).await;
    assert_eq!(holder(&one, duty).await, (Some(lease.instance), 2));
}

/// Parks the first event of an order.
async fn park(instance: &Instance, order: OrderId) {
    let lease = take(instance, publishing(order)).await;
    let parking = Parking { order, from: Version::FIRST, reason: "refused".to_owned() };
    advance(instance, &lease, &Progress { park: vec![parking], ..Progress::default() }).await;
    release(instance, &lease).await;
}

pub(super) async fn parked_orders_are_paged_by_their_ids([one, other]: [Instance; 2]) {
    let mut orders = Vec::new();
    for _ in 0..5 {
        orders.push(an_order_on(&one).await.id());
    }
    // In the reverse order of their ids.
    for order in orders.iter().rev() {
        park(&one, *order).await;
    }
    let page = async |after: i64, shard: Option<u16>, limit: u32| {
        let page = other.inspection.parked_after(after, shard, limit, in_time()).await;
        page.expect("the journal lists parked orders")
    };
    let mut all = parked(&one).await;
    all.sort_by_key(|parked| parked.order);
    let (mut paged, mut after) = (Vec::new(), 0);
    loop {
        let next = page(after, None, 2).await;
        let Some(last) = next.last() else { break };
        after = last.order.get();
        assert!(next.len() <= 2);
        paged.extend(next);
    }
    assert_eq!(paged, all);
    for order in orders {
        let own = page(order.get() - 1, Some(shard(order)), 1).await;
        assert_eq!(own.first().map(|parked| parked.order), Some(order));
        assert!(page(0, Some(shard(order) ^ 1), ALL).await.iter().all(|p| p.order != order));
    }
}

/// Skips the first waiting event of a parked order.
async fn skip(instance: &Instance, order: OrderId, event: i64, reason: &str) {
    let event = Version::new(event).expect("a version");
    let asked = instance.journal.redrive(order, Some((event, reason)), in_time()).await;
    assert!(asked.expect("the journal redrives"));
}

pub(super) async fn skipped_events_are_paged_by_order_and_sequence([one, other]: [Instance; 2]) {
    let mut orders = Vec::new();
    for _ in 0..3 {
        orders.push(an_order_of_version(&one, 3).await.id());
    }
    for order in &orders {
        park(&one, *order).await;
        skip(&one, *order, 1, "not wanted").await;
    }
    let page = async |after: (i64, i64), order: Option<OrderId>, limit: u32| {
        let page = other.inspection.skipped_after(after, order, limit, in_time()).await;
        page.expect("the journal lists skipped events")
    };
    let keys = |events: &[Skipped]| {
        let key = |skipped: &Skipped| (skipped.order, skipped.sequence.get());
        events.iter().map(key).collect::<Vec<_>>()
    };
    let all = page((0, 0), None, ALL).await;
    orders.sort_unstable();
    assert_eq!(keys(&all), orders.iter().map(|order| (*order, 1)).collect::<Vec<_>>());
    assert!(all.iter().all(|skipped| skipped.reason == "not wanted"));
    for (index, order) in orders.iter().enumerate() {
        assert_eq!(page((order.get(), 1), None, ALL).await, all[index + 1..]);
        assert_eq!(page((order.get(), 0), None, 1).await, all[index..=index]);
        assert_eq!(page((0, 0), Some(*order), ALL).await, all[index..=index]);
    }
}

/// One page of a selection.
async fn select(
    instance: &Instance,
    selection: &Selection,
    after: i64,
    limit: u32,
) -> SelectedPage {
    let selected = instance.inspection.select(selection, after, limit, in_time()).await;
    selected.expect("the journal selects")
}

fn readable(events: Vec<Result<JournalEntry, Unreadable>>) -> Vec<JournalEntry> {
    events.into_iter().collect::<Result<_, _>>().expect("all events can be read")
}

/// All events of a selection, in pages.
async fn select_all(instance: &Instance, selection: &Selection, limit: u32) -> Vec<JournalEntry> {
    let (mut all, mut after) = (Vec::new(), 0);
    let last_position = last_position(instance).await;
    while after < last_position {
        let SelectedPage { events, through } = select(instance, selection, after, limit).await;
        let events: Vec<JournalEntry> = readable(events);
        assert!(through > after && through <= last_position, "{through} after {after}");
        assert!(events.len() <= usize::try_from(limit).expect("a small number"));
        let inside = |entry: &JournalEntry| entry.position > after && entry.position <= through;
        assert!(events.iter().all(inside));
        all.extend(events);
        after = through;
    }
    let end = select(instance, selection, after, limit).await;
    assert_eq!((end.events, end.through), (Vec::new(), last_position));
    all
}

pub(super) async fn selected_events_come_in_the_order_of_their_positions(
    [one, other]: [Instance; 2],
) {
    let everything = Selection::default();
    assert_eq!(select(&one, &everything, 0, 10).await.through, 0, "nothing is there");
    for version in [4, 1, 3, 2] {
        an_order_of_version(&one, version).await;
    }
    // Events without a position are not selected.
    assert_eq!(
        select(&other, &everything, 0, 10).await,
        SelectedPage { events: vec![], through: 0 }
    );
    assign_all(&one).await;
    let all = entries_after(&one, 0, None, ALL).await;
    for limit in [1, 3, 10, ALL] {
        assert_eq!(select_all(&other, &everything, limit).await, all, "{limit} at a time");
    }
}

pub(super) async fn selected_events_match_every_condition([one, other]: [Instance; 2]) {
    let mut orders = Vec::new();
    for version in [4, 1, 3, 2] {
        orders.push(an_order_of_version(&one, version).await);
    }
    assign_all(&one).await;
    let all = entries_after(&one, 0, None, ALL).await;
    let later = noon().checked_add_signed(TimeDelta::microseconds(1));
    let (ids, customers) = (
        orders.iter().map(order_domain::Order::id).collect::<Vec<_>>(),
        orders.iter().map(|order| order.snapshot().customer_id).collect::<Vec<_>>(),
    );
    let kinds = vec![OrderEventKind::Confirmed, OrderEventKind::Delivered];
    let nothing = Selection::default;
    let cases = [
        Selection { orders: vec![ids[0]], ..nothing() },
        Selection { orders: vec![ids[1], ids[2]], ..nothing() },
        Selection { customers: vec![customers[2]], ..nothing() },
        Selection { customers: customers[..2].to_vec(), kinds: kinds.clone(), ..nothing() },
        Selection { orders: vec![ids[0]], customers: vec![customers[1]], ..nothing() },
        Selection { kinds: kinds.clone(), ..nothing() },
        Selection { from: Some(noon()), to: later, ..nothing() },
        Selection { from: later, ..nothing() },
        Selection { to: Some(noon()), orders: ids.clone(), ..nothing() },
    ];
    for selection in cases {
        let Selection { orders: of, customers: whose, kinds, from, to } = &selection;
        let fits = |entry: &&JournalEntry| {
            let event = &entry.event;
            let at = ids.iter().position(|id| *id == event.order_id).expect("one of ours");
            (of.is_empty() || of.contains(&event.order_id))
                && (whose.is_empty() || whose.contains(&customers[at]))
                && (kinds.is_empty() || kinds.contains(&event.kind))
                && from.is_none_or(|from| event.occurred_at >= from)
                && to.is_none_or(|to| event.occurred_at < to)
        };
        let expected: Vec<JournalEntry> = all.iter().filter(fits).cloned().collect();
        for limit in [1, ALL] {
            assert_eq!(select_all(&other, &selection, limit).await, expected, "{selection:?}");
        }
    }
}

pub(super) async fn the_pages_of_a_selection_join_without_a_gap([one, other]: [Instance; 2]) {
    let order = an_order_of_version(&one, 2).await;
    let selection = Selection { orders: vec![order.id()], ..Selection::default() };
    assign_all(&one).await;
    let first = select(&other, &selection, 0, ALL).await;
    assert_eq!(first.events.len(), 2);
    for _ in 0..3 {
        an_order_on(&one).await;
    }
    super::steps::progress(&one, &order).await;
    assign_all(&one).await;
    let (mut found, mut at) = (Vec::new(), first.through);
    while at < last_position(&other).await {
        let next = select(&other, &selection, at, 1).await;
        found.extend(readable(next.events).iter().map(|entry| entry.event.sequence.get()));
        at = next.through;
    }
    assert_eq!(found, [3]);
}

pub(super) async fn a_skipped_event_is_not_selected([one, other]: [Instance; 2]) {
    let order = an_order_of_version(&one, 3).await.id();
    assign_all(&one).await;
    park(&one, order).await;
    skip(&one, order, 1, "not wanted").await;
    let selection = Selection { orders: vec![order], ..Selection::default() };
    let found = select_all(&other, &selection, ALL).await;
    let sequences: Vec<_> = found.iter().map(|entry| entry.event.sequence.get()).collect();
    assert_eq!(sequences, [2, 3]);
}

/// Some events of an order, and its first event that is not published.
async fn of_order(
    instance: &Instance,
    order: OrderId,
    after: i64,
    limit: u32,
) -> (Vec<i64>, Option<i64>) {
    let found = instance.inspection.order_events(order, after, limit, in_time()).await;
    let OrderEvents { events, unpublished } = found.expect("the journal finds events");
    let sequence = |(sequence, event): (Version, Result<EventRecord, String>)| {
        let event = event.expect("all events can be read");
        assert_eq!((event.order_id, event.sequence), (order, sequence));
        sequence.get()
    };
    let sequences = events.items.into_iter().map(sequence).collect();
    (sequences, unpublished.map(Version::get))
}

pub(super) async fn the_events_of_an_order_are_found([one, other]: [Instance; 2]) {
    an_order_of_version(&one, 2).await;
    let order = an_order_of_version(&one, 4).await.id();
    an_order_of_version(&one, 3).await;
    assert_eq!(of_order(&other, order, 0, ALL).await.0, [1, 2, 3, 4]);
    assert_eq!(of_order(&other, order, 0, 3).await.0, [1, 2, 3]);
    assert_eq!(of_order(&other, order, 3, 3).await.0, [4]);
    assert_eq!(of_order(&other, order, 4, 3).await, (vec![], Some(1)));
    assign_all(&one).await;
    park(&one, order).await;
    skip(&one, order, 1, "not wanted").await;
    assert_eq!(of_order(&other, order, 0, ALL).await.0, [2, 3, 4]);
    let unknown = OrderId::new(order_domain::MAX_ID).expect("an id");
    assert_eq!(of_order(&other, unknown, 0, ALL).await, (vec![], None));
}

pub(super) async fn the_first_unpublished_event_of_an_order_is_found([one, other]: [Instance; 2]) {
    let order = an_order_of_version(&one, 2).await;
    let unpublished = async || of_order(&other, order.id(), 0, ALL).await.1;
    assert_eq!(unpublished().await, Some(1), "without positions");
    let lease = take(&one, Duty::Sequence).await;
    assign(&one, &lease, ALL).await;
    assert_eq!(unpublished().await, Some(1), "its publisher has not passed it");
    // The publishers of other shards do not matter.
    publish(&one, shard(order.id()) ^ 1, last_position(&one).await).await;
    assert_eq!(unpublished().await, Some(1));
    publish(&one, shard(order.id()), 1).await;
    assert_eq!(unpublished().await, Some(2));
    publish(&one, shard(order.id()), 2).await;
    assert_eq!(unpublished().await, None);
    // Waiting events of other orders of the shard do not matter.
    let mut neighbour = an_order_on(&one).await;
    while shard(neighbour.id()) != shard(order.id()) {
        neighbour = an_order_on(&one).await;
    }
    assert_eq!(unpublished().await, None);
    assign(&one, &lease, ALL).await;
    assert_eq!(unpublished().await, None);
    let order = super::steps::progress(&one, &order).await;
    assert_eq!(unpublished().await, Some(3));
    assign(&one, &lease, ALL).await;
    assert_eq!(unpublished().await, Some(3));
    // A parked event that the publisher has passed is not published.
    park(&one, order.id()).await;
    publish(&one, shard(order.id()), last_position(&one).await).await;
    assert_eq!(unpublished().await, Some(1));
}

/// Records all events of a shard as published through a position.
async fn publish(instance: &Instance, shard: u16, position: i64) {
    let lease = take(instance, Duty::Publish(shard)).await;
    advance(instance, &lease, &Progress { position, ..Progress::default() }).await;
    release(instance, &lease).await;
}

pub(super) async fn the_orders_of_a_customer_are_found([one, other]: [Instance; 2]) {
    let (customer, stranger) = (a_fresh_customer(), a_fresh_customer());
    let mut orders = Vec::new();
    for whose in [customer, stranger, customer, customer] {
        let event = placed(a_fresh_order(&one.orders, whose).await, noon());
        orders.push((whose, event.order.id()));
        commit(&one.orders, a_change(event)).await;
    }
    let mut theirs: Vec<_> =
        orders.iter().filter(|(whose, _)| *whose == customer).map(|(_, order)| *order).collect();
    theirs.sort_unstable();
    let orders_of = async |customer: i64, limit| {
        let customer = CustomerId::new(customer).expect("an id");
        let found = other.inspection.customer_order_ids(customer, limit, in_time()).await;
        found.expect("the journal finds orders")
    };
    // All orders were placed at the same moment.
    assert_eq!(orders_of(customer, ALL).await, theirs);
    assert_eq!(orders_of(customer, 2).await, theirs[..2]);
    assert_eq!(orders_of(a_fresh_customer(), ALL).await, []);
}

pub(super) async fn an_event_whose_texts_are_broken_is_named_wherever_it_is_read(
    [one, other]: [Instance; 2],
) {
    for texts in BROKEN {
        let before = last_position(&one).await;
        let event = placed(a_fresh_order(&one.orders, a_fresh_customer()).await, noon());
        let order = event.order.clone();
        let change = a_change(event);
        let event = broken(change.event, texts);
        commit(&one.orders, OrderChange { event, ..change }).await;
        super::steps::progress(&one, &order).await;
        assign_all(&one).await;
        let told = |entries: Vec<Result<JournalEntry, Unreadable>>| {
            assert_eq!(entries.len(), 2, "{entries:?}");
            let first = entries[0].as_ref().expect_err("it is broken");
            assert_eq!((first.order, first.sequence), (order.id(), Version::FIRST));
            let second = entries[1].as_ref().expect("it is whole");
            assert_eq!(second.event.sequence.get(), 2);
            assert!(first.reason.starts_with(texts.2), "{}", first.reason);
        };
        for of in [None, Some(shard(order.id()))] {
            let read = other.journal.entries_after(before, of, ALL, in_time()).await;
            told(read.expect("the journal reads").items);
        }
        let selection = Selection { orders: vec![order.id()], ..Selection::default() };
        let (mut found, mut after) = (Vec::new(), before);
        while after < last_position(&other).await {
            let page = select(&other, &selection, after, ALL).await;
            found.extend(page.events);
            after = page.through;
        }
        told(found);
        let found = other.inspection.order_events(order.id(), 0, ALL, in_time()).await;
        let events = found.expect("the journal finds events").events.items;
        assert_eq!(events.len(), 2, "{events:?}");
        events[1].1.as_ref().expect("it is whole");
        let reason = events[0].1.as_ref().expect_err("it is broken");
        assert!(reason.starts_with(texts.2), "{reason}");
    }
}
