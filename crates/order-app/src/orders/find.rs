//! Reading one order.

use order_domain::{Order, OrderId};
use tracing::Instrument as _;

use super::Orders;
use crate::ports::StoreError;
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
}
