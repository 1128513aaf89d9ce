//! Listing a customer's orders.

use tracing::Instrument as _;

use super::Orders;
use crate::ports::{CustomerOrders, OrderPage, StoreError};
use crate::traces;

impl Orders {
    /// One page of a customer's orders, newest first; empty for a customer without orders.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn list(&self, query: &CustomerOrders) -> Result<OrderPage, StoreError> {
        let step = tracing::info_span!(target: traces::TARGET, "list orders");
        self.store().customer_orders(query, self.deadline()).instrument(step).await
    }
}
