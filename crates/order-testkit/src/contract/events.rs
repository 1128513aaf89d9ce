//! Events: written with their change, read in sequence, never rewritten.

use order_app::events::EventRecord;
use order_app::ports::{OrderChange, PAGE_BYTES, Page};
use order_domain::{NewOrder, OrderEventKind, OrderStatus};

use super::steps::{
    Store, a_fresh_customer, a_fresh_order, a_stored_order, commit, history, place, sequences,
};
use crate::examples::{
    a_change, a_change_placing, a_line, large_lines, moved, noon, noon_plus, relined, soon,
};

pub(super) async fn events_come_in_sequence_from_where_they_are_asked(store: Store) {
    let mut order = a_stored_order(&store, a_fresh_customer()).await;
    for price in ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"] {
        let event = relined(&order, vec![a_line(1, 1, price)], noon_plus(1));
        order = event.order.clone();
        commit(&store, a_change(event)).await;
    }
    let all: Vec<i64> = (1..=12).collect();
    assert_eq!(sequences(&store, order.id()).await, all);
    for (after, limit, expected) in [
        (0, 5, 1..=5),
        (5, 5, 6..=10),
        (10, 5, 11..=12),
        (11, 1, 12..=12),
        (0, 12, 1..=12),
        (0, 1, 1..=1),
    ] {
        let events = store.events(order.id(), after, limit, soon()).await;
        let events = events.expect("the store reads events").items;
        let sequences: Vec<_> = events.iter().map(|(sequence, _)| sequence.get()).collect();
        assert_eq!(sequences, expected.collect::<Vec<_>>(), "{after} {limit}");
    }
    for after in [12, 13, i64::MAX] {
        let events = store.events(order.id(), after, 5, soon()).await;
        let events = events.expect("the store reads events");
        assert_eq!(events, Page { items: vec![], more: false }, "{after}");
    }
}

pub(super) async fn a_page_of_large_events_ends_by_its_bytes(store: Store) {
    let new = a_fresh_order(&store, a_fresh_customer()).await;
    let mut order = place(&store, new, noon()).await;
    for price in ["1", "2", "3", "4", "5", "6", "7", "8"] {
        let event = relined(&order, large_lines(price), noon_plus(1));
        order = event.order.clone();
        commit(&store, a_change(event)).await;
    }
    let small = relined(&order, vec![a_line(1, 1, "1")], noon_plus(2));
    commit(&store, a_change(small)).await;
    for limit in [3, 100] {
        let (mut pages, mut after) = (Vec::new(), 0);
        loop {
            let page = store.events(order.id(), after, limit, soon()).await;
            let Page { items, more } = page.expect("the store reads events");
            assert!(items.iter().all(|(sequence, _)| sequence.get() > after), "it goes on");
            let events: Vec<EventRecord> =
                items.into_iter().map(|(_, event)| event.expect("it is readable")).collect();
            after = events.last().expect("a page has an event").sequence.get();
            pages.push(events);
            if !more {
                break;
            }
        }
        let data = |event: &EventRecord| event.data.len();
        let bytes = |page: &Vec<EventRecord>| page.iter().map(data).sum::<usize>();
        assert!(pages.iter().all(|page| bytes(page) <= PAGE_BYTES), "each fits");
        let first = pages.first().expect("there is a page");
        let is_full = bytes(first) > PAGE_BYTES >> 1;
        assert_eq!((first.len() == 3, is_full), (limit == 3, limit > 3));
        let sequences: Vec<_> = pages.concat().iter().map(|event| event.sequence.get()).collect();
        assert_eq!(sequences, (1..=10).collect::<Vec<_>>(), "limit {limit}");
        assert_eq!(pages.concat(), history(&store, order.id()).await);
    }
}

pub(super) async fn event_bytes_are_never_rewritten(store: Store) {
    // JSON that a database may rewrite: order, spaces, repetitions, escapes, numbers.
    let data = r#"{ "b":1,  "a":[1.0, 1e2,-0],"b":2,"n":"\u00e9é\/","😀":null , "t":true,"#;
    let context = "{\"z\":\"1\",\n\t\"a\":\"\\\\ '' \\\" %\",";
    let new = a_fresh_order(&store, a_fresh_customer()).await;
    let change = a_change_placing(new);
    let before = |members: &str, json: &str| json.replacen('{', members, 1);
    let (context, data) =
        (before(context, &change.event.context), before(data, &change.event.data));
    let event = EventRecord { context, data, ..change.event };
    let change = OrderChange { event: event.clone(), ..change };
    let id = change.order.id();
    commit(&store, change).await;
    assert_eq!(history(&store, id).await, [event]);
}

