//! Publishes events to Kafka: the port `EventPublisher` on librdkafka.
//!
//! An event becomes a message of `CloudEvents` in Kafka's binary mode (`message.rs`), is handed to
//! librdkafka with a ticket of its batch (`batch.rs`), and is answered for when librdkafka has
//! reported what came of it (`publisher.rs`). Which failures pass and which last is said in
//! `refusal.rs`; when the client itself has failed it is replaced (`producer.rs`). `topics.rs`
//! looks after the topics, `monitor.rs` after logs and health.
//!
//! What to publish, and when to try again, is not decided here: that is the relay of `order-app`.

mod batch;
mod message;
mod monitor;
mod producer;
mod publisher;
mod refusal;
mod settings;
mod topic;
mod topics;

pub use monitor::{BrokerState, KafkaHealth, TopicsState};
pub use publisher::KafkaPublisher;
pub use refusal::DeliveryError;
pub use settings::{CreateTopics, KafkaSettings, Problem, SettingsError};
