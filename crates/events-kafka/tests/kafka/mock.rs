//! librdkafka's mock cluster: three brokers with one topic, which fail on command.

use events_kafka::KafkaPublisher;
use order_app::ports::EventPublisher as _;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::RDKafkaApiKey;
pub(crate) use rdkafka::types::RDKafkaRespErr as Broker;

use super::rig::{assert_confirmed, events, ids, publisher, read_ids};

pub(crate) const TOPIC: &str = "order.events";

pub(crate) struct Mock {
    pub(crate) cluster: MockCluster<'static, DefaultProducerContext>,
}

impl Mock {
    pub(crate) fn with_partitions(partitions: i32) -> Self {
        let cluster = MockCluster::new(3).unwrap();
        cluster.create_topic(TOPIC, partitions, 3).unwrap();
        Self { cluster }
    }

    pub(crate) fn servers(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    pub(crate) fn publisher(&self, properties: &[(&str, &str)]) -> KafkaPublisher {
        publisher(&self.servers(), TOPIC, properties)
    }

    /// Answers the next `times` requests to produce with this error.
    pub(crate) fn refuse(&self, error: Broker, times: usize) {
        self.cluster.request_errors(RDKafkaApiKey::Produce, &vec![error; times]);
    }

    pub(crate) fn refuse_no_more(&self) {
        self.cluster.clear_request_errors(RDKafkaApiKey::Produce);
    }

    pub(crate) fn read_ids(&self) -> Vec<String> {
        read_ids(&self.servers(), TOPIC)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_replicas_and_a_change_of_leader_are_retried_within_the_call() {
    let mock = Mock::with_partitions(1);
    // One request at a time: the mock accepts a request after it has refused the one before, which a
    // broker answers with OUT_OF_ORDER_SEQUENCE_NUMBER, and the client then takes the earlier one
    // for written, too (`rd_kafka_dr_implicit_ack`).
    let publisher = mock.publisher(&[("max.in.flight.requests.per.connection", "1")]);
    let all = events(20);
    for (part, error) in all.chunks(10).zip([
        Broker::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        Broker::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
    ]) {
        mock.refuse(error, 2);
        assert_confirmed(&publisher.publish(part).await, 10);
    }
    assert_eq!(mock.read_ids(), ids(&all));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leader_may_move_between_and_during_calls() {
    let mock = Mock::with_partitions(1);
    let publisher = mock.publisher(&[]);
    let all = events(300);
    for (part, leader) in all.chunks(100).zip([1, 2, 3]) {
        let results = publisher.publish(part);
        let moved = async { mock.cluster.partition_leader(TOPIC, 0, Some(leader)).unwrap() };
        let (results, ()) = tokio::join!(results, moved);
        assert_confirmed(&results, 100);
    }
    assert_eq!(mock.read_ids(), ids(&all));
}
