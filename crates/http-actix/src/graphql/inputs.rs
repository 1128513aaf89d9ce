//! What mutations take. An input is written as the body that the REST interface takes, and read by the same reader: so both
//! have one set of rules, and errors name the same fields.

use async_graphql::{ID, InputObject};
use order_domain::OrderId;
use serde::{Serialize, Serializer};

use super::enums::{CancelReason, OrderStatus};
use super::scalars::{Amount, Currency};

/// An order to be placed.
#[derive(InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlaceOrderInput {
    /// Who places it.
    #[serde(serialize_with = "number")]
    customer_id: ID,
    /// The currency of all prices; the service's default when absent.
    currency: Option<Currency>,
    /// What is bought: 1 to 200 lines, each product once.
    items: Vec<OrderLineInput>,
    /// The client's own name for the order, unique per customer.
    client_reference: Option<String>,
    /// The total that the client expects; it must be the exact sum of the lines.
    total_amount: Option<Amount>,
    /// Has the order placed once, however often the mutation comes: 1 to 255 visible ASCII characters, kept for 24 hours.
    #[serde(skip)]
    pub(super) idempotency_key: Option<String>,
}

/// One line of an order.
#[derive(InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
struct OrderLineInput {
    /// What is bought.
    #[serde(serialize_with = "number")]
    product_id: ID,
    /// What it is called at this moment, up to 200 characters.
    name: Option<String>,
    /// How many pieces, 1 to 9,999.
    quantity: i32,
    /// What one piece costs.
    unit_price: Amount,
}

/// New lines for a pending order.
#[derive(InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReplaceOrderLinesInput {
    /// Which order.
    #[serde(skip)]
    pub(super) id: ID,
    /// All lines of the order from now on: 1 to 200, each product once, priced in the order's currency.
    items: Vec<OrderLineInput>,
    /// The total that the client expects; it must be the exact sum of the lines.
    total_amount: Option<Amount>,
    /// The version that the client knows: the order is changed only if it still has it.
    #[serde(skip)]
    pub(super) expected_version: Option<i64>,
    /// Has the lines replaced once, however often the mutation comes: 1 to 255 visible ASCII characters, kept for 24 hours.
    #[serde(skip)]
    pub(super) idempotency_key: Option<String>,
}

/// Where an order is to go.
#[derive(InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChangeOrderStatusInput {
    /// Which order.
    #[serde(skip)]
    pub(super) id: ID,
    /// The status.
    #[serde(serialize_with = "status")]
    status: OrderStatus,
    /// Why; only with `CANCELLED`.
    #[serde(serialize_with = "reason")]
    reason: Option<CancelReason>,
    /// A remark for the event, up to 500 characters.
    note: Option<String>,
    /// The version that the client knows: the order is changed only if it still has it.
    #[serde(skip)]
    pub(super) expected_version: Option<i64>,
    /// Has the status changed once, however often the mutation comes: 1 to 255 visible ASCII characters, kept for 24 hours.
    #[serde(skip)]
    pub(super) idempotency_key: Option<String>,
}

/// An id is a number in the REST interface. One that is none, or is spelled otherwise than ids are, is refused there.
fn number<S: Serializer>(id: &ID, serializer: S) -> Result<S::Ok, S::Error> {
    match id.parse::<OrderId>() {
        Ok(number) => serializer.serialize_i64(number.get()),
        Err(_) => serializer.serialize_str(id),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is that of the serializer")]
fn status<S: Serializer>(status: &OrderStatus, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(order_domain::OrderStatus::from(*status).as_str())
}

#[expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature is that of the serializer"
)]
fn reason<S: Serializer>(reason: &Option<CancelReason>, serializer: S) -> Result<S::Ok, S::Error> {
    let name = reason.map(|reason| order_domain::CancelReason::from(reason).as_str());
    name.serialize(serializer)
}
