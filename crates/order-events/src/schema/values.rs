//! Which values the fields of an event may have, from the rules of the domain, and the two that are
//! the same in every event.

use order_domain::{
    CancelReason, ClientReference, MAX_ID, Note, OrderEventKind, OrderStatus, ProductName, Quantity,
};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

/// `source` of every event.
pub const SOURCE: &str = "/order-service";
/// The schema of the data of all events: major version 1. Additions are optional fields only.
pub const DATA_SCHEMA: &str = "urn:order-service:events:order:v1";

/// The meta-schema of all schemas here.
pub(crate) const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

pub(crate) fn id(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "integer", "format": "int64", "minimum": 1, "maximum": MAX_ID})
}

pub(crate) fn quantity(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "integer", "minimum": 1, "maximum": Quantity::MAX})
}

pub(crate) fn status(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": OrderStatus::ALL.map(OrderStatus::as_str)})
}

pub(crate) fn status_or_null(_: &mut SchemaGenerator) -> Schema {
    let mut all: Vec<Value> = OrderStatus::ALL.iter().map(|s| json!(s.as_str())).collect();
    all.push(Value::Null);
    json_schema!({"type": ["string", "null"], "enum": all})
}

pub(crate) fn currency(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": "^[A-Z]{3}$"})
}

/// Text, so that no reader takes it for binary floating point.
pub(crate) fn amount(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "pattern": r"^(0|[1-9][0-9]{0,14})(\.[0-9]{1,4})?$",
    })
}

pub(crate) fn client_reference(_: &mut SchemaGenerator) -> Schema {
    let most = ClientReference::MAX;
    json_schema!({"type": "string", "pattern": format!("^[A-Za-z0-9._-]{{1,{most}}}$")})
}

/// `x-extensible-enum`: these values now, more of them later.
pub(crate) fn cancel_reason(_: &mut SchemaGenerator) -> Schema {
    let known = CancelReason::ALL.map(CancelReason::as_str);
    json_schema!({"type": "string", "x-extensible-enum": known})
}

pub(crate) fn event_type(_: &mut SchemaGenerator) -> Schema {
    let known = OrderEventKind::ALL.map(OrderEventKind::as_str);
    json_schema!({
        "type": "string",
        "pattern": r"^order\.[a-z_]+$",
        "x-extensible-enum": known,
    })
}

pub(crate) fn note(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": Note::MAX})
}

pub(crate) fn product_name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": ProductName::MAX})
}

pub(crate) fn timestamp(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "format": "date-time",
        "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$",
    })
}

pub(crate) fn uuid(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "uuid"})
}

/// An id or a version as text.
pub(crate) fn number(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": "^[1-9][0-9]{0,15}$"})
}

pub(crate) fn text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1})
}

pub(crate) fn traceparent(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}",
    })
}

pub(crate) fn specversion(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "const": "1.0"})
}

pub(crate) fn source(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "const": SOURCE})
}

pub(crate) fn data_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "const": DATA_SCHEMA})
}

pub(crate) fn json_media_type(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "const": "application/json"})
}
