//! The public, versioned form of what happened: CloudEvents 1.0 with JSON data. An event gets its
//! id and its bytes once, here, before it is committed, and keeps them for ever.

use chrono::{DateTime, SecondsFormat, Utc};
use order_domain::{Order, OrderEvent, OrderEventKind, OrderId, Version};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// `source` of every event.
pub const SOURCE: &str = "/order-service";
/// The schema of the data of all events: major version 1. Additions are optional fields only.
pub const DATA_SCHEMA: &str = "urn:order-service:events:order:v1";

/// An event as it is kept in the outbox: final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// UUIDv7; with the source the key by which subscribers drop duplicates.
    pub id: Uuid,
    /// Whose event; the Kafka key.
    pub order_id: OrderId,
    /// The order's version that this event made.
    pub sequence: Version,
    /// What happened.
    pub kind: OrderEventKind,
    /// When, UTC, in microseconds.
    pub occurred_at: DateTime<Utc>,
    /// The attributes that no other field gives, as JSON text; see [`Context`].
    pub context: String,
    /// The data, as JSON text; see [`EventData`].
    pub data: String,
}

/// What caused a change: carried from the request into the event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Joins everything that one request or conversation caused.
    pub correlation_id: String,
    /// The `traceparent` of the request (W3C Trace Context), when it sent one.
    pub traceparent: Option<String>,
}

/// `CloudEvents` attributes that are frozen with the event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// The schema of the data.
    pub dataschema: String,
    /// Joins everything that one request or conversation caused.
    pub correlationid: String,
    /// The request or message that caused the event.
    pub causationid: String,
    /// W3C Trace Context of the request (`CloudEvents` Distributed Tracing extension).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// The data of every event: the order right after it, complete, so that nobody has to call back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventData {
    /// Which order.
    pub order_id: i64,
    /// Whose.
    pub customer_id: i64,
    /// Its version; 1, 2, 3, … without a gap.
    pub sequence: i64,
    /// Where it stands now.
    pub status: String,
    /// Where it stood before; null when it was placed.
    pub previous_status: Option<String>,
    /// ISO 4217.
    pub currency: String,
    /// With the currency's decimals.
    pub total_amount: String,
    /// Its lines.
    pub items: Vec<EventLine>,
    /// The client's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_reference: Option<String>,
    /// On cancellation: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_reason: Option<String>,
    /// A remark that came with the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When the change happened, RFC 3339, UTC, microseconds.
    pub occurred_at: String,
}

/// One line within [`EventData`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventLine {
    /// What was bought.
    pub product_id: i64,
    /// What it was called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many.
    pub quantity: u16,
    /// For how much a piece.
    pub unit_price: String,
    /// Quantity times unit price.
    pub line_total: String,
}

/// An event in the JSON format of CloudEvents 1.0 ("structured mode").
#[derive(Debug, Serialize)]
pub struct CloudEvent<'a> {
    specversion: &'static str,
    id: Uuid,
    source: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    subject: String,
    time: String,
    datacontenttype: &'static str,
    sequence: String,
    partitionkey: String,
    #[serde(flatten)]
    context: Context,
    data: &'a RawValue,
}

/// Spells a time as everywhere on the wire: RFC 3339, UTC, microseconds.
#[must_use]
pub fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

impl EventRecord {
    /// Gives a domain event its public form and its id.
    ///
    /// # Errors
    /// Only when JSON cannot be written, which plain strings and numbers do not cause.
    pub fn freeze(event: &OrderEvent, id: Uuid, origin: &Origin) -> serde_json::Result<Self> {
        let order = event.order.snapshot();
        let context = Context {
            dataschema: DATA_SCHEMA.to_owned(),
            correlationid: origin.correlation_id.clone(),
            causationid: origin.correlation_id.clone(),
            traceparent: origin.traceparent.clone(),
        };
        Ok(Self {
            id,
            order_id: order.id,
            sequence: order.version,
            kind: event.kind,
            occurred_at: order.updated_at,
            context: serde_json::to_string(&context)?,
            data: serde_json::to_string(&EventData::of(event))?,
        })
    }

    /// The event in the JSON format of CloudEvents.
    ///
    /// # Errors
    /// When the stored text is not the JSON that [`EventRecord::freeze`] wrote.
    pub fn cloud_event(&self) -> serde_json::Result<CloudEvent<'_>> {
        Ok(CloudEvent {
            specversion: "1.0",
            id: self.id,
            source: SOURCE,
            kind: self.kind.as_str(),
            subject: self.order_id.to_string(),
            time: timestamp(self.occurred_at),
            datacontenttype: "application/json",
            sequence: self.sequence.to_string(),
            partitionkey: self.order_id.to_string(),
            context: serde_json::from_str(&self.context)?,
            data: serde_json::from_str(&self.data)?,
        })
    }
}

impl EventData {
    fn of(event: &OrderEvent) -> Self {
        let order = event.order.snapshot();
        let cancelled = event.kind == OrderEventKind::Cancelled;
        Self {
            order_id: order.id.get(),
            customer_id: order.customer_id.get(),
            sequence: order.version.get(),
            status: order.status.to_string(),
            previous_status: event.previous_status.map(|status| status.to_string()),
            currency: order.lines.currency().to_string(),
            total_amount: order.lines.total().display(order.lines.currency()).to_string(),
            items: lines(&event.order),
            client_reference: order.client_reference.as_ref().map(ToString::to_string),
            cancel_reason: order.cancel_reason.filter(|_| cancelled).map(|r| r.to_string()),
            note: event.note.as_ref().map(ToString::to_string),
            occurred_at: timestamp(order.updated_at),
        }
    }
}

fn lines(order: &Order) -> Vec<EventLine> {
    let currency = order.currency();
    let line = |line: &order_domain::OrderLine| EventLine {
        product_id: line.product_id.get(),
        name: line.name.as_ref().map(ToString::to_string),
        quantity: line.quantity.get(),
        unit_price: line.unit_price.amount().display(currency).to_string(),
        line_total: line.total().display(currency).to_string(),
    };
    order.snapshot().lines.as_slice().iter().map(line).collect()
}
