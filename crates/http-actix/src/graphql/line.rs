//! Lines of orders and of events.

use async_graphql::{ID, SimpleObject};

use super::scalars::Amount;

/// One line of an order.
#[derive(SimpleObject)]
pub(super) struct OrderLine {
    /// What was bought.
    pub(super) product_id: ID,
    /// What it was called when it was bought.
    pub(super) name: Option<String>,
    /// How many pieces, 1 to 9,999.
    pub(super) quantity: u16,
    /// What one piece costs.
    pub(super) unit_price: Amount,
    /// Quantity times unit price.
    pub(super) line_total: Amount,
}
