//! What operators ask of the journal, beside what the relay needs of it.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use order_domain::{CustomerId, OrderEventKind, OrderId, Version};
use uuid::Uuid;

use super::{Deadline, Duty, Parked, ReadEntry, StoreError};
use crate::events::EventRecord;

/// Looks into the journal. Nothing here changes anything.
///
/// Laws: deadlines and transient faults as in [`EventJournal`](super::EventJournal); what a method
/// answers was so at one moment.
#[async_trait]
pub trait JournalInspection: Send + Sync {
    /// Who does what of the relay, and how far it is done: each duty once, [`Duty::Sequence`] first,
    /// then the shards.
    async fn duties(&self, deadline: Deadline) -> Result<Vec<DutyState>, StoreError>;

    /// The parked orders with an id above `after`, by their ids, at most `limit`; of one shard, or
    /// of all. Paging through them misses no order that is parked all the while.
    async fn parked_after(
        &self,
        after: i64,
        shard: Option<u16>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<Parked>, StoreError>;

    /// The skipped events after one, by order and sequence, at most `limit`; of one order, or of
    /// all.
    async fn skipped_after(
        &self,
        after: (i64, i64),
        order: Option<OrderId>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<Skipped>, StoreError>;

    /// The selected events with places after `after`, in the order of their places, at most
    /// `limit`; skipped ones are left out, as in [`EventJournal::entries_after`](super::EventJournal::entries_after).
    /// It looks at as many places at a time as it can in a short time, and says how far it came:
    /// up to there, nothing is missing. An event that cannot be read stands at its place by its
    /// name, unless what can be read of it says that it is not selected.
    async fn select(
        &self,
        selection: &Selection,
        after: i64,
        limit: u32,
        deadline: Deadline,
    ) -> Result<SelectedPage, StoreError>;

    /// The orders of a customer, oldest first, at most `limit`.
    async fn customer_order_ids(
        &self,
        customer: CustomerId,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<OrderId>, StoreError>;

    /// The events of one order with a sequence above `after`, in sequence, at most `limit`, and
    /// from which on they are not published; skipped ones are left out. They are found by their
    /// order: however long the journal is, nothing else of it is looked at but what the order's
    /// shard has yet to publish. What a purge has left of the order is among them.
    async fn order_events(
        &self,
        order: OrderId,
        after: i64,
        limit: u32,
        deadline: Deadline,
    ) -> Result<OrderEvents, StoreError>;
}

/// How a duty stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DutyState {
    /// What it is about.
    pub duty: Duty,
    /// Which instance has the lease; `None` when it is free or over.
    pub holder: Option<Uuid>,
    /// Up to where the duty is done.
    pub position: i64,
}

/// An event that somebody decided not to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Whose event.
    pub order: OrderId,
    /// Which one.
    pub sequence: Version,
    /// Why; for operators.
    pub reason: String,
    /// When, by the clock of the database.
    pub at: DateTime<Utc>,
}

/// Which events are meant: those that fit all that is said. What is empty says nothing.
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
    /// Whether an event's kind and time are among those that are meant. Of whom it is, is another
    /// question.
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
    /// The events.
    pub events: Vec<ReadEntry>,
    /// Up to which place everything was looked at: the last event's, or farther; above `after`
    /// unless that is the last place given.
    pub through: i64,
}

/// Some events of one order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderEvents {
    /// Each by its sequence, or why it cannot be read.
    pub events: Vec<(Version, Result<EventRecord, String>)>,
    /// Its first event that is not published; later ones are not, either. `None` when all that
    /// there were at that moment are.
    pub unpublished: Option<Version>,
}
