//! Publishes events to Kafka: the port `EventPublisher` on librdkafka.
//!
//! `publisher.rs` turns each event into a message of `CloudEvents` in Kafka's binary mode
//! (`message.rs`), hands it to librdkafka with a ticket of its batch (`batch.rs`), and answers when
//! librdkafka has reported every message. `refusal.rs` decides which failures are worth another
//! attempt; `producer.rs` replaces a client that has failed for good. `topics.rs` finds and creates
//! the topics, `monitor.rs` keeps health and log.
//!
//! The relay of `order-app` decides what to publish and when to try again.

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