/// Texts that are not those of an event, and what is said of them.
pub(super) const BROKEN: [(&str, &str, &str); 5] = [
    ("", "}", "data"),
    ("", "not JSON", "data"),
    ("", "[1]", "data"),
    ("", "{\"customerId\":7}", "data"),
    ("no JSON", "", "context"),
];

/// The texts of a stored event, some of them broken.
pub(super) fn broken(event: EventRecord, (context, data, _): (&str, &str, &str)) -> EventRecord {
    let or = |text: &str, whole: String| if text.is_empty() { whole } else { text.to_owned() };
    EventRecord { context: or(context, event.context), data: or(data, event.data), ..event }
}

pub(super) async fn an_event_whose_texts_are_broken_is_named_and_the_others_are_read(store: Store) {
    for texts in BROKEN {
        let placed = a_change_placing(a_fresh_order(&store, a_fresh_customer()).await);
        let confirmed = a_change(moved(&placed.order, OrderStatus::Confirmed, noon_plus(1)));
        let (id, event) = (placed.order.id(), confirmed.event.clone());
        commit(&store, OrderChange { event: broken(placed.event, texts), ..placed }).await;
        commit(&store, confirmed).await;
        let found = store.events(id, 0, 10, soon()).await.expect("the store reads events");
        let mut found = found.items.into_iter();
        let (sequence, broken) = found.next().expect("the first event is named");
        let reason = broken.expect_err("it is broken");
        assert_eq!((sequence.get(), reason.starts_with(texts.2)), (1, true), "{reason}");
        let rest: Vec<_> = found.collect();
        assert_eq!(rest, [(event.sequence, Ok(event))]);
    }
}

pub(super) async fn an_event_of_another_order_is_not_taken_for_one(store: Store) {
    let [one, other] = [(); 2].map(|()| a_fresh_customer());
    let one = a_change_placing(a_fresh_order(&store, one).await);
    let other = a_change_placing(a_fresh_order(&store, other).await);
    let id = one.order.id();
    let event = EventRecord { data: other.event.data, ..one.event };
    commit(&store, OrderChange { event, ..one }).await;
    let found = store.events(id, 0, 10, soon()).await.expect("the store reads events");
    assert!(matches!(&found.items[..], [(_, Err(_))]), "{found:?}");
}

pub(super) async fn an_order_sees_its_own_events_only(store: Store) {
    let customer = a_fresh_customer();
    let mut expected = Vec::new();
    for _ in 0..3 {
        let change = a_change_placing(a_fresh_order(&store, customer).await);
        expected.push(change.event.clone());
        commit(&store, change).await;
    }
    for event in expected {
        assert_eq!(history(&store, event.order_id).await, [event]);
    }
}

pub(super) async fn every_kind_of_event_is_kept(store: Store) {
    let customer = a_fresh_customer();
    let mut seen = Vec::new();
    for statuses in [
        &[OrderStatus::Confirmed, OrderStatus::InProgress, OrderStatus::Delivered][..],
        &[OrderStatus::Cancelled],
    ] {
        let new: NewOrder = a_fresh_order(&store, customer).await;
        let placed = a_change_placing(new);
        let order = placed.order.clone();
        let updated = relined(&order, vec![a_line(1, 1, "1")], noon_plus(1));
        let mut order = updated.order.clone();
        let mut changes = vec![placed, a_change(updated)];
        for to in statuses {
            let event = moved(&order, *to, noon_plus(2));
            order = event.order.clone();
            changes.push(a_change(event));
        }
        let expected: Vec<_> = changes.iter().map(|change| change.event.clone()).collect();
        seen.extend(expected.iter().map(|event| event.kind));
        for change in changes {
            commit(&store, change).await;
        }
        assert_eq!(history(&store, order.id()).await, expected);
    }
    assert!(OrderEventKind::ALL.iter().all(|kind| seen.contains(kind)));
}
