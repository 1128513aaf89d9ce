//! The data of an event as it is written. Its JSON Schema is derived from these types, with their doc
//! comments as descriptions: so those are part of the frozen contract. `schema/values.rs` says which
//! values a field may have.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::values;

/// The data of every event: the order right after it, complete, so that nobody has to call back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "OrderEventData")]
pub struct EventData {
    /// Which order.
    #[schemars(schema_with = "values::id")]
    pub order_id: i64,
    /// Whose.
    #[schemars(schema_with = "values::id")]
    pub customer_id: i64,
    /// Its version; 1, 2, 3, … without a gap.
    #[schemars(schema_with = "values::id")]
    pub sequence: i64,
    /// Where it stands now.
    #[schemars(schema_with = "values::status")]
    pub status: String,
    /// Where it stood before; null when it was placed.
    #[schemars(schema_with = "values::status_or_null")]
    pub previous_status: Option<String>,
    /// ISO 4217.
    #[schemars(schema_with = "values::currency")]
    pub currency: String,
    /// The exact sum of the lines, with the currency's decimals.
    #[schemars(schema_with = "values::amount")]
    pub total_amount: String,
    /// Its lines.
    #[schemars(length(min = 1, max = 200))]
    pub items: Vec<EventLine>,
    /// The client's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "values::client_reference")]
    pub client_reference: Option<String>,
    /// On cancellation: why. More reasons may come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "values::cancel_reason")]
    pub cancel_reason: Option<String>,
    /// A remark that came with the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "values::note")]
    pub note: Option<String>,
    /// When the change happened, RFC 3339, UTC, microseconds.
    #[schemars(schema_with = "values::timestamp")]
    pub occurred_at: String,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "OrderEventLine")]
pub struct EventLine {
    /// What was bought.
    #[schemars(schema_with = "values::id")]
    pub product_id: i64,
    /// What it was called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "values::product_name")]
    pub name: Option<String>,
    /// How many.
    #[schemars(schema_with = "values::quantity")]
    pub quantity: u16,
    /// For how much a piece, with the currency's decimals.
    #[schemars(schema_with = "values::amount")]
    pub unit_price: String,
    /// Quantity times unit price, exact.
    #[schemars(schema_with = "values::amount")]
    pub line_total: String,
}
