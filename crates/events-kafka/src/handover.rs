//! Hands messages over to a producer, all at once, and waits until it has reported what came of each.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tracing::Span;

use crate::batch::{Batch, Outcome};
use crate::message::Message;
use crate::producer::Producer;
use crate::refusal::DeliveryError;

/// How much later than `delivery.timeout.ms` reports may come: librdkafka looks at its deadlines
/// once a second, and gives a request under way a little more time.
const LATE_REPORTS: Duration = Duration::from_secs(3);
/// How long librdkafka has to report the messages that it was told to purge, which it does at once.
const PURGED_REPORTS: Duration = Duration::from_secs(2);

/// A message on its way.
pub(crate) struct Outgoing<'a> {
    pub(crate) topic: &'a str,
    pub(crate) message: Message,
    pub(crate) value: &'a [u8],
    /// Lasts until the outcome is known.
    pub(crate) span: Span,
}

/// Sends messages with a producer, if there is one, and waits for their outcomes. `delivery` is how long the producer tries.
pub(crate) async fn hand_over<'a>(
    producer: Result<Arc<Producer>, String>,
    messages: impl ExactSizeIterator<Item = Result<Outgoing<'a>, DeliveryError>>,
    delivery: Duration,
) -> Vec<Outcome> {
    let producer = match producer {
        Ok(_) if messages.len() == 0 => return Vec::new(),
        Ok(producer) => producer,
        Err(reason) => {
            let failed = |_| Err(DeliveryError::NoClient(reason.clone()));
            return messages.map(failed).collect();
        }
    };
    let (mut batch, tickets) = Batch::new(messages.len());
    for (message, ticket) in messages.zip(tickets) {
        match message {
            Ok(Outgoing { topic, message, value, span }) => {
                producer.send(topic, value, message, ticket.with(span));
            }
            Err(error) => ticket.settle(Err(error)),
        }
    }
    // Ending a producer takes a while, so this call must not be its last owner.
    let sender = Arc::downgrade(&producer);
    drop(producer);
    let patience = delivery.saturating_add(LATE_REPORTS);
    if timeout(patience, batch.complete()).await.is_err() {
        if let Some(producer) = sender.upgrade() {
            producer.give_up();
        }
        if timeout(PURGED_REPORTS, batch.complete()).await.is_err() {
            tracing::error!("the Kafka client does not report; its messages count as failed");
        }
    }
    batch.into_outcomes()
}
