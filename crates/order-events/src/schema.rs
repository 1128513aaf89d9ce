//! The JSON Schemas (draft 2020-12) of what is published, derived from the types. What is written
//! satisfies them; they leave room for what later minor versions may add, and so should a reader.

use schemars::Schema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use crate::cloud_event::{CloudEvent, DATA_SCHEMA};
use crate::data::EventData;

/// Where the service serves the schema that `dataschema` names.
pub const EVENT_SCHEMA_PATH: &str = "/schemas/order-event-v1.json";
/// Where it serves the schema of an event in the JSON format of `CloudEvents`.
pub const CLOUD_EVENT_SCHEMA_PATH: &str = "/schemas/order-cloudevent-v1.json";
/// The name of the second one; the first one's is [`DATA_SCHEMA`].
pub const CLOUD_EVENT_SCHEMA: &str = "urn:order-service:cloudevents:order:v1";

/// The schema of the data of an event.
#[must_use]
pub fn event_data() -> Value {
    whole(DATA_SCHEMA, SchemaGenerator::into_root_schema_for::<EventData>)
}

/// The schema of an event in the JSON format of `CloudEvents`.
#[must_use]
pub fn cloud_event() -> Value {
    whole(CLOUD_EVENT_SCHEMA, SchemaGenerator::into_root_schema_for::<CloudEvent<'_>>)
}

/// The schemas by name, for a document that keeps schemas at `place`, such as
/// `/components/schemas`.
#[must_use]
pub fn definitions(place: &str) -> Map<String, Value> {
    let mut settings = SchemaSettings::draft2020_12().for_serialize();
    settings.definitions_path = place.to_owned().into();
    let mut generator = settings.into_generator();
    generator.subschema_for::<CloudEvent<'_>>();
    generator.take_definitions(true)
}

fn whole(id: &str, root: impl FnOnce(SchemaGenerator) -> Schema) -> Value {
    let mut schema = root(SchemaSettings::draft2020_12().for_serialize().into_generator());
    schema.insert("$id".to_owned(), json!(id));
    schema.to_value()
}

/// What the values of the fields may be, from the rules of the domain.
pub(crate) mod values {
    use order_domain::{
        CancelReason, ClientReference, MAX_ID, Note, OrderEventKind, OrderStatus, ProductName,
    };
    use schemars::{Schema, SchemaGenerator, json_schema};
    use serde_json::{Value, json};

    use crate::cloud_event::{DATA_SCHEMA, SOURCE};

    pub(crate) fn id(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "format": "int64", "minimum": 1, "maximum": MAX_ID})
    }

    pub(crate) fn quantity(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": 1, "maximum": 9_999})
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

    /// Text, so that nobody reads it into binary floating point.
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

    /// `x-extensible-enum`: these values today, others tomorrow.
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
}
