//! Orders as they leave.

use std::fmt::Display;

use order_app::events::timestamp;
use order_domain::{
    CancelReason, ClientReference, Order, OrderLine, OrderLines, OrderStatus, ProductName,
};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::amount::Spelled;
use crate::app::{AmountForm, Forms, ListForm};

/// Bytes reserved for each order, and once more, beside its lines.
const RESERVE: usize = 512;
/// Bytes reserved for each line, beside its name.
const LINE: usize = 128;

/// An order.
#[derive(Serialize, ToSchema)]
#[schema(as = Order)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderBody<'a> {
    /// Given by the service; never reused.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 1)]
    id: i64,
    /// Who placed it.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 42)]
    customer_id: i64,
    /// What was bought.
    #[schema(value_type = Vec<LineOutBody>, min_items = 1, max_items = 200)]
    items: Lines<'a>,
    /// ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$", example = "USD")]
    currency: &'static str,
    /// The exact sum of the lines, with the currency's decimals.
    #[schema(schema_with = crate::schema::amount_out)]
    total_amount: Spelled,
    /// Where it stands.
    #[schema(schema_with = crate::schema::status)]
    status: &'static str,
    /// Where it may go from there.
    #[schema(schema_with = crate::schema::statuses)]
    allowed_transitions: Transitions,
    /// 1 at creation, one more with every change; the `ETag`.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 1)]
    version: i64,
    /// The client's own name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^[A-Za-z0-9._-]{1,64}$", example = "PO-2026-0815")]
    client_reference: Option<&'a str>,
    /// Why it was cancelled; only on a cancelled order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = crate::schema::cancel_reason_out)]
    cancel_reason: Option<&'static str>,
    /// When it was placed.
    #[schema(schema_with = crate::schema::time_out)]
    created_at: String,
    /// When it last changed.
    #[schema(schema_with = crate::schema::time_out)]
    updated_at: String,
}

/// One line of an order.
#[derive(Serialize, ToSchema)]
#[schema(as = OrderLine)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LineOutBody<'a> {
    /// What was bought.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 1001)]
    product_id: i64,
    /// What it was called when it was bought.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 200, example = "Desk lamp")]
    name: Option<&'a str>,
    /// How many pieces.
    #[schema(minimum = 1, maximum = 9_999, example = 3)]
    quantity: u16,
    /// What one piece costs, with the currency's decimals.
    #[schema(schema_with = crate::schema::price_out)]
    unit_price: Spelled,
    /// Quantity times unit price.
    #[schema(schema_with = crate::schema::amount_out)]
    line_total: Spelled,
}

/// One page of a customer's orders, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = OrderPage)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderPageBody<'a> {
    /// The orders.
    #[schema(value_type = Vec<OrderBody>, max_items = 100)]
    orders: Orders<'a>,
    /// Where the next page starts; null on the last page.
    #[schema(schema_with = crate::schema::cursor_or_null)]
    next_cursor: Option<String>,
}

/// A page of orders, written one by one.
struct Orders<'a>(&'a [Order], AmountForm);

impl Serialize for Orders<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|order| OrderBody::of(order, self.1)))
    }
}

/// The lines of an order, written one by one, without a list of bodies in memory.
struct Lines<'a>(&'a OrderLines, AmountForm);

impl Serialize for Lines<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(lines, form) = self;
        let currency = lines.currency();
        serializer.collect_seq(lines.iter().map(|line| LineOutBody {
            product_id: line.product_id.get(),
            name: line.name.as_ref().map(ProductName::as_str),
            quantity: line.quantity.get(),
            unit_price: Spelled(line.unit_price.get().display(currency), *form),
            line_total: Spelled(line.total().display(currency), *form),
        }))
    }
}

/// Where an order in this status may go, written one by one.
struct Transitions(OrderStatus);

impl Serialize for Transitions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.allowed_transitions().map(OrderStatus::as_str))
    }
}

impl<'a> OrderBody<'a> {
    fn of(order: &'a Order, amounts: AmountForm) -> Self {
        let currency = order.currency();
        let snapshot = order.snapshot();
        Self {
            id: snapshot.id.get(),
            customer_id: snapshot.customer_id.get(),
            items: Lines(&snapshot.lines, amounts),
            currency: currency.code(),
            total_amount: Spelled(snapshot.lines.total().display(currency), amounts),
            status: snapshot.status.as_str(),
            allowed_transitions: Transitions(snapshot.status),
            version: snapshot.version.get(),
            client_reference: snapshot.client_reference.as_ref().map(ClientReference::as_str),
            cancel_reason: snapshot.cancel_reason.map(CancelReason::as_str),
            created_at: timestamp(snapshot.created_at),
            updated_at: timestamp(snapshot.updated_at),
        }
    }
}

/// About the bytes of an order. A large body must not have grown: it would hold up to twice its bytes until it is sent.
fn room(order: &Order) -> usize {
    let name = |line: &OrderLine| line.name.as_ref().map_or(0, |name| name.as_str().len());
    let lines = order.snapshot().lines.iter().map(|line| name(line).saturating_add(LINE));
    lines.fold(RESERVE, usize::saturating_add)
}

/// An order.
pub(crate) fn order(order: &Order, amounts: AmountForm) -> Vec<u8> {
    json(&OrderBody::of(order, amounts), room(order))
}

/// The entity tag of a version.
pub(crate) fn etag(version: impl Display) -> String {
    format!("\"{version}\"")
}

/// A page of orders.
pub(crate) fn page(orders: &[Order], next_cursor: Option<String>, forms: Forms) -> Vec<u8> {
    let room = orders.iter().map(room).fold(0, usize::saturating_add);
    let orders = Orders(orders, forms.amounts);
    match forms.customer_orders {
        ListForm::Page => json(&OrderPageBody { orders, next_cursor }, room),
        ListForm::List => json(&orders, room),
    }
}

/// Writes a body to memory, which cannot fail: bodies are plain texts and numbers.
fn json<T: Serialize>(body: &T, room: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(room.saturating_add(RESERVE));
    let _ = serde_json::to_writer(&mut bytes, body);
    bytes
}
