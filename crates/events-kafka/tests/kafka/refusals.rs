//! Refusals of brokers: which events they concern, and whether they last.

use order_app::ports::EventPublisher as _;

use super::mock::{Broker, Mock, TOPIC};
use super::rig::{assert_confirmed, events, permanent, publish_all, transient};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_not_blamed_for_the_size_of_its_batch() {
    let mock = Mock::with_partitions(1);
    let publisher = mock.publisher(&[]);
    for error in [
        Broker::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
        Broker::RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
        Broker::RD_KAFKA_RESP_ERR_INVALID_RECORD,
    ] {
        mock.refuse(error, 1);
        assert_confirmed(&publisher.publish(&events(20)).await, 20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_refused_on_its_own_fails_for_good() {
    let mock = Mock::with_partitions(1);
    let publisher = mock.publisher(&[]);
    mock.refuse(Broker::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 1000);
    let results = publisher.publish(&events(3)).await;
    assert_eq!(permanent(&results), 3, "{results:?}");
    mock.refuse_no_more();
    assert_confirmed(&publisher.publish(&events(3)).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_may_not_be_written_fails_for_good_until_it_may() {
    let mock = Mock::with_partitions(1);
    let publisher = mock.publisher(&[("topic.metadata.refresh.interval.ms", "500")]);
    mock.refuse(Broker::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 1000);
    let results = publisher.publish(&events(1)).await;
    assert_eq!(permanent(&results), 1, "{results:?}");
    // The client still remembers the refusal; the broker was not asked about this event.
    let results = publisher.publish(&events(1)).await;
    assert_eq!(transient(&results), 1, "{results:?}");
    mock.refuse_no_more();
    publish_all(&publisher, events(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_topic_is_a_transient_failure() {
    let mock = Mock::with_partitions(1);
    let missing = Broker::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    mock.cluster.topic_error(TOPIC, missing).unwrap();
    let publisher = mock.publisher(&[("delivery.timeout.ms", "1000")]);
    let results = publisher.publish(&events(3)).await;
    assert_eq!(transient(&results), 3, "{results:?}");
    mock.cluster.topic_error(TOPIC, Broker::RD_KAFKA_RESP_ERR_NO_ERROR).unwrap();
    publish_all(&publisher, events(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_read_fails_for_good_and_alone() {
    let mock = Mock::with_partitions(1);
    let publisher = mock.publisher(&[]);
    let mut all = events(3);
    all[0].context = "?".to_owned();
    let results = publisher.publish(&all).await;
    assert_eq!((permanent(&results), transient(&results)), (1, 0), "{results:?}");
    assert!(results[0].is_err());
}
