//! Failures between client and brokers: after an error nothing of the call is written later, and the
//! next call works as soon as the brokers do.

use std::time::{Duration, Instant};

use events_kafka::BrokerState;
use order_app::ports::EventPublisher as _;

use super::mock::{Broker, Mock};
use super::rig::{assert_confirmed, events, ids, publish_all, transient};

const ALL_BROKERS: i32 = -1;

#[tokio::test(flavor = "multi_thread")]
async fn events_that_timed_out_are_not_written_when_the_brokers_are_back() {
    let mock = Mock::with_partitions(3);
    let publisher = mock.publisher(&[("delivery.timeout.ms", "1000")]);
    assert_confirmed(&publisher.publish(&[]).await, 0);
    mock.cluster.broker_down(ALL_BROKERS).unwrap();
    let begin = Instant::now();
    let results = publisher.publish(&events(20)).await;
    assert_eq!(transient(&results), 20, "{results:?}");
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    assert!(matches!(publisher.health().broker, BrokerState::Unreachable(_)));
    mock.cluster.broker_up(ALL_BROKERS).unwrap();
    let later = events(20);
    publish_all(&publisher, later.clone()).await;
    assert_eq!(mock.read_ids(), ids(&later));
    assert_eq!(publisher.health().broker, BrokerState::Reachable);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_replicas_for_too_long_are_a_transient_failure() {
    let mock = Mock::with_partitions(1);
    let publisher = mock.publisher(&[("delivery.timeout.ms", "1000")]);
    for error in [
        Broker::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        Broker::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    ] {
        mock.refuse(error, 1000);
        let results = publisher.publish(&events(5)).await;
        assert_eq!(transient(&results), 5, "{results:?}");
        mock.refuse_no_more();
        publish_all(&publisher, events(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_is_a_transient_failure() {
    let mock = Mock::with_partitions(1);
    mock.cluster.broker_down(ALL_BROKERS).unwrap();
    let small = [("queue.buffering.max.messages", "5"), ("delivery.timeout.ms", "1000")];
    let publisher = mock.publisher(&small);
    let results = publisher.publish(&events(20)).await;
    assert_eq!(transient(&results), 20, "{results:?}");
    let full = results.iter().filter(|result| format!("{result:?}").contains("QueueFull"));
    assert_eq!(full.count(), 15, "{results:?}");
    mock.cluster.broker_up(ALL_BROKERS).unwrap();
    let later = events(20);
    publish_all(&publisher, later.clone()).await;
    assert_eq!(mock.read_ids(), ids(&later));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_fails_for_good_is_replaced_within_a_second() {
    let mock = Mock::with_partitions(1);
    let publisher = mock.publisher(&[]);
    assert_confirmed(&publisher.publish(&events(5)).await, 5);
    for _ in 0..3 {
        // The broker has lost the sequence of this producer: a fatal error for librdkafka.
        mock.refuse(Broker::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, 1);
        let results = publisher.publish(&events(1)).await;
        assert_eq!(transient(&results), 1, "{results:?}");
        mock.refuse_no_more();
        let begin = Instant::now();
        assert_confirmed(&publisher.publish(&events(5)).await, 5);
        assert!(begin.elapsed() < Duration::from_millis(1500), "{:?}", begin.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_does_not_answer_is_given_up_in_time() {
    let mock = Mock::with_partitions(1);
    let publisher = mock.publisher(&[("delivery.timeout.ms", "1500")]);
    assert_confirmed(&publisher.publish(&events(5)).await, 5);
    mock.cluster.broker_round_trip_time(ALL_BROKERS, Duration::from_mins(1)).unwrap();
    let begin = Instant::now();
    let results = publisher.publish(&events(5)).await;
    assert_eq!(transient(&results), 5, "{results:?}");
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    mock.cluster.broker_round_trip_time(ALL_BROKERS, Duration::ZERO).unwrap();
    publish_all(&publisher, events(5)).await;
}
