//! Past events once more.

use super::Delivered;
use super::steps::{
    Broker, an_event, assert_confirmed, assert_transient, confirm, first_events, is_permanent,
};

pub(super) async fn a_replayed_event_differs_by_its_mark_alone(broker: Broker) {
    let event = an_event(7, 1);
    confirm(&*broker.publisher(), &event).await;
    assert_confirmed(&broker.replayer().replay(None, std::slice::from_ref(&event)).await, 1);
    let found = broker.messages(None).await;
    assert_eq!(found, [false, true].map(|replayed| Delivered::of(&event, replayed)));
}

pub(super) async fn a_replay_goes_to_the_chosen_topic_alone(broker: Broker) {
    let (topic, events) = (broker.another_topic(), first_events(3));
    assert_confirmed(&broker.replayer().replay(Some(&topic), &events).await, 3);
    assert_eq!(broker.messages(None).await, []);
    let mut found = broker.messages(Some(&topic)).await;
    found.sort_by(|one, other| one.key.cmp(&other.key));
    let expected: Vec<_> = events.iter().map(|event| Delivered::of(event, true)).collect();
    assert_eq!(found, expected);
}

pub(super) async fn a_missing_topic_is_a_permanent_failure(broker: Broker) {
    let replayer = broker.replayer();
    let missing = format!("{}.missing", broker.another_topic());
    for topic in ["not a topic", &missing] {
        let answers = replayer.replay(Some(topic), &first_events(3)).await;
        assert_eq!(answers.len(), 3);
        assert!(answers.iter().all(is_permanent), "{topic}: {answers:?}");
    }
}

pub(super) async fn an_outage_is_a_transient_failure_of_a_replay(broker: Broker) {
    broker.set_reachable(false).await;
    assert_transient(&broker.replayer().replay(None, &first_events(3)).await, 3);
    broker.set_reachable(true).await;
}
