//! A confirmed event is at the broker: whole, unchanged, and in the sequence of its order.

use order_app::events::EventRecord;

use super::Delivered;
use super::steps::{
    Broker, an_event, assert_confirmed, assert_holds, confirm, first_events, first_occurrences,
};
use crate::published::published_events;

pub(super) async fn an_event_arrives_with_its_key_its_attributes_and_its_bytes(broker: Broker) {
    let publisher = broker.publisher();
    let events: Vec<_> = published_events().into_iter().map(|(_, event)| event).collect();
    for event in &events {
        confirm(&*publisher, event).await;
    }
    // The bytes are the stored ones, in any notation.
    let data = r#"{ "as":"stored", "é":1.0 }"#.to_owned();
    let event = EventRecord { data, ..an_event(4711, 3) };
    confirm(&*publisher, &event).await;
    let found = broker.messages(None).await;
    assert_eq!(found.len(), events.len() + 1);
    for event in events.iter().chain([&event]) {
        let expected = Delivered::of(event, false);
        let id = event.id.to_string();
        let mut own = found.iter().filter(|message| message.attributes.get("id") == Some(&id));
        assert_eq!(own.next(), Some(&expected));
    }
}

pub(super) async fn an_empty_call_has_no_answers(broker: Broker) {
    assert_confirmed(&broker.publisher().publish(&[]).await, 0);
    assert_confirmed(&broker.replayer().replay(None, &[]).await, 0);
    assert_holds(&broker, &[]).await;
}

pub(super) async fn every_confirmed_event_of_a_large_call_is_there(broker: Broker) {
    let events = first_events(500);
    assert_confirmed(&broker.publisher().publish(&events).await, 500);
    assert_holds(&broker, &events).await;
}

pub(super) async fn calls_may_overlap(broker: Broker) {
    let publisher = broker.publisher();
    let events = first_events(200);
    let (first, rest) = events.split_at(50);
    let (second, third) = rest.split_at(1);
    let (one, two, three) =
        tokio::join!(publisher.publish(first), publisher.publish(second), publisher.publish(third));
    assert_confirmed(&one, 50);
    assert_confirmed(&two, 1);
    assert_confirmed(&three, 149);
    assert_holds(&broker, &events).await;
}

pub(super) async fn events_of_an_order_stay_in_sequence(broker: Broker) {
    let publisher = broker.publisher();
    for sequence in 1..=20 {
        let (some, others): (Vec<_>, Vec<_>) =
            (1..=12).map(|order| an_event(order, sequence)).partition(|e| e.order_id.get() < 5);
        let (one, other) = tokio::join!(publisher.publish(&some), publisher.publish(&others));
        assert_confirmed(&one, 4);
        assert_confirmed(&other, 8);
    }
    for order in 1..=12 {
        let sequences = first_occurrences(&broker, order).await;
        assert_eq!(sequences, (1..=20).collect::<Vec<_>>(), "order {order}");
    }
}

pub(super) async fn an_event_may_be_published_again(broker: Broker) {
    let publisher = broker.publisher();
    let events = [an_event(1, 1), an_event(1, 2)];
    for event in [&events[0], &events[1], &events[0], &events[1]] {
        confirm(&*publisher, event).await;
    }
    assert_eq!(first_occurrences(&broker, 1).await, [1, 2]);
    for found in broker.messages(None).await {
        assert!(events.iter().any(|event| Delivered::of(event, false) == found));
    }
}
