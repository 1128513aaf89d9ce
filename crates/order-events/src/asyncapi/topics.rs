//! The topics of a service. Their names are settings of it, so the document is made for them.

use super::DEFAULT_TOPIC;
use crate::saga::{INVENTORY_TOPIC, PAYMENT_TOPIC, REPLY_TOPIC};

/// The topics of one service. [`Default`] has the names of default settings.
///
/// ```
/// use order_events::asyncapi::{Topics, document_of};
///
/// let mut topics = Topics::of_events("shop.{type}");
/// topics.replies = "shop.replies".into();
/// let document = document_of(&topics);
/// assert_eq!(document["channels"]["orderReplies"]["address"], "shop.replies");
/// assert_eq!(document["channels"]["paymentCommands"]["address"], "payment.commands");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Topics {
    /// Of the events. The placeholder `{type}` stands for the type of an event.
    pub events: String,
    /// Of the commands to inventory.
    pub inventory: String,
    /// Of the commands to payment.
    pub payment: String,
    /// Of the replies to both.
    pub replies: String,
}

impl Topics {
    /// The topics of a service that publishes its events to this one, and has default settings for its
    /// saga.
    #[must_use]
    pub fn of_events(topic: impl Into<String>) -> Self {
        Self { events: topic.into(), ..Self::default() }
    }
}

impl Default for Topics {
    fn default() -> Self {
        Self {
            events: DEFAULT_TOPIC.to_owned(),
            inventory: INVENTORY_TOPIC.to_owned(),
            payment: PAYMENT_TOPIC.to_owned(),
            replies: REPLY_TOPIC.to_owned(),
        }
    }
}
