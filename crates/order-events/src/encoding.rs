//! From an event of the domain to a message: what `decoding.rs` reads. The service publishes exactly
//! these bytes.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use order_domain::{OrderEvent, OrderEventKind, OrderId, OrderLine, Version};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::cloud_event::{CloudEvent, Context, timestamp};
use crate::data::{EventData, EventLine};
use crate::schema::values::SOURCE;

/// An event, or a message of the [saga](crate::saga), as a Kafka message in the binary mode of
/// `CloudEvents`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    key: String,
    headers: Vec<(&'static str, String)>,
    value: String,
}

impl Message {
    pub(crate) const fn new(
        key: String,
        headers: Vec<(&'static str, String)>,
        value: String,
    ) -> Self {
        Self { key, headers, value }
    }

    /// The order's id: all messages of an order go to one partition of their topic.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The attributes, as [`decode`](crate::decode) takes them.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (*name, value.as_bytes()))
    }

    /// The data.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        self.value.as_bytes()
    }
}

/// Encodes an event as a Kafka message; the counterpart of [`decode`](crate::decode).
///
/// The id is unique with the source, and the same on every copy of the event: a UUIDv7.
///
/// ```
/// use chrono::DateTime;
/// # use order_domain::{
/// #     Currency, CustomerId, NewOrder, Order, OrderId, OrderLine, OrderLines, ProductId, Quantity,
/// #     UnitPrice,
/// # };
/// use order_events::{Context, decode, encode};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let line = OrderLine {
/// #     product_id: ProductId::new(7)?,
/// #     name: None,
/// #     quantity: Quantity::new(3)?,
/// #     unit_price: UnitPrice::new("49.99".parse()?)?,
/// # };
/// # let new = NewOrder {
/// #     id: OrderId::new(1)?,
/// #     customer_id: CustomerId::new(42)?,
/// #     lines: OrderLines::new(Currency::USD, vec![line])?,
/// #     client_reference: None,
/// #     claimed_total: None,
/// # };
///
/// let placed = Order::place(new, DateTime::UNIX_EPOCH)?;
/// let id = "019aab12-3456-7890-8abc-def000000001".parse()?;
/// let message = encode(&placed, id, &Context::caused_by("request-1", None))?;
/// assert_eq!(message.key(), "1");
///
/// let event = decode(message.headers(), Some(message.value()))?;
/// assert_eq!((event.id, event.order.total.to_string()), (id, "149.97".to_owned()));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// When JSON cannot be written, which the strings and numbers of an event do not cause.
pub fn encode(event: &OrderEvent, id: Uuid, context: &Context<'_>) -> serde_json::Result<Message> {
    let envelope = Envelope::of(event, id, context.clone());
    Ok(Message {
        key: envelope.order_id.to_string(),
        headers: envelope.headers().map(|(name, value)| (name, value.into_owned())).collect(),
        value: serde_json::to_string(&EventData::from(event))?,
    })
}

/// Encodes an event in the JSON format of `CloudEvents`; the counterpart of
/// [`decode_structured`](crate::decode_structured).
///
/// # Errors
/// As of [`encode`].
pub fn encode_structured(
    event: &OrderEvent,
    id: Uuid,
    context: &Context<'_>,
) -> serde_json::Result<String> {
    let data = serde_json::value::to_raw_value(&EventData::from(event))?;
    serde_json::to_string(&Envelope::of(event, id, context.clone()).cloud_event(&data))
}

/// The envelope of an event: everything about it but its data.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Envelope<'a> {
    /// UUIDv7; unique with the source.
    pub id: Uuid,
    /// Whose event; the key in Kafka.
    pub order_id: OrderId,
    /// The order's version that this event made.
    pub sequence: Version,
    /// What happened.
    pub kind: OrderEventKind,
    /// When, UTC, in microseconds.
    pub occurred_at: DateTime<Utc>,
    /// What caused it.
    pub context: Context<'a>,
}

impl<'a> Envelope<'a> {
    /// Made of what a store keeps of an event.
    #[must_use]
    pub const fn new(
        id: Uuid,
        (order_id, sequence): (OrderId, Version),
        kind: OrderEventKind,
        occurred_at: DateTime<Utc>,
        context: Context<'a>,
    ) -> Self {
        Self { id, order_id, sequence, kind, occurred_at, context }
    }

    /// Those of an event of the domain.
    #[must_use]
    pub fn of(event: &OrderEvent, id: Uuid, context: Context<'a>) -> Self {
        let order = event.order.snapshot();
        Self::new(id, (order.id, order.version), event.kind, order.updated_at, context)
    }

    /// The headers of the binary mode, in the order in which the service sends them.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, Cow<'_, str>)> {
        let Self { id, order_id, sequence, kind, occurred_at, context } = self;
        let order = order_id.to_string();
        let trace = context.traceparent.as_deref().map(|trace| ("traceparent", trace.into()));
        [
            ("ce_specversion", "1.0".into()),
            ("ce_id", id.to_string().into()),
            ("ce_type", kind.as_str().into()),
            ("ce_source", SOURCE.into()),
            ("ce_subject", order.clone().into()),
            ("ce_time", timestamp(*occurred_at).into()),
            ("ce_dataschema", Cow::Borrowed(&*context.dataschema)),
            ("ce_sequence", sequence.to_string().into()),
            ("ce_partitionkey", order.into()),
            ("ce_correlationid", Cow::Borrowed(&*context.correlationid)),
            ("ce_causationid", Cow::Borrowed(&*context.causationid)),
        ]
        .into_iter()
        .chain(trace)
        .chain([("content-type", "application/json".into())])
    }

    /// The event in the JSON format of `CloudEvents`, with its data.
    #[must_use]
    pub fn cloud_event(self, data: &'a RawValue) -> CloudEvent<'a> {
        let order = self.order_id.to_string();
        CloudEvent {
            specversion: "1.0".into(),
            id: self.id,
            source: SOURCE.into(),
            kind: self.kind.as_str().into(),
            subject: order.clone().into(),
            time: timestamp(self.occurred_at).into(),
            datacontenttype: "application/json".into(),
            sequence: self.sequence.to_string().into(),
            partitionkey: order.into(),
            dataschema: self.context.dataschema,
            correlationid: self.context.correlationid,
            causationid: self.context.causationid,
            traceparent: self.context.traceparent,
            data,
        }
    }
}

/// The public form of an event's data.
impl From<&OrderEvent> for EventData {
    fn from(event: &OrderEvent) -> Self {
        let order = event.order.snapshot();
        let currency = order.lines.currency();
        let cancelled = event.kind == OrderEventKind::Cancelled;
        let line = |line: &OrderLine| EventLine {
            product_id: line.product_id.get(),
            name: line.name.as_ref().map(ToString::to_string),
            quantity: line.quantity.get(),
            unit_price: line.unit_price.get().display(currency).to_string(),
            line_total: line.total().display(currency).to_string(),
        };
        Self {
            order_id: order.id.get(),
            customer_id: order.customer_id.get(),
            sequence: order.version.get(),
            status: order.status.to_string(),
            previous_status: event.previous_status.map(|status| status.to_string()),
            currency: currency.to_string(),
            total_amount: order.lines.total().display(currency).to_string(),
            items: order.lines.iter().map(line).collect(),
            client_reference: order.client_reference.as_ref().map(ToString::to_string),
            cancel_reason: order.cancel_reason.filter(|_| cancelled).map(|r| r.to_string()),
            note: event.note.as_ref().map(ToString::to_string),
            occurred_at: timestamp(order.updated_at),
        }
    }
}
