//! The port `CommandSender`: sends the commands of sagas, each to the topic of its participant, on a client of its own, so
//! that neither the relay nor a replay slows them down.
//!
//! Whether commands arrive is found out by looking for the topics, and by what comes of each command. A look is made again
//! after every outage, so that the answer does not depend on an order being placed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use order_app::ports::{Clock, Command, CommandSender};
use order_events::Message as Encoded;
use order_events::saga::CommandType;
use tokio::time::sleep;
use tracing::Span;

use crate::handover::{Outgoing, hand_over};
use crate::message::Message;
use crate::monitor::{KafkaHealth, Monitor, Traffic};
use crate::producer::Producers;
use crate::settings::{KafkaSettings, Prepared, SettingsError};
use crate::topics::TopicCheck;

/// How often it is looked whether an outage was seen.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The topics of sagas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SagaTopics {
    /// The commands to inventory.
    pub inventory: String,
    /// The commands to payment.
    pub payment: String,
    /// The replies of both.
    pub replies: String,
}

/// Sends commands over Kafka.
///
/// A command that was handed over may arrive after its sender was told that it failed, as a duplicate of the next attempt.
pub struct KafkaCommands {
    producers: Producers,
    monitor: Arc<Monitor>,
    topics: SagaTopics,
    check: TopicCheck,
    delivery_timeout: Duration,
    clock: Arc<dyn Clock>,
    look: Mutex<Option<Look>>,
}

/// A look that found everything there. Commands arrive since then, if no outage was seen since.
#[derive(Debug, Clone, Copy)]
struct Look {
    since: DateTime<Utc>,
    outages: u64,
}

impl KafkaCommands {
    /// Makes a sender. No broker is asked, so brokers that are down are no error.
    ///
    /// # Errors
    /// When the settings are wrong; all problems that can be found are reported at once.
    pub fn new(
        settings: &KafkaSettings,
        topics: SagaTopics,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SettingsError> {
        let Prepared { client, producer, delivery_timeout, .. } = settings.prepare()?;
        let servers = client.get("bootstrap.servers").unwrap_or_default();
        let monitor = Arc::new(Monitor::new(servers, Traffic::Commands));
        let names = [&topics.inventory, &topics.payment, &topics.replies];
        let check = TopicCheck::new(client, names, settings.create_topics, Arc::clone(&monitor));
        let producers = Producers::start(producer, Arc::clone(&monitor))
            .map_err(|error| SettingsError::of_client(&error))?;
        let look = Mutex::default();
        Ok(Self { producers, monitor, topics, check, delivery_timeout, clock, look })
    }

    /// The health of Kafka as last heard; asks no broker.
    #[must_use]
    pub fn health(&self) -> KafkaHealth {
        self.monitor.health()
    }

    /// Finds out whether commands arrive, for ever. For a task of its own.
    pub async fn watch(&self) {
        loop {
            let outages = self.monitor.outages();
            self.check.run().await;
            let look = Look { since: self.clock.now(), outages };
            *self.look.lock().unwrap_or_else(PoisonError::into_inner) = Some(look);
            sleep(LOOK_EVERY).await;
            while self.works_since().is_some() {
                sleep(LOOK_EVERY).await;
            }
        }
    }

    /// The last one that found everything there.
    fn last_look(&self) -> Option<Look> {
        *self.look.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn topic(&self, kind: CommandType) -> &str {
        match kind {
            CommandType::Reserve | CommandType::Release | CommandType::Commit => {
                &self.topics.inventory
            }
            CommandType::Authorize | CommandType::Void | CommandType::Capture => {
                &self.topics.payment
            }
        }
    }

    /// A command with its topic. One that cannot be written would not be written later either.
    fn encode(&self, command: &Command) -> Option<(&str, Encoded)> {
        match command.to_message(&self.topics.replies).encode() {
            Ok(message) => Some((self.topic(command.task.kind()), message)),
            Err(error) => {
                let (order, command) = (command.order_id.get(), command.id);
                tracing::error!(order.id = order, command.id = %command, %error, "a command cannot be sent");
                None
            }
        }
    }
}

#[async_trait]
impl CommandSender for KafkaCommands {
    async fn send(&self, commands: Vec<Command>) {
        // They are due again when the brokers are back. Until then each would wait here for its time-out.
        if self.last_look().is_some() && self.works_since().is_none() {
            return self.monitor.unsent(commands.len(), "the brokers are not there");
        }
        let encoded: Vec<_> = commands.iter().filter_map(|command| self.encode(command)).collect();
        let messages = encoded.iter().map(|(topic, encoded)| {
            let message = Message::of_command(encoded);
            Ok(Outgoing { topic, message, value: encoded.value(), span: Span::none() })
        });
        let producer = self.producers.current().await;
        let outcomes = hand_over(producer, messages, self.delivery_timeout).await;
        let failed: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
        if let Some(first) = failed.first() {
            self.monitor.undelivered(failed.len(), self.delivery_timeout, &first.to_string());
        }
    }

    fn works_since(&self) -> Option<DateTime<Utc>> {
        let look = self.last_look().filter(|look| look.outages == self.monitor.outages());
        look.map(|look| look.since)
    }
}
