//! The headers of a message: the attributes of `CloudEvents` in Kafka's binary mode, the trace, and
//! the mark of a replay; those of commands and replies are in `saga/headers.rs`. Their descriptions are part of the frozen contract.

use order_domain::OrderEventKind;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::schema::values;

/// A header: its name, whether every message has it, and what it means.
pub(super) type Header = (&'static str, bool, &'static str);

/// Every header that a message may have, and whether every message has it.
pub const HEADERS: [Header; 14] = [
    ("ce_specversion", true, "The version of CloudEvents."),
    ("ce_id", true, "UUIDv7; with the source what to drop duplicates by."),
    ("ce_type", true, "What happened."),
    ("ce_source", true, "Who tells it."),
    ("ce_subject", true, "The order's id."),
    ("ce_time", true, "When it happened; the timestamp of the message is when it was sent."),
    ("ce_dataschema", true, "The schema of the data."),
    ("ce_sequence", true, "The order's version: 1, 2, 3, … without a gap."),
    ("ce_partitionkey", true, "The order's id."),
    ("ce_correlationid", true, "Joins everything that one request or conversation caused."),
    ("ce_causationid", true, "The request or message that caused the event."),
    ("content-type", true, "The form of the value."),
    ("traceparent", false, "W3C Trace Context of the request, when it sent one."),
    ("ce_replay", false, "`true` when it was sent again because somebody asked for it."),
];

/// The schema of the headers of one type's messages.
pub(super) fn of(kind: OrderEventKind) -> Value {
    all(&HEADERS, |name, generator| match name {
        "ce_type" => json_schema!({"type": "string", "const": kind.as_str()}),
        name => one(name, generator),
    })
}

/// The schema of these headers; `one` says what each of them may be.
pub(super) fn all(headers: &[Header], one: impl Fn(&str, &mut SchemaGenerator) -> Schema) -> Value {
    let generator = &mut SchemaSettings::draft2020_12().into_generator();
    let describe = |(name, _, description): &Header| {
        let mut schema = one(name, generator);
        schema.insert("description".to_owned(), json!(description));
        ((*name).to_owned(), schema.to_value())
    };
    let properties: Map<_, _> = headers.iter().map(describe).collect();
    let required: Vec<_> =
        headers.iter().filter(|(_, always, _)| *always).map(|(name, ..)| *name).collect();
    json!({"type": "object", "required": required, "properties": properties})
}

/// The values of a header of events. Those of commands and replies are the same, as far as
/// `saga/headers.rs` says nothing else.
pub(super) fn one(name: &str, generator: &mut SchemaGenerator) -> Schema {
    match name {
        "ce_specversion" => values::specversion(generator),
        "ce_id" => values::uuid(generator),
        "ce_source" => values::source(generator),
        "ce_time" => values::timestamp(generator),
        "ce_dataschema" => values::data_schema(generator),
        "ce_subject" | "ce_sequence" | "ce_partitionkey" => values::number(generator),
        "content-type" => values::json_media_type(generator),
        "traceparent" => values::traceparent(generator),
        "ce_replay" => json_schema!({"type": "string", "const": "true"}),
        _ => values::text(generator),
    }
}

/// The schema of a message's key.
pub(super) fn key() -> Value {
    let generator = &mut SchemaSettings::draft2020_12().into_generator();
    let mut key = values::number(generator);
    key.insert("description".to_owned(), json!("The order's id as text."));
    key.to_value()
}
