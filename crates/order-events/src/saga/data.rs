//! The data of commands and replies as they are written, and their schemas. The doc comments here are
//! descriptions in the frozen contract; `schema/values.rs` and the end of this file say
//! which values a field may have.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::reply::{Reason, Reply};
use super::{COMMAND_SCHEMA, REPLY_SCHEMA};
use crate::schema::{values, whole};

/// The data of `inventory.reserve`: keep these back for the order.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SagaReserve")]
pub(super) struct ReserveData {
    /// Whose.
    #[schemars(schema_with = "values::id")]
    pub(super) order_id: i64,
    /// What is wanted. The same product may be in several lines.
    #[schemars(length(min = 1, max = 200))]
    pub(super) items: Vec<ItemData>,
}

/// One line of a reservation.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SagaItem")]
pub(super) struct ItemData {
    /// What is wanted.
    #[schemars(schema_with = "values::id")]
    pub(super) product_id: i64,
    /// How many.
    #[schemars(schema_with = "values::quantity")]
    pub(super) quantity: i64,
}

/// The data of `payment.authorize`: keep this amount back for the order.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SagaAuthorize")]
pub(super) struct AuthorizeData {
    /// Whose.
    #[schemars(schema_with = "values::id")]
    pub(super) order_id: i64,
    /// Who pays.
    #[schemars(schema_with = "values::id")]
    pub(super) customer_id: i64,
    /// How much, with the currency's decimals. Text, so that it is exact.
    #[schemars(schema_with = "values::amount")]
    pub(super) amount: String,
    /// ISO 4217.
    #[schemars(schema_with = "values::currency")]
    pub(super) currency: String,
}

/// The data of commands about an earlier one: of release and commit, void and capture.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SagaFollowUp")]
pub(super) struct FollowUpData {
    /// Whose.
    #[schemars(schema_with = "values::id")]
    pub(super) order_id: i64,
    /// The id of the command that this is about.
    #[schemars(schema_with = "values::uuid")]
    pub(super) of: String,
    /// What the reply to that command called its work; absent without a reply or a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "reference")]
    pub(super) reference: Option<String>,
}

/// The data of every reply.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SagaReply")]
pub(super) struct ReplyData {
    /// Whose.
    #[schemars(schema_with = "values::id")]
    pub(super) order_id: i64,
    /// Why it was rejected. More reasons may come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "reason")]
    pub(super) reason: Option<String>,
    /// What the participant calls its work; it comes back in later commands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "reference")]
    pub(super) reference: Option<String>,
    /// A text for operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "detail")]
    pub(super) detail: Option<String>,
}

/// The schema of the data of a command; the command's type says which of the three it is.
#[must_use]
pub fn command_schema() -> Value {
    whole(COMMAND_SCHEMA, |mut generator: SchemaGenerator| {
        let parts: [Schema; 3] = [
            generator.subschema_for::<ReserveData>(),
            generator.subschema_for::<AuthorizeData>(),
            generator.subschema_for::<FollowUpData>(),
        ];
        let mut schema = json_schema!({
            "title": "SagaCommand",
            "description": "The data of a command. The type of the command says which of these it is.",
            "anyOf": parts,
        });
        schema.insert("$schema".to_owned(), values::DIALECT.into());
        schema.insert("$defs".to_owned(), generator.take_definitions(true).into());
        schema
    })
}

/// The schema of the data of a reply.
#[must_use]
pub fn reply_schema() -> Value {
    whole(REPLY_SCHEMA, SchemaGenerator::into_root_schema_for::<ReplyData>)
}

/// The schemas of the data by name, for a document that keeps schemas under `path`.
pub(crate) fn definitions(path: &str) -> Map<String, Value> {
    let mut settings = SchemaSettings::draft2020_12().for_serialize();
    settings.definitions_path = path.to_owned().into();
    let mut generator = settings.into_generator();
    generator.subschema_for::<ReserveData>();
    generator.subschema_for::<AuthorizeData>();
    generator.subschema_for::<FollowUpData>();
    generator.subschema_for::<ReplyData>();
    generator.take_definitions(true)
}

fn reason(_: &mut SchemaGenerator) -> Schema {
    let known = Reason::ALL.map(Reason::as_str);
    let most = Reply::MAX_REASON;
    json_schema!({
        "type": "string",
        "pattern": format!("^[A-Z0-9_]{{1,{most}}}$"),
        "x-extensible-enum": known,
    })
}

fn reference(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": Reply::MAX_REFERENCE})
}

fn detail(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": Reply::MAX_DETAIL})
}
