//! The reads: one order, a customer's orders, and the events of an order.

use order_domain::{Order, OrderId};
use tracing::Instrument as _;

use super::Orders;
use crate::events::EventRecord;
use crate::ports::{CustomerOrders, OrderPage, StoreError};
use crate::traces;

/// Why an order, or its history, could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// There is no such order.
    #[error("there is no such order")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Orders {
    /// The order as last committed.
    ///
    /// # Errors
    /// [`FindError`], each case by its name.
    pub async fn find(&self, id: OrderId) -> Result<Order, FindError> {
        let step = tracing::info_span!(target: traces::TARGET, "find order");
        let found = self.store().order(id, self.deadline()).instrument(step).await?;
        found.ok_or(FindError::NotFound)
    }

    /// One page of a customer's orders, newest first; empty for a customer without orders.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn list(&self, query: &CustomerOrders) -> Result<OrderPage, StoreError> {
        let step = tracing::info_span!(target: traces::TARGET, "list orders");
        self.store().customer_orders(query, self.deadline()).instrument(step).await
    }

    /// The order's events with a sequence above `after`, in sequence, at most `limit`: its history,
    /// also for subscribers that have missed some.
    ///
    /// # Errors
    /// [`FindError`], each case by its name.
    pub async fn history(
        &self,
        id: OrderId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<EventRecord>, FindError> {
        let deadline = self.deadline();
        let step = tracing::info_span!(target: traces::TARGET, "read history");
        let events = self.store().events(id, after, limit, deadline).instrument(step).await?;
        if events.is_empty() && self.store().order(id, deadline).await?.is_none() {
            return Err(FindError::NotFound);
        }
        Ok(events)
    }
}
