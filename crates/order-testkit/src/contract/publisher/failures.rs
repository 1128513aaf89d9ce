//! An event that is not confirmed: its error says whether trying again may help, and no other event
//! suffers from it.

use std::time::Duration;

use super::steps::{
    Broker, an_event, assert_confirmed, assert_transient, confirm, confirm_in_time, first_events,
    first_occurrences, is_permanent,
};

pub(super) async fn a_refused_event_fails_for_good_and_alone(broker: Broker) {
    let publisher = broker.publisher();
    let is_refused = |order: i64| [1, 4, 9].contains(&order);
    let mut events = first_events(9);
    for event in &mut events {
        if is_refused(event.order_id.get()) {
            *event = broker.refused(event.clone());
        }
    }
    for _ in 0..2 {
        let answers = publisher.publish(&events).await;
        assert_eq!(answers.len(), events.len(), "one answer for each event");
        for (event, answer) in events.iter().zip(&answers) {
            let refused = is_refused(event.order_id.get());
            assert_eq!(is_permanent(answer), refused, "order {}: {answer:?}", event.order_id);
            assert_eq!(answer.is_err(), refused, "order {}: {answer:?}", event.order_id);
        }
    }
    for order in 1..=9 {
        let expected = if is_refused(order) { vec![] } else { vec![1] };
        assert_eq!(first_occurrences(&broker, order).await, expected, "order {order}");
    }
}

pub(super) async fn an_order_goes_on_after_a_refused_event(broker: Broker) {
    let publisher = broker.publisher();
    confirm(&*publisher, &an_event(1, 1)).await;
    let refused = broker.refused(an_event(1, 2));
    assert!(is_permanent(&publisher.publish(&[refused]).await[0]));
    confirm(&*publisher, &an_event(1, 3)).await;
    assert_eq!(first_occurrences(&broker, 1).await, [1, 3]);
}

pub(super) async fn an_outage_is_a_transient_failure_of_every_event(broker: Broker) {
    let publisher = broker.publisher();
    broker.set_reachable(false).await;
    assert_transient(&publisher.publish(&first_events(20)).await, 20);
    broker.set_reachable(true).await;
}

pub(super) async fn what_failed_in_an_outage_is_published_after_it(broker: Broker) {
    let publisher = broker.publisher();
    let (before, after) = (first_events(20), [an_event(21, 1)]);
    assert_confirmed(&publisher.publish(&before).await, 20);
    let during: Vec<_> = (1..=20).map(|order| an_event(order, 2)).collect();
    broker.set_reachable(false).await;
    assert_transient(&publisher.publish(&during).await, 20);
    broker.set_reachable(true).await;
    confirm_in_time(&*publisher, &[&during[..], &after].concat()).await;
    for order in 1..=20 {
        assert_eq!(first_occurrences(&broker, order).await, [1, 2], "order {order}");
    }
    assert_eq!(first_occurrences(&broker, 21).await, [1]);
}

/// The caller skips the failed events, so that they would show behind later ones.
pub(super) async fn nothing_of_a_failed_call_comes_late(broker: Broker) {
    let publisher = broker.publisher();
    broker.set_reachable(false).await;
    assert_transient(&publisher.publish(&first_events(20)).await, 20);
    broker.set_reachable(true).await;
    for sequence in 2..=4 {
        let next: Vec<_> = (1..=20).map(|order| an_event(order, sequence)).collect();
        confirm_in_time(&*publisher, &next).await;
    }
    for order in 1..=20 {
        let sequences = first_occurrences(&broker, order).await;
        assert!(sequences.is_sorted(), "order {order}: {sequences:?}");
    }
}

pub(super) async fn a_dropped_call_disturbs_no_other(broker: Broker) {
    let publisher = broker.publisher();
    let dropped: Vec<_> = (51..=100).map(|order| an_event(order, 1)).collect();
    // Polled once.
    let _ = tokio::time::timeout(Duration::ZERO, publisher.publish(&dropped)).await;
    let events = first_events(50);
    assert_confirmed(&publisher.publish(&events).await, 50);
    let found = broker.messages(None).await;
    let found =
        found.into_iter().filter(|message| message.key.parse().is_ok_and(|id: i64| id <= 50));
    assert_eq!(found.count(), 50);
    confirm_in_time(&*publisher, &dropped).await;
    for order in 51..=100 {
        assert_eq!(first_occurrences(&broker, order).await, [1]);
    }
}
