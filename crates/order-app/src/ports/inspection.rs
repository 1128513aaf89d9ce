//! What operators ask of the journal.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use order_domain::{CustomerId, OrderEventKind, OrderId, Version};
use uuid::Uuid;

use super::{Deadline, Duty, Page, Parked, ReadEntry, StoreError, StoredEvent};
use crate::events::EventRecord;

/// Reads the journal for operators, and changes nothing.
///
/// Laws: deadlines, dropped futures and transient faults are as in
/// [`OrderStore`](super::OrderStore). Each answer is the state at one moment.
#[async_trait]
pub trait JournalInspection: Send + Sync {
    /// The state of each duty of the relay, [`Duty::Sequence`] first, then the shards.
    async fn duties(&self, deadline: Deadline) -> Result<Vec<DutyState>, StoreError>;

    /// The parked orders with an id above `after`, by their ids, at most `limit`; of one shard, or
    /// of all. Reading page after page finds every order that is parked all the while.
    async fn parked_after(
        &self,
        after: i64,
        shard: Option<u16>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<Parked>, StoreError>;

    /// The skipped events after an order id and a sequence, in that order, at most `limit`; of one
    /// order, or of all.
    async fn skipped_after(
        &self,
        after: (i64, i64),
        order: Option<OrderId>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<Skipped>, StoreError>;

    /// The selected entries with positions after `after`, in the order of their positions, at most
    /// `limit`, and about [`JOURNAL_PAGE_BYTES`](super::JOURNAL_PAGE_BYTES); skipped ones are left out, as in
    /// [`EventJournal::entries_after`](super::EventJournal::entries_after). It looks through as many
    /// positions as it can in a short time, and says how far it came. An unreadable event is an entry
    /// too, unless its readable columns say that it is not selected.
    async fn select(
        &self,
        selection: &Selection,
        after: i64,
        limit: u32,
        deadline: Deadline,
    ) -> Result<SelectedPage, StoreError>;

    /// The ids of a customer's orders, ascending, at most `limit`.
    async fn customer_order_ids(
        &self,
        customer: CustomerId,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<OrderId>, StoreError>;

    /// The events of one order with a sequence above `after`, in sequence, at most `limit` and about
    /// [`JOURNAL_PAGE_BYTES`](super::JOURNAL_PAGE_BYTES), and where the unpublished ones begin. Skipped ones are left out; what a purge has left is in. The
    /// cost depends on the order and on what its shard has yet to publish, not on the length of the
    /// journal.
    async fn order_events(
        &self,
        order: OrderId,
        after: i64,
        limit: u32,
        deadline: Deadline,
    ) -> Result<OrderEvents, StoreError>;
}

/// The state of a duty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DutyState {
    /// The duty.
    pub duty: Duty,
    /// The instance that has the lease; `None` when it is free or has run out.
    pub holder: Option<Uuid>,
    /// Up to where the duty is done.
    pub position: i64,
}

/// An event that an operator decided not to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The order that it happened to.
    pub order: OrderId,
    /// The order's version that it made.
    pub sequence: Version,
    /// Why; for operators.
    pub reason: String,
    /// When it was skipped, by the clock of the database.
    pub at: DateTime<Utc>,
}

/// Selects the events that fit all fields that are set. An empty list is not set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Of one of these orders.
    pub orders: Vec<OrderId>,
    /// Of an order of one of these customers.
    pub customers: Vec<CustomerId>,
    /// Of one of these kinds.
    pub kinds: Vec<OrderEventKind>,
    /// Happened at this time or later.
    pub from: Option<DateTime<Utc>>,
    /// Happened before this time.
    pub to: Option<DateTime<Utc>>,
}

impl Selection {
    /// Whether an event's kind and time are selected. Does not compare orders and customers.
    #[must_use]
    pub fn takes(&self, event: &EventRecord) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&event.kind))
            && self.from.is_none_or(|from| event.occurred_at >= from)
            && self.to.is_none_or(|to| event.occurred_at < to)
    }
}

/// One page of selected events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectedPage {
    /// The entries.
    pub events: Vec<ReadEntry>,
    /// Up to this position, no selected entry is missing: that of the last entry, or farther; above
    /// `after` unless that is the last position of the journal.
    pub through: i64,
}

/// Some events of one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderEvents {
    /// The events.
    pub events: Page<StoredEvent>,
    /// Its first event that is not published; later ones are not published, either. `None` when all
    /// events of the order are published.
    pub unpublished: Option<Version>,
}
