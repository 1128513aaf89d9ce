//! Events reach Kafka: two real instances on each database, one of them killed half-way, a real
//! broker, and a reader of the whole topic.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends a test")]

mod support;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use order_app::ports::Entropy as _;
use order_testkit::RandomEntropy;
use order_testkit::databases::Database;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use serde_json::Value;

use crate::support::{Service, brokers};

/// Orders that are taken from PENDING to DELIVERED.
const ORDERS: usize = 30;
const PATH: [&str; 3] = ["CONFIRMED", "IN_PROGRESS", "DELIVERED"];
/// Longer than a lease: the leases of a dead instance have to expire.
const PATIENCE: Duration = Duration::from_mins(1);

/// Reads a topic from its beginning.
struct Reader(BaseConsumer);

impl Reader {
    fn of(topic: &str) -> Self {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers())
            .set("group.id", topic)
            .set("auto.offset.reset", "earliest")
            // The topic appears with the first event.
            .set("allow.auto.create.topics", "true")
            .set("topic.metadata.refresh.interval.ms", "500")
            .create()
            .unwrap();
        consumer.subscribe(&[topic]).unwrap();
        Self(consumer)
    }

    /// Reads until the topic has the last event of every order. Returns the sequences of each order
    /// as they came, and the bodies that came under each event id.
    fn until_delivered(&self) -> (BTreeMap<String, Vec<i64>>, BTreeMap<String, Vec<Value>>) {
        let (mut orders, mut ids) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        let start = Instant::now();
        let is_delivered = |sequences: &Vec<i64>| sequences.contains(&4);
        while orders.len() < ORDERS || !orders.values().all(is_delivered) {
            assert!(
                start.elapsed() < PATIENCE,
                "only these came from {}: {orders:?}; start Kafka with `deploy/stack up kafka`, \
                 or name yours in STACK_KAFKA_URL",
                brokers()
            );
            let Some(Ok(message)) = self.0.poll(Duration::from_millis(100)) else { continue };
            let header = |name: &str| {
                let header = message.headers().unwrap().iter().find(|header| header.key == name);
                String::from_utf8(header.unwrap().value.unwrap().to_vec()).unwrap()
            };
            let key = String::from_utf8(message.key().unwrap().to_vec()).unwrap();
            assert_eq!(header("ce_subject"), key);
            orders.entry(key).or_default().push(header("ce_sequence").parse().unwrap());
            let data = serde_json::from_slice(message.payload().unwrap()).unwrap();
            ids.entry(header("ce_id")).or_default().push(data);
        }
        (orders, ids)
    }
}

/// The sequences without repetitions.
fn first_occurrences(sequences: &[i64]) -> Vec<i64> {
    let mut first = Vec::new();
    for sequence in sequences {
        if !first.contains(sequence) {
            first.push(*sequence);
        }
    }
    first
}

#[test]
fn every_event_is_published_in_sequence_though_an_instance_is_killed() {
    for database in Database::ALL {
        let scratch = database.scratch();
        let topic = format!("orders-{:032x}", RandomEntropy.bits());
        let url = format!("--spring.datasource.url={}", scratch.url);
        let servers = format!("--spring.kafka.bootstrap-servers={}", brokers());
        let to = format!("--order.events.topic={topic}");
        let instance = || {
            let service = Service::start(&[&url, &servers, &to]);
            service.wait_until_ready();
            service
        };
        let (survivor, victim) = (instance(), instance());
        let placed: Vec<Value> = (0..ORDERS)
            .map(|n| if n % 2 == 0 { survivor.placed(42) } else { victim.placed(42) })
            .collect();
        victim.signal("KILL");
        let _ = victim.wait();
        for status in PATH {
            for order in &placed {
                survivor.move_to(order, status);
            }
        }
        let (orders, ids) = Reader::of(&topic).until_delivered();
        assert_eq!(orders.len(), ORDERS, "{}", database.name());
        for (order, sequences) in &orders {
            assert_eq!(first_occurrences(sequences), [1, 2, 3, 4], "{order}: {sequences:?}");
        }
        assert_eq!(ids.len(), ORDERS * 4);
        let all_equal = |copies: &Vec<Value>| copies.windows(2).all(|two| two[0] == two[1]);
        assert!(ids.values().all(all_equal), "a repetition is the same event");
        survivor.signal("TERM");
        assert_eq!(survivor.wait().code(), Some(0), "{}", survivor.log());
    }
}
