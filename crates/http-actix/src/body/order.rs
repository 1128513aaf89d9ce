//! Orders as they leave: the body, and the answers that carry it.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ETAG, LOCATION};
use order_app::events::timestamp;
use order_app::idempotency::Answer;
use order_domain::{CancelReason, Order, OrderLine, OrderStatus};
use serde::Serialize;
use utoipa::ToSchema;

use crate::request::etag;

/// An order.
#[derive(Serialize, ToSchema)]
#[schema(as = Order)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct OrderBody {
    /// Given by the service; never reused.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 123)]
    id: i64,
    /// Who placed it.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 42)]
    customer_id: i64,
    /// What was bought.
    #[schema(min_items = 1, max_items = 200)]
    items: Vec<LineOutBody>,
    /// ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$", example = "USD")]
    currency: &'static str,
    /// The exact sum of the lines, with the currency's decimals.
    #[schema(pattern = r"^[0-9]{1,15}(\.[0-9]{1,4})?$", example = "149.97")]
    total_amount: String,
    /// Where it stands.
    #[schema(schema_with = crate::openapi::status_out)]
    status: &'static str,
    /// Where it may go from there.
    #[schema(schema_with = crate::openapi::statuses_out)]
    allowed_transitions: Vec<&'static str>,
    /// 1 at creation, one more with every change; the `ETag`.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 1)]
    version: i64,
    /// The client's own name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^[A-Za-z0-9._-]{1,64}$", example = "PO-2026-0815")]
    client_reference: Option<String>,
    /// Why it was cancelled; only on a cancelled order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = crate::openapi::cancel_reason_out)]
    cancel_reason: Option<&'static str>,
    /// When it was placed.
    #[schema(schema_with = crate::openapi::time_out)]
    created_at: String,
    /// When it last changed.
    #[schema(schema_with = crate::openapi::time_out)]
    updated_at: String,
}

/// One line of an order.
#[derive(Serialize, ToSchema)]
#[schema(as = OrderLine)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LineOutBody {
    /// What was bought.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 1001)]
    product_id: i64,
    /// What it was called when it was bought.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 200, example = "Desk lamp")]
    name: Option<String>,
    /// How many pieces.
    #[schema(minimum = 1, maximum = 9_999, example = 3)]
    quantity: u16,
    /// What one piece costs, with the currency's decimals.
    #[schema(pattern = r"^[0-9]{1,7}(\.[0-9]{1,4})?$", example = "49.99")]
    unit_price: String,
    /// Quantity times unit price.
    #[schema(pattern = r"^[0-9]{1,15}(\.[0-9]{1,4})?$", example = "149.97")]
    line_total: String,
}

/// One page of a customer's orders, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = OrderPage)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct OrderPageBody {
    /// The orders.
    #[schema(max_items = 100)]
    pub(crate) orders: Vec<OrderBody>,
    /// Where the next page starts; null on the last page.
    #[schema(schema_with = crate::openapi::cursor_or_null)]
    pub(crate) next_cursor: Option<String>,
}

impl From<&Order> for OrderBody {
    fn from(order: &Order) -> Self {
        let currency = order.currency();
        let snapshot = order.snapshot();
        let line = |line: &OrderLine| LineOutBody {
            product_id: line.product_id.get(),
            name: line.name.as_ref().map(ToString::to_string),
            quantity: line.quantity.get(),
            unit_price: line.unit_price.amount().display(currency).to_string(),
            line_total: line.total().display(currency).to_string(),
        };
        let allowed = snapshot.status.allowed_transitions();
        Self {
            id: snapshot.id.get(),
            customer_id: snapshot.customer_id.get(),
            items: snapshot.lines.as_slice().iter().map(line).collect(),
            currency: currency.code(),
            total_amount: snapshot.lines.total().display(currency).to_string(),
            status: snapshot.status.as_str(),
            allowed_transitions: allowed.map(OrderStatus::as_str).collect(),
            version: snapshot.version.get(),
            client_reference: snapshot.client_reference.as_ref().map(ToString::to_string),
            cancel_reason: snapshot.cancel_reason.map(CancelReason::as_str),
            created_at: timestamp(snapshot.created_at),
            updated_at: timestamp(snapshot.updated_at),
        }
    }
}

/// The answer to a placed order: 201.
pub(crate) fn created(order: &Order) -> Answer {
    let mut answer = answer(order, StatusCode::CREATED);
    let location = format!("/orders/{}", order.id());
    answer.headers.push((LOCATION.as_str().to_owned(), location));
    answer
}

/// The answer to a changed order: 200.
pub(crate) fn changed(order: &Order) -> Answer {
    answer(order, StatusCode::OK)
}

/// An order, with its version as the entity tag.
pub(crate) fn answer(order: &Order, status: StatusCode) -> Answer {
    Answer {
        status: status.as_u16(),
        headers: vec![
            (CONTENT_TYPE.as_str().to_owned(), "application/json".to_owned()),
            (ETAG.as_str().to_owned(), etag(order.version())),
        ],
        body: serde_json::to_vec(&OrderBody::from(order)).unwrap_or_default(),
    }
}
