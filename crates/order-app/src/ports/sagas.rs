//! Sagas, as they are read. They are written by [`OrderStore::commit`](super::OrderStore::commit) alone.

use async_trait::async_trait;
use order_domain::OrderId;

use chrono::{DateTime, Utc};

use super::{Deadline, Page, SagaWrite, StateName, StoreError, StoredOrder};

/// Reads sagas. An order has one at most, and its id is that of the order.
///
/// Deadlines, dropped futures and transient faults are as in [`OrderStore`](super::OrderStore).
#[async_trait]
pub trait SagaStore: Send + Sync {
    /// A saga with its order, both as one commit left them; `None` when there is no such order, or it has no saga.
    async fn saga(&self, id: OrderId, deadline: Deadline)
    -> Result<Option<StoredSaga>, StoreError>;

    /// The sagas that were due at a time, oldest first by ([`due_at`](SagaWrite::due_at), id), at most `limit`, and after
    /// `after`. With the last of one page as `after` of the next, one that stays due holds up no other.
    async fn due(
        &self,
        at: DateTime<Utc>,
        after: Option<DueSaga>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<DueSaga>, StoreError>;

    /// The orders whose sagas an operator must look at, by ascending id, after `after`, at most `limit`.
    async fn attention(
        &self,
        after: Option<OrderId>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Page<OrderId>, StoreError>;

    /// How many sagas are not over, counted up to [`SagaCensus::BOUND`].
    async fn census(&self, deadline: Deadline) -> Result<SagaCensus, StoreError>;

    /// Deletes sagas that are over, need no operator, and changed last before a time; at most `limit`. Answers how many.
    /// Their orders, and the revisions that these know, stay.
    async fn purge(
        &self,
        changed_before: DateTime<Utc>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<u32, StoreError>;
}

/// A saga that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueSaga {
    /// Since when.
    pub due_at: DateTime<Utc>,
    /// Its order.
    pub order: OrderId,
}

/// The numbers of the sagas that are stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SagaCensus {
    /// How many are in each state, of those that are not over. The ones that are due first are counted.
    pub open: Vec<(StateName, u64)>,
    /// How many an operator must look at, over or not.
    pub attention: u64,
    /// When the first one is or was due.
    pub first_due: Option<DateTime<Utc>>,
}

impl SagaCensus {
    /// The most that is counted, of the open ones and of those that need an operator.
    pub const BOUND: u32 = 10_000;
}

/// A saga with its order, as last committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSaga {
    /// The order, and the revision of the saga.
    pub stored: StoredOrder,
    /// The saga, as it was written.
    pub saga: SagaWrite,
}
