//! Reading and writing JSON without a server, for `benches/json.rs` and tests alone.

use order_app::currencies::Currencies;
use order_app::idempotency::Answer;
use order_app::orders::PlaceOrder;
use order_domain::Order;

use crate::app::AmountForm;
use crate::{body, endpoints};

/// The command in the body of `POST /orders`.
///
/// # Errors
/// The status of the problem.
pub fn read_place_order(bytes: &[u8], currencies: &Currencies) -> Result<PlaceOrder, u16> {
    body::place_order(bytes, currencies).map_err(|problem| problem.code().status().as_u16())
}

/// The answer to a placed order.
#[must_use]
pub fn render_order(order: &Order) -> Answer {
    endpoints::orders::created(AmountForm::Text)(order)
}
