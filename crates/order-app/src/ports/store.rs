//! The store: orders, their events and the recorded answers.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use order_domain::{CustomerId, Order, OrderId, OrderStatus, Version};

use super::{BoxError, Change, Deadline, Page, Seen};
use crate::events::EventRecord;
use crate::idempotency::{IdempotencyKey, RecordedAnswer};

/// Stores orders, their events, the recorded answers and the sagas of orders.
///
/// Laws:
/// * After a call has succeeded, every later call on any instance sees its effect.
/// * When the caller drops the future, the call has its whole effect or none, and no connection
///   keeps an open transaction.
/// * Every call answers by its deadline: with [`StoreError::Unavailable`] when it had no effect,
///   and, from [`OrderStore::commit`] alone, [`StoreError::OutcomeUnknown`] when that is unknown.
/// * Transient faults (deadlock, serialization failure, lock time-out, busy) are retried inside,
///   within the deadline, and never seen outside as such.
#[async_trait]
pub trait OrderStore: Send + Sync {
    /// A fresh order id. No id is given twice, gaps are normal, and the order of ids says nothing
    /// about the order of commits.
    async fn next_order_id(&self, deadline: Deadline) -> Result<OrderId, StoreError>;

    /// Writes a change whole or not at all, and durably when it answers `Ok`.
    ///
    /// An order of version 1 is inserted. Any other change applies to exactly what it has
    /// [seen](Change::seen), the order's version and the revision of its saga (compare-and-set), else
    /// [`Conflict::Version`]. Each write of a saga raises its revision by one, with a version of the
    /// order or without; each version has one event, and a saga alone makes neither. An error other
    /// than [`StoreError::OutcomeUnknown`] means that nothing was written. Concurrent commits may
    /// share a database transaction, but each fails alone.
    ///
    /// When the connection is lost at COMMIT, the store settles the outcome of a change with an event
    /// by that event. A write of a saga alone has none: if it has landed, the store answers
    /// [`Conflict::Version`], and the caller, which reads again, finds it there.
    async fn commit(&self, change: Change, deadline: Deadline) -> Result<(), StoreError>;

    /// The order as last committed; `None` when there is none, or it is of another customer than `of`. One of another
    /// customer takes no longer than one that does not exist, so that its time does not tell which of the two it is.
    async fn stored(
        &self,
        id: OrderId,
        of: Option<CustomerId>,
        deadline: Deadline,
    ) -> Result<Option<StoredOrder>, StoreError>;

    /// The order as last committed, whoever its customer is; `None` when there is none.
    async fn order(&self, id: OrderId, deadline: Deadline) -> Result<Option<Order>, StoreError> {
        Ok(self.stored(id, None, deadline).await?.map(|stored| stored.order))
    }

    /// One page of a customer's orders, newest first by (`created_at`, `id`). It ends after about
    /// [`PAGE_BYTES`](super::PAGE_BYTES), too. Unreadable rows are logged, left out and counted.
    async fn customer_orders(
        &self,
        query: &CustomerOrders,
        deadline: Deadline,
    ) -> Result<OrderPage, StoreError>;

    /// The order's events with a sequence above `after`, in sequence, at most `limit`, and about
    /// [`PAGE_BYTES`](super::PAGE_BYTES); empty also when there is no such order. An event that cannot be read, or whose texts do not pass
    /// [`EventRecord::check`], is one of them, with the reason.
    async fn events(
        &self,
        id: OrderId,
        after: i64,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Page<StoredEvent>, StoreError>;

    /// The answer recorded under a key; `None` when there is none, or it has been purged.
    async fn answer(
        &self,
        key: &IdempotencyKey,
        deadline: Deadline,
    ) -> Result<Option<RecordedAnswer>, StoreError>;

    /// Deletes at most `limit` answers recorded before a time. Answers how many it deleted.
    async fn purge_answers(
        &self,
        recorded_before: DateTime<Utc>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<u32, StoreError>;

    /// Succeeds when the database answers.
    async fn ping(&self, deadline: Deadline) -> Result<(), StoreError>;
}

/// An order as last committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredOrder {
    /// The order.
    pub order: Order,
    /// How often its saga was written; 0 when it has none.
    pub saga_revision: i64,
}

impl StoredOrder {
    /// What a change that is decided on this order has seen.
    #[must_use]
    pub const fn seen(&self) -> Seen {
        Seen { version: self.order.version(), saga_revision: self.saga_revision }
    }
}

/// A query for one page of a customer's orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerOrders {
    /// The customer.
    pub customer_id: CustomerId,
    /// Only these statuses; all when empty.
    pub statuses: Vec<OrderStatus>,
    /// Only orders created at this time or later.
    pub created_from: Option<DateTime<Utc>>,
    /// Only orders created before this time.
    pub created_to: Option<DateTime<Utc>>,
    /// The last order of the page before; the page starts right after it.
    pub after: Option<PagePosition>,
    /// The most orders of the page, at least 1.
    pub limit: u32,
}

/// A position in a customer's list, which is sorted by these two fields, both descending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PagePosition {
    /// When the order at this position was created.
    pub created_at: DateTime<Utc>,
    /// Its id.
    pub id: OrderId,
}

/// One page of orders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderPage {
    /// The orders, newest first.
    pub orders: Vec<Order>,
    /// The position after which the next page starts; `None` when there are no more orders.
    pub next: Option<PagePosition>,
    /// How many orders of this page are missing, because they cannot be read.
    pub left_out: u32,
}

/// An event of an order by its sequence, or, for operators, why it cannot be read.
pub type StoredEvent = (Version, Result<EventRecord, String>);

/// Why a store has no result. The source is for the log, never for a client.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database holds something that excludes this change.
    #[error("conflict: {0}")]
    Conflict(#[from] Conflict),
    /// The database did not answer in time, or refused; nothing was written.
    #[error("the database is not available")]
    Unavailable(#[source] BoxError),
    /// A check, a size or a reference of the table forbids the change, now and later; nothing was written.
    #[error("the database refuses the change")]
    Refused(#[source] BoxError),
    /// The connection was lost at COMMIT, and its outcome could not be found out in time.
    #[error("it is not known whether the change was written")]
    OutcomeUnknown(#[source] BoxError),
    /// The stored order has no clear meaning.
    #[error(transparent)]
    Unreadable(#[from] UnreadableOrder),
    /// Another stored row, or the answer to a statement, makes no sense.
    #[error("stored data cannot be read")]
    Corrupt(#[source] BoxError),
}

/// A stored order that has no clear meaning, as another program may have written it. The reason is for the log, never for
/// a client.
#[derive(Debug, thiserror::Error)]
#[error("order {id} cannot be read: {column}: {reason}")]
pub struct UnreadableOrder {
    /// The id in the row; it may be none of ours.
    pub id: i64,
    /// The column that cannot be read.
    pub column: &'static str,
    /// What is wrong with it.
    pub reason: BoxError,
}

/// What excludes a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// The stored order, or its saga, is not the one that the change was decided on.
    #[error("the order has another version, or its saga another revision")]
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
