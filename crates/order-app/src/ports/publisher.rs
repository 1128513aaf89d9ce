//! The broker: events are published to it, and published once more on request.

use async_trait::async_trait;

use super::BoxError;
use crate::events::EventRecord;

/// Publishes events.
#[async_trait]
pub trait EventPublisher: Send + Sync {
    /// Publishes events, and answers for each, in the same order. `Ok` means that the broker has
    /// confirmed the event; after an error it may have been published or not.
    ///
    /// Laws:
    /// * Calls may overlap. The events of one call may become visible in any order; so callers never
    ///   have two events of one order under way at a time.
    /// * There is no deadline: the adapter decides how long it tries, within bounds.
    /// * After an error, no event of the call is still under way, so that none appears behind a
    ///   later event of its order. If the caller drops the future, events may still be under
    ///   way.
    async fn publish(&self, events: &[EventRecord]) -> Vec<Result<(), PublishError>>;
}

/// Publishes past events once more.
#[async_trait]
pub trait EventReplayer: Send + Sync {
    /// Publishes events, marked as repetitions, to a topic or each to its own. Answers and laws are
    /// those of [`EventPublisher::publish`]. A chosen topic that does not exist is
    /// [`PublishError::Permanent`].
    async fn replay(
        &self,
        topic: Option<&str>,
        events: &[EventRecord],
    ) -> Vec<Result<(), PublishError>>;
}

/// Why an event was not confirmed.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// It may work later.
    #[error("the broker did not confirm the event")]
    Transient(#[source] BoxError),
    /// It will not work until an operator changes something.
    #[error("the broker refuses the event")]
    Permanent(#[source] BoxError),
}
