//! The audit finds planted faults, and none in a sound history.

use super::*;

/// Two orders, one of them delivered, with a repetition in the topic.
fn sound() -> (Tables, Vec<Message>) {
    let kinds = ["order.created", "order.confirmed", "order.in_progress", "order.delivered"];
    let mut tables = Tables::default();
    for (order, version, status) in [(1, 4, "DELIVERED"), (2, 2, "CONFIRMED")] {
        tables.orders.push(OrderRow { id: order, version, status: status.to_owned() });
        for (sequence, kind) in (1..=version).zip(kinds) {
            let id = format!("{order}-{sequence}");
            let body = print_of([id.as_bytes()]);
            tables.events.push(EventRow { id, order, sequence, kind: kind.to_owned(), body });
        }
    }
    for (position, event) in (1..).zip(&tables.events) {
        tables.places.push(PlaceRow { position, id: event.id.clone() });
    }
    let message = |(offset, event): (i64, &EventRow)| Message {
        partition: i32::try_from(event.order).unwrap(),
        offset,
        id: event.id.clone(),
        order: event.order,
        sequence: event.sequence,
        kind: event.kind.clone(),
        body: event.body,
        headers: event.body,
    };
    let mut topic: Vec<_> = (0..).zip(&tables.events).map(message).collect();
    // A late repetition: the first event again, after the second.
    topic.push(Message { offset: 100, ..topic[0].clone() });
    (tables, topic)
}

fn found(plant: impl FnOnce(&mut Tables, &mut Vec<Message>)) -> Vec<Finding> {
    let (mut tables, mut topic) = sound();
    plant(&mut tables, &mut topic);
    audit(&tables, &topic).findings
}

#[test]
fn a_sound_history_has_no_findings_and_its_repetitions_are_counted() {
    let (tables, topic) = sound();
    let audit = audit(&tables, &topic);
    assert_eq!((audit.findings, audit.repetitions), (vec![], 1));
}

#[test]
fn a_lost_event_is_found_at_the_end_and_in_the_middle() {
    assert_eq!(found(|_, topic| drop(topic.remove(3))), [Finding::Lost(1, 4)]);
    let in_the_middle = [Finding::Overtaken(1, 3), Finding::Lost(1, 2)];
    assert_eq!(found(|_, topic| drop(topic.remove(1))), in_the_middle);
}

#[test]
fn first_occurrences_out_of_sequence_are_found_wherever_they_are_listed() {
    let swap = |_: &mut Tables, topic: &mut Vec<Message>| {
        let (one, other) = (topic[1].offset, topic[2].offset);
        (topic[1].offset, topic[2].offset) = (other, one);
    };
    let found = found(swap);
    assert_eq!(found, [3, 2, 4].map(|sequence| Finding::Overtaken(1, sequence)));
    let (tables, mut topic) = sound();
    topic.reverse();
    assert_eq!(audit(&tables, &topic).findings, [], "offsets count, not the order of reading");
}

#[test]
fn other_bytes_and_other_headers_are_found_in_first_copies_and_in_later_ones() {
    assert_eq!(found(|_, topic| topic[5].body += 1), [Finding::Changed(2, 2)]);
    let twice = [Finding::Changed(1, 1), Finding::Changed(1, 1)];
    assert_eq!(found(|_, topic| topic[6].body += 1), twice, "not the row's, not the first copy's");
    assert_eq!(found(|_, topic| topic[6].headers += 1), [Finding::Changed(1, 1)]);
    let other_kind = |_: &mut Tables, topic: &mut Vec<Message>| topic[5].kind.push('s');
    assert_eq!(found(other_kind), [Finding::Changed(2, 2)]);
}

#[test]
fn a_message_without_a_committed_event_is_found() {
    let orphan = |_: &mut Tables, topic: &mut Vec<Message>| {
        let last = topic[5].clone();
        topic.push(Message { id: "2-3".to_owned(), sequence: 3, offset: 101, ..last });
    };
    assert_eq!(found(orphan), [Finding::Unknown("2-3".to_owned())]);
}

#[test]
fn an_order_in_two_partitions_is_found() {
    let scattered = [Finding::Scattered(2)];
    assert_eq!(found(|_, topic| topic[5].partition += 1), scattered);
}

#[test]
fn a_change_without_its_event_and_an_event_without_its_change_are_found() {
    let without_event = |tables: &mut Tables, topic: &mut Vec<Message>| {
        let event = tables.events.remove(5);
        tables.places.remove(5);
        topic.retain(|message| message.id != event.id);
    };
    assert_eq!(found(without_event), [Finding::ChangeWithoutEvent(2, 2)]);
    let without_change = |tables: &mut Tables, _: &mut Vec<Message>| {
        tables.orders[1].version = 1;
        tables.orders[1].status = "PENDING".to_owned();
    };
    assert_eq!(found(without_change), [Finding::EventWithoutChange(2, 2)]);
    let without_order = |tables: &mut Tables, _: &mut Vec<Message>| drop(tables.orders.remove(1));
    assert_eq!(found(without_order), [1, 2].map(|n| Finding::EventWithoutChange(2, n)));
    let other_status = |tables: &mut Tables, _: &mut Vec<Message>| {
        "PENDING".clone_into(&mut tables.orders[0].status);
    };
    assert_eq!(found(other_status), [Finding::OtherStatus(1)]);
}

#[test]
fn a_journal_that_is_not_the_history_is_found() {
    assert_eq!(found(|tables, _| drop(tables.places.remove(2))), [Finding::Misplaced(1, 3)]);
    let twice = |tables: &mut Tables, _: &mut Vec<Message>| {
        tables.places.push(PlaceRow { position: 100, id: "1-3".to_owned() });
    };
    assert_eq!(found(twice), [Finding::Misplaced(1, 3)]);
    let of_nothing = |tables: &mut Tables, _: &mut Vec<Message>| {
        tables.places.push(PlaceRow { position: 100, id: "1-5".to_owned() });
    };
    assert_eq!(found(of_nothing), [Finding::PlaceOfNothing(100)]);
    let before = |tables: &mut Tables, _: &mut Vec<Message>| tables.places[1].position = 100;
    assert_eq!(found(before), [Finding::PlacedBefore(1, 3)]);
}

#[test]
fn what_was_left_behind_is_found() {
    let left = |tables: &mut Tables, _: &mut Vec<Message>| {
        tables.parked.push(1);
        (tables.incoming, tables.skipped) = (2, 3);
    };
    assert_eq!(found(left), [Finding::Parked(1), Finding::Incoming(2), Finding::Skipped(3)]);
}
