//! The participants on a real broker: each keeps the contract, by its own conformance run, through kills,
//! with scripted faults and with faults around it; and the run finds out participants that break a rule.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test"
)]

mod broken;
mod conformance;
mod faults;
mod notification;
mod process;
mod python;
mod sender;

use std::sync::LazyLock;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// How long the broker may take to answer, before it counts as absent.
const ABSENT: Duration = Duration::from_secs(15);
/// Few, because a broker for tests has little memory, and each test its own topics.
pub(crate) const PARTITIONS: i32 = 2;

/// The broker for tests.
pub(crate) fn brokers() -> String {
    let named = std::env::var_os("STACK_KAFKA_URL").map(|url| url.into_string().unwrap());
    named.unwrap_or_else(|| "127.0.0.1:9192".to_owned())
}

/// Whether the broker answers; asked once for all tests, so that they do not all wait for it.
static IS_THERE: LazyLock<bool> =
    LazyLock::new(|| admin().inner().fetch_metadata(None, ABSENT).is_ok());

fn admin() -> AdminClient<DefaultClientContext> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers());
    config.create().unwrap()
}

/// Waits for a call.
pub(crate) fn wait_for<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// A new topic, which the broker lists.
#[expect(clippy::disallowed_methods, reason = "a name that no other test uses")]
pub(crate) fn a_topic(name: &str) -> String {
    let topic = format!("test.{name}.{}", uuid::Uuid::new_v4());
    let hint = "start Kafka with `deploy/stack up kafka`, or name yours in STACK_KAFKA_URL";
    assert!(*IS_THERE, "no broker answers at {}: {hint}", brokers());
    let admin = admin();
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    let new = [NewTopic::new(&topic, PARTITIONS, TopicReplication::Fixed(1))];
    let made = wait_for(admin.create_topics(&new, &options)).unwrap();
    assert!(made[0].is_ok(), "{made:?}");
    // The broker lists it a moment later. A consumer that subscribes before asks again after seconds.
    let listed = || {
        let topics = admin.inner().fetch_metadata(Some(&topic), PATIENCE).unwrap();
        topics.topics()[0].partitions().iter().filter(|partition| partition.leader() >= 0).count()
    };
    assert!(process::eventually(|| listed() == usize::try_from(PARTITIONS).unwrap()));
    topic
}
