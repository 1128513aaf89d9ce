//! The store: orders, their events and the recorded answers.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use order_domain::{CustomerId, Order, OrderId, OrderStatus, Version};

use super::{BoxError, Deadline};
use crate::events::EventRecord;
use crate::idempotency::{IdempotencyKey, RecordedAnswer};

/// Where orders, their events and idempotent answers live.
///
/// Laws:
/// * What one method has answered with success, every later call on any instance sees.
/// * A caller that goes away (drops the future) never leaves half a change behind, nor a
///   connection with an open transaction.
/// * Every method answers by its deadline: with [`StoreError::Unavailable`] when it did nothing,
///   and, from [`OrderStore::commit`] alone, [`StoreError::OutcomeUnknown`] when it cannot tell.
/// * Transient faults (deadlock, serialization failure, lock time-out, busy) are retried inside,
///   within the deadline, and never seen outside as such.
#[async_trait]
pub trait OrderStore: Send + Sync {
    /// A fresh order id. Ids are never given twice, gaps are normal, and their order says nothing
    /// about the order of commits.
    async fn next_order_id(&self, deadline: Deadline) -> Result<OrderId, StoreError>;

    /// Writes a change whole or not at all, and durably when it answers `Ok`.
    ///
    /// An order of version 1 is inserted; a later version replaces exactly the version before it
    /// (compare-and-set), else [`Conflict::Version`]. An error other than
    /// [`StoreError::OutcomeUnknown`] means that nothing was written. Concurrent commits may share
    /// a database transaction, but each fails alone.
    async fn commit(&self, change: Change, deadline: Deadline) -> Result<(), StoreError>;

    /// The order as last committed, `None` when there is none.
    async fn order(&self, id: OrderId, deadline: Deadline) -> Result<Option<Order>, StoreError>;

    /// One page of a customer's orders, newest first by (`created_at`, `id`). Rows that cannot be
    /// read are reported in the log and left out.
    async fn customer_orders(
        &self,
        query: &CustomerOrders,
        deadline: Deadline,
    ) -> Result<OrderPage, StoreError>;

    /// The order's events with a sequence above `after`, in sequence, at most `limit`; empty also
    /// when there is no such order.
    async fn events(
        &self,
        id: OrderId,
        after: i64,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<EventRecord>, StoreError>;

    /// The answer recorded under a key, for as long as it has not been purged.
    async fn answer(
        &self,
        key: &IdempotencyKey,
        deadline: Deadline,
    ) -> Result<Option<RecordedAnswer>, StoreError>;

    /// Deletes at most `limit` answers recorded before a time; says how many it deleted.
    async fn purge_answers(
        &self,
        recorded_before: DateTime<Utc>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<u32, StoreError>;

    /// Asks the database for a sign of life.
    async fn ping(&self, deadline: Deadline) -> Result<(), StoreError>;
}

/// Everything that must land together, as one value: no transaction handle leaves an adapter, so
/// it is free to merge concurrent changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The order as it is to be. Version 1 is an insert, any other an update of the version before.
    pub order: Order,
    /// The one event of that version, with its final bytes.
    pub event: EventRecord,
    /// The answer to repeat when the request comes again.
    pub answer: Option<RecordedAnswer>,
}

impl Change {
    /// The version that the stored order must have for this change to apply; `None` when there
    /// must be no order with this id yet.
    #[must_use]
    pub fn replaces(&self) -> Option<i64> {
        let version = self.order.version();
        (version > Version::FIRST).then(|| version.get().saturating_sub(1))
    }
}

/// A question for one page of a customer's orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerOrders {
    /// Whose orders.
    pub customer_id: CustomerId,
    /// Only these statuses; all when empty.
    pub statuses: Vec<OrderStatus>,
    /// Only orders placed at this time or later.
    pub created_from: Option<DateTime<Utc>>,
    /// Only orders placed before this time.
    pub created_to: Option<DateTime<Utc>>,
    /// The last place of the page before; the page starts right after it.
    pub after: Option<PagePosition>,
    /// At most this many orders, at least 1.
    pub limit: u32,
}

/// A place in a customer's list, which is sorted by these two fields, both descending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PagePosition {
    /// When the order at this place was created.
    pub created_at: DateTime<Utc>,
    /// Its id.
    pub id: OrderId,
}

/// One page of orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderPage {
    /// The orders, newest first.
    pub orders: Vec<Order>,
    /// Where the next page starts; `None` when there is no more.
    pub next: Option<PagePosition>,
}

/// What a store may answer instead of a result. The source is for the log, never for a client.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database holds something that excludes this change.
    #[error("conflict: {0}")]
    Conflict(#[from] Conflict),
    /// The database did not answer in time, or refused; nothing was written.
    #[error("the database is not available")]
    Unavailable(#[source] BoxError),
    /// The connection was lost at COMMIT, and nobody could say in time what came of it.
    #[error("it is not known whether the change was written")]
    OutcomeUnknown(#[source] BoxError),
    /// A stored row, or the answer to a statement, makes no sense.
    #[error("stored data cannot be read")]
    Corrupt(#[source] BoxError),
}

/// What excludes a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// The stored version is not the one before the change's.
    #[error("the order has another version")]
    Version,
    /// An order with this id exists already; the next id may be free.
    #[error("the order id is taken")]
    OrderId,
    /// The customer has another order with this client reference.
    #[error("the client reference is taken by order {existing}")]
    ClientReference {
        /// The order that has it.
        existing: OrderId,
    },
    /// Another request has committed under the same idempotency key.
    #[error("the idempotency key is taken")]
    IdempotencyKey,
}
