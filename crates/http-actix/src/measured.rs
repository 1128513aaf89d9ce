//! The way of JSON in and out, without a server around it: what `benches/json.rs` measures.
//! Nothing to rely on.

use order_app::currencies::Currencies;
use order_app::idempotency::Answer;
use order_app::orders::PlaceOrder;
use order_domain::Order;

use crate::{body, endpoints};

/// The command in the body of `POST /orders`, if there is nothing wrong with it.
#[must_use]
pub fn read_place_order(bytes: &[u8], currencies: &Currencies) -> Option<PlaceOrder> {
    body::place_order(bytes, currencies).ok()
}

/// The answer to a placed order.
#[must_use]
pub fn render_order(order: &Order) -> Answer {
    endpoints::orders::created(order)
}
