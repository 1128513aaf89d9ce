//! An event as it is stored: it gets its id and its bytes once, before it is committed, and keeps
//! them for ever. `order-events` gives it its public form.

use chrono::{DateTime, Utc};
use order_domain::{OrderEvent, OrderEventKind, OrderId, Version};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use order_events::DecodeError;
pub use order_events::{CloudEvent, Context, Envelope, EventData, timestamp};

/// An event as the outbox keeps it: final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// UUIDv7. Subscribers drop duplicates by it and the source.
    pub id: Uuid,
    /// The order that it happened to; the Kafka key.
    pub order_id: OrderId,
    /// The order's version that this event made.
    pub sequence: Version,
    /// What happened.
    pub kind: OrderEventKind,
    /// When, UTC, in microseconds.
    pub occurred_at: DateTime<Utc>,
    /// The attributes that are in no other field, as JSON text; see [`Context`].
    pub context: String,
    /// The data, as JSON text; see [`EventData`].
    pub data: String,
}

/// A stored text that is not that of an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{column}: {error}")]
pub struct WrongText {
    /// The field of [`EventRecord`].
    pub column: &'static str,
    /// What is wrong with it.
    pub error: DecodeError,
}

/// The request that caused a change, as the event names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// The same for all events that one request or conversation caused.
    pub correlation_id: String,
    /// The parent of the spans that follow (W3C Trace Context): the span of the request, or, when
    /// traces are not recorded here, the parent of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

impl EventRecord {
    /// Gives a domain event its public form and its id.
    ///
    /// # Errors
    /// Only when JSON cannot be written, which plain strings and numbers do not cause.
    pub fn freeze(event: &OrderEvent, id: Uuid, origin: &Origin) -> serde_json::Result<Self> {
        let order = event.order.snapshot();
        let traceparent = origin.traceparent.as_deref();
        let context = Context::caused_by(&origin.correlation_id, traceparent);
        Ok(Self {
            id,
            order_id: order.id,
            sequence: order.version,
            kind: event.kind,
            occurred_at: order.updated_at,
            context: serde_json::to_string(&context)?,
            data: serde_json::to_string(&EventData::from(event))?,
        })
    }

    /// The event in the JSON format of CloudEvents.
    ///
    /// # Errors
    /// When the stored text is not the JSON that [`EventRecord::freeze`] wrote.
    pub fn cloud_event(&self) -> serde_json::Result<CloudEvent<'_>> {
        Ok(self.envelope()?.cloud_event(serde_json::from_str(&self.data)?))
    }

    /// Checks that the stored texts are an event that subscribers can decode, and that it is the one
    /// that its key says.
    ///
    /// # Errors
    /// The column that is wrong, and why, without its content.
    pub fn check(&self) -> Result<(), WrongText> {
        let at = |column| move |error| WrongText { column, error };
        let context = Context::read(&self.context).map_err(at("context"))?;
        let order = (self.order_id, self.sequence);
        let envelope = Envelope::new(self.id, order, self.kind, self.occurred_at, context);
        envelope.check(&self.data).map_err(at("data"))
    }

    /// Everything about the event but its data.
    ///
    /// # Errors
    /// As of [`EventRecord::cloud_event`].
    pub fn envelope(&self) -> serde_json::Result<Envelope<'_>> {
        let context = serde_json::from_str(&self.context)?;
        let order = (self.order_id, self.sequence);
        Ok(Envelope::new(self.id, order, self.kind, self.occurred_at, context))
    }
}
