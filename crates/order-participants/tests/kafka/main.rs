//! The participants on a real broker: each keeps the contract, by its own conformance run, through kills
//! and with scripted faults; and the run finds out participants that break a rule.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test"
)]

mod broken;
mod conformance;
mod notification;
mod process;

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The broker for tests; one that does not answer is named with the command that starts it.
pub(crate) fn brokers() -> String {
    let named = std::env::var_os("STACK_KAFKA_URL").map(|url| url.into_string().unwrap());
    named.unwrap_or_else(|| "127.0.0.1:9192".to_owned())
}

/// Waits for a call.
pub(crate) fn wait_for<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// A new topic with three partitions.
#[expect(clippy::disallowed_methods, reason = "a name that no other test uses")]
pub(crate) fn a_topic(name: &str) -> String {
    let topic = format!("test.{name}.{}", uuid::Uuid::new_v4());
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers());
    let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    let new = [NewTopic::new(&topic, 3, TopicReplication::Fixed(1))];
    let made = wait_for(admin.create_topics(&new, &options));
    let made =
        made.expect("start Kafka with `deploy/stack up kafka`, or name yours in STACK_KAFKA_URL");
    assert!(made[0].is_ok(), "{made:?}");
    topic
}
