//! Steps that the cases of the publisher share.

use std::time::Duration;

use order_app::events::EventRecord;
use order_app::ports::{Deadline, EventPublisher, PublishError, uuid_v7};
use order_domain::{OrderId, Version};

use super::{BrokerUnderTest, Delivered};
use crate::entropy::RandomEntropy;
use crate::examples::{a_new_order, an_order_id, an_origin, noon, placed, within};

/// The broker under test.
pub(super) type Broker = std::sync::Arc<dyn BrokerUnderTest>;
/// The answers to a call.
pub(super) type Answers = Vec<Result<(), PublishError>>;

/// An event of an order, with any sequence.
pub(super) fn an_event(order: i64, sequence: i64) -> EventRecord {
    let id = uuid_v7(noon(), &RandomEntropy);
    let created = placed(a_new_order(order, 42), noon());
    let event = EventRecord::freeze(&created, id, &an_origin()).expect("plain JSON");
    EventRecord { sequence: Version::new(sequence).expect("a version"), ..event }
}

/// The first events of orders 1 to `last`.
pub(super) fn first_events(last: i64) -> Vec<EventRecord> {
    (1..=last).map(|order| an_event(order, 1)).collect()
}

/// Publishes one event, which must be confirmed.
pub(super) async fn confirm(publisher: &dyn EventPublisher, event: &EventRecord) {
    assert_confirmed(&publisher.publish(std::slice::from_ref(event)).await, 1);
}

/// Publishes events until each of them is confirmed, as the relay does.
pub(super) async fn confirm_in_time(publisher: &dyn EventPublisher, events: &[EventRecord]) {
    let patience = within(Duration::from_mins(1));
    let mut rest = events.to_vec();
    while !rest.is_empty() {
        assert!(Deadline::now() < patience, "{} events are never confirmed", rest.len());
        let answers = publisher.publish(&rest).await;
        let mut failed = answers.iter().map(Result::is_err);
        rest.retain(|_| failed.next().unwrap_or(true));
        if !rest.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Demands that a call has confirmed all of its events.
pub(super) fn assert_confirmed(answers: &Answers, events: usize) {
    assert_eq!(answers.len(), events, "one answer for each event");
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

/// Demands that a call has failed for every event, with an error that may pass.
pub(super) fn assert_transient(answers: &Answers, events: usize) {
    assert_eq!(answers.len(), events, "one answer for each event");
    let transient = |answer: &Result<_, _>| matches!(answer, Err(PublishError::Transient(_)));
    assert!(answers.iter().all(transient), "{answers:?}");
}

/// Whether an answer is an error that lasts.
pub(super) const fn is_permanent(answer: &Result<(), PublishError>) -> bool {
    matches!(answer, Err(PublishError::Permanent(_)))
}

/// Demands that the service's topic holds these events and no others, in any order.
pub(super) async fn assert_holds(broker: &Broker, events: &[EventRecord]) {
    let mut found = broker.messages(None).await;
    let mut expected: Vec<_> = events.iter().map(|event| Delivered::of(event, false)).collect();
    for messages in [&mut found, &mut expected] {
        messages.sort_by(|one, other| one.attributes.cmp(&other.attributes));
    }
    assert_eq!(found, expected);
}

/// The sequences of an order's messages in the service's topic, without repetitions.
pub(super) async fn first_occurrences(broker: &Broker, order: i64) -> Vec<i64> {
    let key = order_key(an_order_id(order));
    let mut sequences = Vec::new();
    for message in broker.messages(None).await {
        let sequence = message.attributes.get("sequence").map(|text| text.parse::<i64>());
        let sequence = sequence.expect("a sequence").expect("a number");
        if message.key == key && !sequences.contains(&sequence) {
            sequences.push(sequence);
        }
    }
    sequences
}

fn order_key(order: OrderId) -> String {
    order.to_string()
}
