//! Kafka, on librdkafka: publishes events (the ports `EventPublisher` and `EventReplayer`), sends the commands of sagas (the port
//! `CommandSender`), and takes the replies to these.
//!
//! `publisher.rs` turns each event into a message of `CloudEvents` in Kafka's binary mode (`message.rs`), and `commands.rs` each
//! command. `handover.rs` gives messages to librdkafka, each with a ticket of its batch (`batch.rs`), and answers when
//! librdkafka has reported every one. `refusal.rs` decides which failures are worth another
//! attempt; `producer.rs` replaces a client that has failed for good. `topics.rs` finds and creates
//! the topics, `monitor.rs` keeps health and log. `replies.rs` is the one consumer.
//!
//! The relay of `order-app` decides what to publish and when to try again; its sagas decide that of commands.

mod batch;
mod commands;
mod handover;
mod message;
mod monitor;
mod producer;
mod publisher;
mod refusal;
mod replies;
mod settings;
mod topic;
mod topics;

pub use commands::{KafkaCommands, SagaTopics};
pub use monitor::{BrokerState, KafkaHealth, TopicsState};
pub use publisher::KafkaPublisher;
pub use refusal::DeliveryError;
pub use replies::KafkaReplies;
pub use settings::{CreateTopics, KafkaSettings, Problem, SettingsError};
pub use topic::is_topic;
