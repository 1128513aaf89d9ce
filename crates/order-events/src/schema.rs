//! The JSON Schemas (draft 2020-12) of the events, derived from the types. Every published event
//! satisfies them. They allow fields that later minor versions may add, and so should a subscriber.

use schemars::Schema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use crate::cloud_event::CloudEvent;
use crate::data::EventData;

pub(crate) mod values;

use values::DATA_SCHEMA;

/// Where the service serves the schema that `dataschema` names.
pub const EVENT_SCHEMA_PATH: &str = "/schemas/order-event-v1.json";
/// Where it serves the schema of an event in the JSON format of `CloudEvents`.
pub const CLOUD_EVENT_SCHEMA_PATH: &str = "/schemas/order-cloudevent-v1.json";
/// The name of that schema; the data's is [`DATA_SCHEMA`]. Those of the saga's messages are in
/// [`saga`](crate::saga).
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

/// The schemas by name, for a document that keeps schemas under `path`, such as
/// `/components/schemas`.
#[must_use]
pub fn definitions(path: &str) -> Map<String, Value> {
    let mut settings = SchemaSettings::draft2020_12().for_serialize();
    settings.definitions_path = path.to_owned().into();
    let mut generator = settings.into_generator();
    generator.subschema_for::<CloudEvent<'_>>();
    generator.take_definitions(true)
}

pub(crate) fn whole(id: &str, root: impl FnOnce(SchemaGenerator) -> Schema) -> Value {
    let mut schema = root(SchemaSettings::draft2020_12().for_serialize().into_generator());
    schema.insert("$id".to_owned(), json!(id));
    schema.to_value()
}
