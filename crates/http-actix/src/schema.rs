//! The schemas of single values, by name. They say exactly what the readers in `body` and `request`
//! take, which for amounts and currencies depends on the instance's settings.

use order_app::currencies::Currencies;
use order_domain::{CancelReason, MAX_ID, OrderEventKind, OrderStatus};
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{Array, ArrayBuilder, ObjectBuilder, Ref, Schema, Type};

use crate::app::AmountForm;

mod amounts;
mod parameters;

pub(crate) use parameters::*;

macro_rules! refs {
    ($($function:ident $schema:literal;)+) => {
        $(pub(crate) fn $function() -> Ref { Ref::from_schema_name($schema) })+
    };
}

// References to the schemas, for the descriptions of bodies and parameters.
refs! {
    id "Id";
    status "Status";
    amount_out "Amount";
    price_out "Price";
    cancel_reason_out "CancelReason";
    time_in "Time";
    time_out "Timestamp";
    cursor "Cursor";
    cursor_or_null "CursorOrNull";
    idempotency_key "IdempotencyKey";
}

/// A list of statuses.
pub(crate) fn statuses() -> Array {
    ArrayBuilder::new().items(status()).build()
}

/// A list of types of events as a parameter.
fn types_in() -> Array {
    let types = OrderEventKind::ALL.map(OrderEventKind::as_str);
    let one = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(types)).build();
    ArrayBuilder::new().items(one).build()
}

/// `*` or a list of entity tags, which may be empty and then matches nothing.
fn entity_tags() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(r#"^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)?$"#))
        .build()
        .into()
}

/// One entity tag.
fn entity_tag() -> Schema {
    let pattern = Some(r#"^(W/)?"[!#-~]*"$"#);
    ObjectBuilder::new().schema_type(Type::String).pattern(pattern).build().into()
}

/// The keyword of what is taken beside a schema.
const ALSO: &str = "x-also-accepts";
const CURSOR: &str = "^[A-Za-z0-9_-]{34}$";

/// All of them, as an instance with these currencies takes and gives them.
pub(crate) fn values(currencies: &Currencies, form: AmountForm) -> Map<String, Value> {
    let mut all = amounts::schemas(currencies, form);
    all.extend(words());
    all.extend(tokens());
    all
}

pub(crate) fn object(members: Value) -> Map<String, Value> {
    match members {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// A schema of what is asked for, with another one of what is taken as well. Generated clients have one
/// plain type for each value, and checks still know all that the service takes.
pub(crate) fn also(mut schema: Value, other: Value) -> Value {
    if let Some(members) = schema.as_object_mut() {
        let other = match members.remove(ALSO) {
            None => other,
            Some(first) => json!({"anyOf": [first, other]}),
        };
        members.insert(ALSO.to_owned(), other);
    }
    schema
}

fn words() -> Map<String, Value> {
    let statuses = OrderStatus::ALL.map(OrderStatus::as_str);
    let reasons = CancelReason::ALL.map(CancelReason::as_str);
    let status = json!({
        "description": "Requests may have it in any case, with a space or hyphen for the \
            underscore, and CANCELED.",
        "type": "string",
        "enum": statuses,
    });
    let words = [&statuses[..], &["CANCELED"]].concat();
    object(json!({
        "Status": also(status, spellings(&words)),
        "CancelReason": {"type": "string", "enum": reasons},
    }))
}

/// Words in any case, with a space or hyphen for the underscore.
pub(crate) fn spellings(words: &[&str]) -> Value {
    let letter = |c: char| match c {
        '_' => "[_ -]".to_owned(),
        c => format!("[{c}{}]", c.to_ascii_lowercase()),
    };
    let words: Vec<String> = words.iter().map(|word| word.chars().map(letter).collect()).collect();
    json!({"type": "string", "pattern": format!("^({})$", words.join("|"))})
}

fn tokens() -> Map<String, Value> {
    object(json!({
        "Id": {"type": "integer", "format": "int64", "minimum": 1, "maximum": MAX_ID, "examples": [1]},
        "Time": {
            "description": "RFC 3339, with a time zone.",
            "type": "string",
            "format": "date-time",
        },
        "Timestamp": {
            "description": "RFC 3339, UTC, in microseconds.",
            "type": "string",
            "format": "date-time",
            "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$",
            "examples": ["2026-11-22T12:00:00.000000Z"],
        },
        "Cursor": {"type": "string", "pattern": CURSOR},
        "CursorOrNull": {
            "description": "Where the next page starts; null on the last page.",
            "type": ["string", "null"],
            "pattern": CURSOR,
        },
        "IdempotencyKey": {
            "description": "1 to 255 visible ASCII characters, bare or as a quoted string.",
            "type": "string",
            "pattern": r#"^([!#-~][!-~]{0,254}|"([!#-\[\]-~]|\\["\\]){1,255}")$"#,
        },
    }))
}
