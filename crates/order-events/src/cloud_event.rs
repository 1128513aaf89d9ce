//! The form of an event in the JSON format of `CloudEvents` 1.0 ("structured mode"). Its doc comments
//! are descriptions in the frozen contract. In Kafka's binary mode the same attributes are headers;
//! see `asyncapi/headers.rs`.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::data::EventData;
use crate::schema::values::{self, DATA_SCHEMA};

/// What caused an event. These attributes are kept with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Context<'a> {
    /// The schema of the data.
    #[serde(borrow)]
    pub dataschema: Cow<'a, str>,
    /// Joins everything that one request or conversation caused.
    #[serde(borrow)]
    pub correlationid: Cow<'a, str>,
    /// The request or message that caused the event.
    #[serde(borrow)]
    pub causationid: Cow<'a, str>,
    /// W3C Trace Context of the request (`CloudEvents` Distributed Tracing extension).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Cow<'a, str>>,
}

impl<'a> Context<'a> {
    /// The context of an event that one request or message caused.
    #[must_use]
    pub fn caused_by(cause: &'a str, traceparent: Option<&'a str>) -> Self {
        Self {
            dataschema: DATA_SCHEMA.into(),
            correlationid: cause.into(),
            causationid: cause.into(),
            traceparent: traceparent.map(Into::into),
        }
    }
}

/// An event in the JSON format of CloudEvents 1.0 ("structured mode").
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
#[schemars(rename = "OrderEvent")]
pub struct CloudEvent<'a> {
    /// The version of CloudEvents.
    #[schemars(schema_with = "values::specversion")]
    pub specversion: Cow<'a, str>,
    /// UUIDv7; unique with the source.
    #[schemars(schema_with = "values::uuid")]
    pub id: Uuid,
    /// Who tells it.
    #[schemars(schema_with = "values::source")]
    pub source: Cow<'a, str>,
    /// What happened. More types may come.
    #[serde(rename = "type")]
    #[schemars(schema_with = "values::event_type")]
    pub kind: Cow<'a, str>,
    /// The order's id.
    #[schemars(schema_with = "values::number")]
    pub subject: Cow<'a, str>,
    /// When it happened, RFC 3339, UTC, microseconds.
    #[schemars(schema_with = "values::timestamp")]
    pub time: Cow<'a, str>,
    /// The form of the data.
    #[schemars(schema_with = "values::json_media_type")]
    pub datacontenttype: Cow<'a, str>,
    /// The order's version that this event made: 1, 2, 3, … without a gap.
    #[schemars(schema_with = "values::number")]
    pub sequence: Cow<'a, str>,
    /// Events of one partition key are in order: the order's id.
    #[schemars(schema_with = "values::number")]
    pub partitionkey: Cow<'a, str>,
    /// The schema of the data.
    #[schemars(schema_with = "values::data_schema")]
    pub dataschema: Cow<'a, str>,
    /// Joins everything that one request or conversation caused.
    #[schemars(schema_with = "values::text")]
    pub correlationid: Cow<'a, str>,
    /// The request or message that caused the event.
    #[schemars(schema_with = "values::text")]
    pub causationid: Cow<'a, str>,
    /// W3C Trace Context of the request, when it sent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "values::traceparent")]
    pub traceparent: Option<Cow<'a, str>>,
    /// The order right after the event.
    #[serde(borrow)]
    #[schemars(with = "EventData")]
    pub data: &'a RawValue,
}

/// Spells a time as everywhere on the wire: RFC 3339, UTC, microseconds.
#[must_use]
pub fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}
