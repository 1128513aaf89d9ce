//! From a message to an [`Event`]: the binary mode of `CloudEvents`, which Kafka carries, and the JSON
//! format, alone or as a batch, which `GET /orders/{id}/events` answers. Unknown fields and attributes
//! are ignored; known ones must be right.

use std::str;

use chrono::{DateTime, Utc};
use order_domain::{
    Amount, CancelReason, Currency, CustomerId, OrderEventKind, OrderId, OrderStatus, ProductId,
    Quantity, Version,
};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::cloud_event::{CloudEvent, Context};
use crate::data::{EventData, EventLine};
use crate::encoding::Envelope;
use crate::event::{Event, Line, OrderState, Word};
use crate::schema::values::DATA_SCHEMA;

/// Why a message cannot be read as an event. No variant repeats what the message says: that is
/// personal data, and errors end up in logs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The message has no value: a tombstone, which the service never sends.
    #[error("the message has no value")]
    NoValue,
    /// An attribute that every event has is not there.
    #[error("the attribute {0} is missing")]
    Missing(&'static str),
    /// An attribute is there and wrong.
    #[error("the attribute {0} is not valid")]
    Attribute(&'static str),
    /// The data is in another form than JSON.
    #[error("the content type is not known")]
    ContentType,
    /// The data follows another schema than the one that this build knows: another major version,
    /// or another service's message.
    #[error("the data follows another schema than {DATA_SCHEMA}")]
    Schema,
    /// What should be the JSON of an event is not.
    #[error("this is not the JSON of an event: {0}")]
    Json(String),
    /// A field of the data has a value that the schema forbids.
    #[error("the field {0} is not valid")]
    Field(&'static str),
    /// An attribute and a field that always agree do not.
    #[error("the attribute {0} does not agree with the data")]
    Disagreement(&'static str),
}

/// Decodes a Kafka message, in either mode: with its attributes as headers (`ce_…`), as the service
/// sends it, or whole in its value (`application/cloudevents+json`), as some bridges pass it on.
///
/// # Errors
/// [`DecodeError`], each case by its name. Trying again gives the same error.
pub fn decode<'a>(
    headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    value: Option<&[u8]>,
) -> Result<Event, DecodeError> {
    let value = value.ok_or(DecodeError::NoValue)?;
    let headers = Headers::read(headers)?;
    let replayed = headers.replay == Some("true");
    match media_type(headers.content_type.unwrap_or("application/json")) {
        media if media.eq_ignore_ascii_case("application/cloudevents+json") => {
            Ok(Event { replayed, ..decode_structured(value)? })
        }
        media if media.eq_ignore_ascii_case("application/json") => {
            event(&headers.cloud_event(value)?, replayed)
        }
        _ => Err(DecodeError::ContentType),
    }
}

/// Decodes one event in the JSON format of `CloudEvents`.
///
/// # Errors
/// [`DecodeError`], each case by its name.
pub fn decode_structured(json: &[u8]) -> Result<Event, DecodeError> {
    let envelope = serde_json::from_slice(json).map_err(|error| not_an_event(&error))?;
    event(&envelope, false)
}

/// Decodes a batch (`application/cloudevents-batch+json`): the answer of `GET /orders/{id}/events`.
///
/// # Errors
/// [`DecodeError`] of the first event that cannot be read.
pub fn decode_batch(json: &[u8]) -> Result<Vec<Event>, DecodeError> {
    let batch: Vec<CloudEvent<'_>> =
        serde_json::from_slice(json).map_err(|error| not_an_event(&error))?;
    batch.iter().map(|envelope| event(envelope, false)).collect()
}

impl<'a> Context<'a> {
    /// Reads a stored context, which is JSON text.
    ///
    /// # Errors
    /// [`DecodeError::Json`].
    pub fn read(text: &'a str) -> Result<Self, DecodeError> {
        serde_json::from_str(text).map_err(|error| not_an_event(&error))
    }
}

impl Envelope<'_> {
    /// Checks that a subscriber can decode the event with this data, which is JSON text. Data of
    /// another schema than [`DATA_SCHEMA`], as a later version may have written it, must be an object.
    ///
    /// # Errors
    /// [`DecodeError`], each case by its name.
    pub fn check(self, data: &str) -> Result<(), DecodeError> {
        let data: &RawValue = serde_json::from_str(data).map_err(|error| not_an_event(&error))?;
        if self.context.dataschema == DATA_SCHEMA {
            return event(&self.cloud_event(data), false).map(drop);
        }
        let is_object = data.get().trim_start().starts_with('{');
        if is_object { Ok(()) } else { Err(DecodeError::Json("no object".to_owned())) }
    }
}

/// The headers that are read.
#[derive(Default)]
struct Headers<'a> {
    specversion: Option<&'a str>,
    id: Option<&'a str>,
    kind: Option<&'a str>,
    source: Option<&'a str>,
    subject: Option<&'a str>,
    time: Option<&'a str>,
    dataschema: Option<&'a str>,
    sequence: Option<&'a str>,
    partitionkey: Option<&'a str>,
    correlationid: Option<&'a str>,
    causationid: Option<&'a str>,
    traceparent: Option<&'a str>,
    replay: Option<&'a str>,
    content_type: Option<&'a str>,
}

