//! From what happened in the domain to its public, versioned form, whose types are in
//! `order-events`. An event gets its id and its bytes once, here, before it is committed, and keeps
//! them for ever.

use chrono::{DateTime, Utc};
use order_domain::{Order, OrderEvent, OrderEventKind, OrderId, Version};
use uuid::Uuid;

pub use order_events::{CloudEvent, Context, DATA_SCHEMA, EventData, EventLine, SOURCE, timestamp};

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
    /// Where what follows belongs (W3C Trace Context): to the span of the request, or, when traces
    /// are not recorded here, to whatever the request itself belonged to.
    pub traceparent: Option<String>,
}

impl EventRecord {
    /// Gives a domain event its public form and its id.
    ///
    /// # Errors
    /// Only when JSON cannot be written, which plain strings and numbers do not cause.
    pub fn freeze(event: &OrderEvent, id: Uuid, origin: &Origin) -> serde_json::Result<Self> {
        let order = event.order.snapshot();
        let context = Context {
            dataschema: DATA_SCHEMA.into(),
            correlationid: origin.correlation_id.as_str().into(),
            causationid: origin.correlation_id.as_str().into(),
            traceparent: origin.traceparent.as_deref().map(Into::into),
        };
        Ok(Self {
            id,
            order_id: order.id,
            sequence: order.version,
            kind: event.kind,
            occurred_at: order.updated_at,
            context: serde_json::to_string(&context)?,
            data: serde_json::to_string(&data(event))?,
        })
    }

    /// The event in the JSON format of CloudEvents.
    ///
    /// # Errors
    /// When the stored text is not the JSON that [`EventRecord::freeze`] wrote.
    pub fn cloud_event(&self) -> serde_json::Result<CloudEvent<'_>> {
        let context: Context<'_> = serde_json::from_str(&self.context)?;
        Ok(CloudEvent {
            specversion: "1.0".into(),
            id: self.id,
            source: SOURCE.into(),
            kind: self.kind.as_str().into(),
            subject: self.order_id.to_string().into(),
            time: timestamp(self.occurred_at).into(),
            datacontenttype: "application/json".into(),
            sequence: self.sequence.to_string().into(),
            partitionkey: self.order_id.to_string().into(),
            dataschema: context.dataschema,
            correlationid: context.correlationid,
            causationid: context.causationid,
            traceparent: context.traceparent,
            data: serde_json::from_str(&self.data)?,
        })
    }
}

fn data(event: &OrderEvent) -> EventData {
    let order = event.order.snapshot();
    let cancelled = event.kind == OrderEventKind::Cancelled;
    EventData {
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

fn lines(order: &Order) -> Vec<EventLine> {
    let currency = order.currency();
    let line = |line: &order_domain::OrderLine| EventLine {
        product_id: line.product_id.get(),
        name: line.name.as_ref().map(ToString::to_string),
        quantity: line.quantity.get(),
        unit_price: line.unit_price.get().display(currency).to_string(),
        line_total: line.total().display(currency).to_string(),
    };
    order.snapshot().lines.iter().map(line).collect()
}
