//! Listing a customer's orders.

use super::Orders;
use crate::ports::{CustomerOrders, OrderPage, StoreError};

impl Orders {
    /// One page of a customer's orders, newest first; empty for a customer without orders.
    ///
    /// # Errors
    /// What the store said instead.
    pub async fn list(&self, query: &CustomerOrders) -> Result<OrderPage, StoreError> {
        self.store().customer_orders(query, self.deadline()).await
    }
}
