//! Sagas, as they are read. They are written by [`OrderStore::commit`](super::OrderStore::commit) alone.

use async_trait::async_trait;
use order_domain::OrderId;

use super::{Deadline, SagaWrite, StoreError, StoredOrder};

/// Reads sagas. An order has one at most, and its id is that of the order.
///
/// Deadlines, dropped futures and transient faults are as in [`OrderStore`](super::OrderStore).
#[async_trait]
pub trait SagaStore: Send + Sync {
    /// A saga with its order, both as one commit left them; `None` when there is no such order, or it has no saga.
    async fn saga(&self, id: OrderId, deadline: Deadline)
    -> Result<Option<StoredSaga>, StoreError>;
}

/// A saga with its order, as last committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSaga {
    /// The order, and the revision of the saga.
    pub stored: StoredOrder,
    /// The saga, as it was written.
    pub saga: SagaWrite,
}