impl<'a> Headers<'a> {
    fn read(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        for (name, value) in headers {
            let (name, header) = match name {
                "ce_specversion" => ("ce_specversion", &mut read.specversion),
                "ce_id" => ("ce_id", &mut read.id),
                "ce_type" => ("ce_type", &mut read.kind),
                "ce_source" => ("ce_source", &mut read.source),
                "ce_subject" => ("ce_subject", &mut read.subject),
                "ce_time" => ("ce_time", &mut read.time),
                "ce_dataschema" => ("ce_dataschema", &mut read.dataschema),
                "ce_sequence" => ("ce_sequence", &mut read.sequence),
                "ce_partitionkey" => ("ce_partitionkey", &mut read.partitionkey),
                "ce_correlationid" => ("ce_correlationid", &mut read.correlationid),
                "ce_causationid" => ("ce_causationid", &mut read.causationid),
                "ce_replay" => ("ce_replay", &mut read.replay),
                "traceparent" => ("traceparent", &mut read.traceparent),
                "content-type" => ("content-type", &mut read.content_type),
                _ => continue,
            };
            *header = Some(str::from_utf8(value).map_err(|_| DecodeError::Attribute(name))?);
        }
        Ok(read)
    }

    fn cloud_event(&self, value: &'a [u8]) -> Result<CloudEvent<'a>, DecodeError> {
        let need =
            |value: Option<&'a str>, name| value.map(Into::into).ok_or(DecodeError::Missing(name));
        let id = self.id.ok_or(DecodeError::Missing("ce_id"))?;
        Ok(CloudEvent {
            specversion: need(self.specversion, "ce_specversion")?,
            id: Uuid::try_parse(id).map_err(|_| DecodeError::Attribute("ce_id"))?,
            source: need(self.source, "ce_source")?,
            kind: need(self.kind, "ce_type")?,
            subject: need(self.subject, "ce_subject")?,
            time: need(self.time, "ce_time")?,
            datacontenttype: "application/json".into(),
            sequence: need(self.sequence, "ce_sequence")?,
            partitionkey: need(self.partitionkey, "ce_partitionkey")?,
            dataschema: need(self.dataschema, "ce_dataschema")?,
            correlationid: need(self.correlationid, "ce_correlationid")?,
            causationid: need(self.causationid, "ce_causationid")?,
            traceparent: self.traceparent.map(Into::into),
            // Last: for a message of another service, an error about headers says more.
            data: serde_json::from_slice(value).map_err(|error| not_an_event(&error))?,
        })
    }
}

/// Without its parameters, such as a character set, which for JSON is always UTF-8.
pub(crate) fn media_type(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

fn event(envelope: &CloudEvent<'_>, replayed: bool) -> Result<Event, DecodeError> {
    if envelope.specversion != "1.0" {
        return Err(DecodeError::Attribute("specversion"));
    }
    if envelope.dataschema != DATA_SCHEMA {
        return Err(DecodeError::Schema);
    }
    if !media_type(&envelope.datacontenttype).eq_ignore_ascii_case("application/json") {
        return Err(DecodeError::ContentType);
    }
    time(&envelope.time).ok_or(DecodeError::Attribute("time"))?;
    let data = serde_json::from_str(envelope.data.get()).map_err(|error| not_an_event(&error))?;
    let order = state(&data)?;
    if *envelope.subject != order.id.to_string() {
        return Err(DecodeError::Disagreement("subject"));
    }
    if *envelope.sequence != order.version.to_string() {
        return Err(DecodeError::Disagreement("sequence"));
    }
    Ok(Event {
        id: envelope.id,
        source: envelope.source.clone().into_owned(),
        kind: Word::read(&envelope.kind, envelope.kind.parse::<OrderEventKind>().ok()),
        correlation_id: envelope.correlationid.clone().into_owned(),
        causation_id: envelope.causationid.clone().into_owned(),
        traceparent: envelope.traceparent.clone().map(Into::into),
        replayed,
        order,
    })
}

fn state(data: &EventData) -> Result<OrderState, DecodeError> {
    use DecodeError::Field;

    let previous = data.previous_status.as_deref();
    let reason = |text: &str| Word::read(text, text.parse::<CancelReason>().ok());
    Ok(OrderState {
        id: OrderId::new(data.order_id).map_err(|_| Field("orderId"))?,
        customer_id: CustomerId::new(data.customer_id).map_err(|_| Field("customerId"))?,
        version: Version::new(data.sequence).map_err(|_| Field("sequence"))?,
        status: status(&data.status).ok_or(Field("status"))?,
        previous_status: match previous {
            Some(text) => Some(status(text).ok_or(Field("previousStatus"))?),
            None => None,
        },
        currency: Word::read(&data.currency, Currency::from_code(&data.currency).ok()),
        total: Amount::parse(&data.total_amount).map_err(|_| Field("totalAmount"))?,
        lines: data.items.iter().map(line).collect::<Result<_, _>>()?,
        client_reference: data.client_reference.clone(),
        cancel_reason: data.cancel_reason.as_deref().map(reason),
        note: data.note.clone(),
        changed_at: time(&data.occurred_at).ok_or(Field("occurredAt"))?,
    })
}

fn line(line: &EventLine) -> Result<Line, DecodeError> {
    use DecodeError::Field;

    Ok(Line {
        product_id: ProductId::new(line.product_id).map_err(|_| Field("items.productId"))?,
        name: line.name.clone(),
        quantity: Quantity::new(line.quantity.into()).map_err(|_| Field("items.quantity"))?,
        unit_price: Amount::parse(&line.unit_price).map_err(|_| Field("items.unitPrice"))?,
        line_total: Amount::parse(&line.line_total).map_err(|_| Field("items.lineTotal"))?,
    })
}

/// Exactly as spelled on the wire. `OrderStatus::from_str` also takes what people type.
fn status(text: &str) -> Option<OrderStatus> {
    OrderStatus::ALL.into_iter().find(|status| status.as_str() == text)
}

fn time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(Into::into)
}

fn not_an_event(error: &serde_json::Error) -> DecodeError {
    DecodeError::Json(json_problem(error))
}

/// What is wrong with the JSON, and where; never its content.
pub(crate) fn json_problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let names_a_field = text.starts_with("missing field") || text.starts_with("duplicate field");
    match error.classify() {
        _ if names_a_field => text,
        serde_json::error::Category::Data => {
            format!("a value of the wrong type at column {}", error.column())
        }
        _ => format!("broken at line {} column {}", error.line(), error.column()),
    }
}
