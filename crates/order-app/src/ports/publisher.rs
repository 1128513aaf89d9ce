//! The broker: events are published to it, and published once more on request.

use async_trait::async_trait;

use super::BoxError;
use crate::events::EventRecord;

/// Where events are published.
#[async_trait]
pub trait EventPublisher: Send + Sync {
    /// Publishes events and answers for each, in the same order, what came of it. `Ok` means that
    /// the broker has confirmed it; an error means that it may be there or not.
    ///
    /// Nothing is promised about the order in which events of one call become visible, so callers
    /// never have two events of one order under way at a time. Calls may overlap. It is up to the
    /// adapter how long it tries, within bounds; after an error nothing of the call is still under
    /// way, so that no event appears behind a later one of its order.
    async fn publish(&self, events: &[EventRecord]) -> Vec<Result<(), PublishError>>;
}

/// Why an event was not confirmed.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// It may work later.
    #[error("the broker did not confirm the event")]
    Transient(#[source] BoxError),
    /// It will not work until somebody changes something.
    #[error("the broker refuses the event")]
    Permanent(#[source] BoxError),
}

/// Publishes past events once more.
#[async_trait]
pub trait EventReplayer: Send + Sync {
    /// Publishes events, marked as repetitions, to a topic or each to its own, and answers for each
    /// as [`EventPublisher::publish`] does; its law holds here, too.
    /// That a chosen topic does not exist will not mend itself: [`PublishError::Permanent`].
    async fn replay(
        &self,
        topic: Option<&str>,
        events: &[EventRecord],
    ) -> Vec<Result<(), PublishError>>;
}
