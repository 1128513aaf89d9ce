//! Events to publish, publishers to test, and a reader of topics.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use events_kafka::{CreateTopics, KafkaPublisher, KafkaSettings};
use order_app::events::EventRecord;
use order_app::ports::{Entropy as _, EventPublisher as _, PublishError, uuid_v7};
use order_domain::Version;
use order_testkit::RandomEntropy;
use order_testkit::examples::{a_new_order, an_origin, noon, placed};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

pub(crate) type Results = Vec<Result<(), PublishError>>;

/// A message as a consumer receives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) partition: i32,
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        &self.headers.iter().find(|(key, _)| key == name).expect("the header is there").1
    }

    /// The id of the event.
    pub(crate) fn id(&self) -> String {
        self.header("ce_id").to_owned()
    }
}

/// An event of an order, with any sequence.
pub(crate) fn an_event(order: i64, sequence: i64) -> EventRecord {
    let id = uuid_v7(noon(), &RandomEntropy);
    let event =
        EventRecord::freeze(&placed(a_new_order(order, 42), noon()), id, &an_origin()).unwrap();
    EventRecord { sequence: Version::new(sequence).unwrap(), ..event }
}

/// The first events of orders 1 to `orders`.
pub(crate) fn events(orders: i64) -> Vec<EventRecord> {
    (1..=orders).map(|order| an_event(order, 1)).collect()
}

pub(crate) fn ids(events: &[EventRecord]) -> Vec<String> {
    let mut ids: Vec<_> = events.iter().map(|event| event.id.to_string()).collect();
    ids.sort();
    ids
}

pub(crate) fn settings(servers: &str, topic: &str, properties: &[(&str, &str)]) -> KafkaSettings {
    let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    KafkaSettings {
        bootstrap_servers: vec![servers.to_owned()],
        properties: properties.iter().map(own).collect(),
        topic: topic.to_owned(),
        ..KafkaSettings::default()
    }
}

pub(crate) fn publisher(servers: &str, topic: &str, with: &[(&str, &str)]) -> KafkaPublisher {
    KafkaPublisher::new(&settings(servers, topic, with)).unwrap()
}

/// A publisher to a topic, which this creates.
pub(crate) async fn publisher_to_new(
    servers: &str,
    topic: &str,
    partitions: u16,
) -> KafkaPublisher {
    let create_topics =
        Some(CreateTopics { partitions: Some(partitions), ..CreateTopics::default() });
    let settings = KafkaSettings { create_topics, ..settings(servers, topic, &[]) };
    let publisher = KafkaPublisher::new(&settings).unwrap();
    let checked = tokio::time::timeout(Duration::from_mins(1), publisher.check_topics()).await;
    assert!(
        checked.is_ok(),
        "{:?} at {servers}; start Kafka with `deploy/stack up kafka`, or name yours in \
         STACK_KAFKA_URL",
        publisher.health()
    );
    publisher
}

/// Waits until a condition is true, or for `within`; looks fifty times a second.
pub(crate) async fn until(what: impl Fn() -> bool, within: Duration) -> bool {
    let mut often = tokio::time::interval(Duration::from_millis(20));
    let look = async {
        while !what() {
            often.tick().await;
        }
    };
    tokio::time::timeout(within, look).await.is_ok()
}

/// A name that no other test uses.
pub(crate) fn a_topic() -> String {
    format!("test.{:032x}", RandomEntropy.bits())
}

#[track_caller]
pub(crate) fn assert_confirmed(results: &Results, count: usize) {
    assert_eq!(results.len(), count);
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

/// The number of transient failures.
pub(crate) fn transient(results: &Results) -> usize {
    results.iter().filter(|result| matches!(result, Err(PublishError::Transient(_)))).count()
}

/// The number of permanent failures.
pub(crate) fn permanent(results: &Results) -> usize {
    results.iter().filter(|result| matches!(result, Err(PublishError::Permanent(_)))).count()
}

/// Publishes until every event is confirmed, as the relay does.
pub(crate) async fn publish_all(publisher: &KafkaPublisher, mut events: Vec<EventRecord>) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !events.is_empty() {
        let results = publisher.publish(&events).await;
        let mut failed = results.iter().map(Result::is_err);
        events.retain(|_| failed.next().unwrap());
        assert!(Instant::now() < deadline, "{results:?}");
    }
}

/// Everything in a topic, partition by partition.
pub(crate) fn read(servers: &str, topic: &str) -> Vec<Seen> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", "tests")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    let wait = Duration::from_secs(20);
    let metadata = consumer.fetch_metadata(Some(topic), wait).unwrap();
    let mut all = TopicPartitionList::new();
    let mut expected = 0;
    for partition in metadata.topics()[0].partitions() {
        all.add_partition_offset(topic, partition.id(), Offset::Beginning).unwrap();
        let (low, high) = consumer.fetch_watermarks(topic, partition.id(), wait).unwrap();
        expected += usize::try_from(high - low).unwrap();
    }
    consumer.assign(&all).unwrap();
    let deadline = Instant::now() + wait;
    let mut seen: BTreeMap<(i32, i64), Seen> = BTreeMap::new();
    while seen.len() < expected {
        assert!(Instant::now() < deadline, "{} of {expected} messages came", seen.len());
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        let message = message.unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let headers = message.headers().unwrap().iter();
        let headers = headers.map(|header| (header.key.to_owned(), text(header.value.unwrap())));
        let as_seen = Seen {
            partition: message.partition(),
            key: text(message.key().unwrap()),
            value: text(message.payload().unwrap()),
            headers: headers.collect(),
        };
        seen.insert((message.partition(), message.offset()), as_seen);
    }
    seen.into_values().collect()
}

/// The ids of the events in a topic.
pub(crate) fn read_ids(servers: &str, topic: &str) -> Vec<String> {
    let mut ids: Vec<_> = read(servers, topic).iter().map(Seen::id).collect();
    ids.sort();
    ids
}

/// The address of the single broker.
pub(crate) fn broker() -> String {
    #[expect(clippy::disallowed_methods, reason = "tests take their servers from there")]
    std::env::var("STACK_KAFKA_URL").unwrap_or_else(|_| "127.0.0.1:9192".to_owned())
}

/// Runs a script of `deploy/`; answers with its output.
pub(crate) fn deploy(script: &str, arguments: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(script);
    let output = Command::new(&script).args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{} {arguments:?}: {}",
        script.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
