//! Sending the commands of sagas to their participants.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use order_domain::OrderId;
use order_events::saga::{self, Task};
use uuid::Uuid;

use crate::events::Origin;

/// Sends commands.
#[async_trait]
pub trait CommandSender: Send + Sync {
    /// Sends each command to the participant that it is for, and returns when all have arrived or failed. Nothing depends
    /// on which of them it is, because a command that is not answered is due again. Failures are logged and counted here.
    async fn send(&self, commands: Vec<Command>);

    /// Since when commands arrive, UTC; `None` while they do not.
    fn works_since(&self) -> Option<DateTime<Utc>>;
}

/// A command to a participant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The idempotency key: the same in every attempt.
    pub id: Uuid,
    /// The order, which is the key of the message, too.
    pub order_id: OrderId,
    /// What is asked.
    pub task: Task,
    /// 1, 2, …
    pub attempt: u32,
    /// The id of the event or reply that caused it.
    pub causation: Option<String>,
    /// The request that placed the order.
    pub origin: Origin,
    /// When the order expires, as a hint; only before it is confirmed.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Command {
    /// The command as it travels. Its reply is to be sent to this topic.
    #[must_use]
    pub fn to_message(&self, reply_to: &str) -> saga::Command {
        let correlation = &self.origin.correlation_id;
        let cause = self.causation.as_ref().unwrap_or(correlation);
        let mut message = saga::Command::new(
            self.id,
            self.order_id,
            self.task.clone(),
            cause,
            correlation,
            reply_to,
        );
        message.traceparent.clone_from(&self.origin.traceparent);
        message.attempt = self.attempt;
        message.expires_at = self.expires_at;
        message
    }
}
