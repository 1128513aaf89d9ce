//! The reads: one order, a customer's orders, and the events of an order.

use order_domain::{Order, OrderId, Version};
use tracing::Instrument as _;

use super::Orders;
use crate::caller::{Authority, Caller, Forbidden};
use crate::events::EventRecord;
use crate::ports::{CustomerOrders, OrderPage, Page, StoreError};
use crate::traces;

/// One page of an order's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The events, in sequence.
    pub events: Vec<EventRecord>,
    /// The events between them that are missing, because their stored form is not that of an event.
    pub left_out: Vec<Version>,
    /// The last event of the page, when there are more.
    pub next: Option<Version>,
}

/// Why an order, or its history, could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The caller may not read orders.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// There is no such order, or none that the caller may know of.
    #[error("there is no such order")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why orders could not be listed.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The caller may not read orders.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Orders {
    /// The order as last committed.
    ///
    /// # Errors
    /// [`FindError`], each case by its name.
    pub async fn find(&self, caller: &Caller, id: OrderId) -> Result<Order, FindError> {
        let reach = caller.orders(Authority::Read)?;
        let step = tracing::info_span!(target: traces::TARGET, "find order");
        let found = self.known(reach, id, self.deadline()).instrument(step).await?;
        Ok(found.ok_or(FindError::NotFound)?.order)
    }

    /// One page of a customer's orders, newest first; empty for a customer without orders, and for one of whom the
    /// caller may not know.
    ///
    /// # Errors
    /// [`ListError`], each case by its name.
    pub async fn list(
        &self,
        caller: &Caller,
        query: &CustomerOrders,
    ) -> Result<OrderPage, ListError> {
        if !caller.orders(Authority::Read)?.covers(query.customer_id) {
            return Ok(OrderPage::default());
        }
        let step = tracing::info_span!(target: traces::TARGET, "list orders");
        let deadline = self.deadline();
        Ok(self.store().customer_orders(query, deadline).instrument(step).await?)
    }

    /// The order's events with a sequence above `after`, in sequence, at most `limit`, and about
    /// [`PAGE_BYTES`](crate::ports::PAGE_BYTES): its history,
    /// also for subscribers that have missed some. An event that cannot be read is logged, left out
    /// and counted, so that subscribers get the others.
    ///
    /// # Errors
    /// [`FindError`], each case by its name.
    pub async fn history(
        &self,
        caller: &Caller,
        id: OrderId,
        after: i64,
        limit: u32,
    ) -> Result<History, FindError> {
        let reach = caller.orders(Authority::Read)?;
        let deadline = self.deadline();
        if reach.is_limited() {
            self.known(reach, id, deadline).await?.ok_or(FindError::NotFound)?;
        }
        let step = tracing::info_span!(target: traces::TARGET, "read history");
        let Page { items: stored, more } =
            self.store().events(id, after, limit, deadline).instrument(step).await?;
        if stored.is_empty() && self.store().order(id, deadline).await?.is_none() {
            return Err(FindError::NotFound);
        }
        let next = stored.last().filter(|_| more).map(|(sequence, _)| *sequence);
        let (mut events, mut left_out) = (Vec::new(), Vec::new());
        for (sequence, event) in stored {
            match event {
                Ok(event) => events.push(event),
                Err(reason) => {
                    let what = "an event is left out of its order's history";
                    tracing::warn!(
                        order.id = id.get(),
                        sequence = sequence.get(),
                        reason,
                        "{what}"
                    );
                    left_out.push(sequence);
                }
            }
        }
        self.0.stats.left_out(left_out.len());
        Ok(History { events, left_out, next })
    }
}
