//! The journal: committed events in one numbered sequence, and the leases under which instances
//! number and publish them.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use order_domain::{OrderId, Version};
use uuid::Uuid;

use super::{Deadline, Page, StoreError};
use crate::events::EventRecord;

/// Gives every committed event one position, after its commit, for ever. A reader that goes on from a
/// position therefore misses no event. Ids and times cannot give that: they are assigned before the
/// commit, and commits overtake each other.
///
/// Laws:
/// * Positions grow by one without a gap. While an event is visible at a position, no event will
///   become visible at a smaller one.
/// * For one order, positions grow with the sequence.
/// * A call under a lease that another instance has taken changes nothing and answers
///   [`Leased::Lost`], however late it arrives.
/// * Deadlines, dropped futures and transient faults are as in [`OrderStore`](super::OrderStore).
///   Calls that change something may answer [`StoreError::OutcomeUnknown`]; repeating such a call
///   with the same arguments is safe.
#[async_trait]
pub trait EventJournal: Send + Sync {
    /// Says that an instance lives for a time from now on, and answers how many instances live,
    /// itself included. With no time, the instance signs off.
    async fn heartbeat(
        &self,
        instance: Uuid,
        lives_for: Duration,
        deadline: Deadline,
    ) -> Result<u32, StoreError>;

    /// Takes a lease that is free or has run out, or renews the instance's own; `None` when another
    /// instance has it. It lasts from now on, by the clock of the database. Taking it raises the
    /// epoch, renewing keeps it.
    async fn lease(
        &self,
        duty: Duty,
        instance: Uuid,
        lasts: Duration,
        deadline: Deadline,
    ) -> Result<Option<Lease>, StoreError>;

    /// Gives a lease back before it runs out. Doing so late, or twice, changes nothing.
    async fn release(&self, lease: &Lease, deadline: Deadline) -> Result<(), StoreError>;

    /// Assigns the next positions to at most `limit` committed events without one, and to those that
    /// were committed together with the last of them. Answers how many events that were. The lease is
    /// the one for [`Duty::Sequence`].
    async fn assign_positions(
        &self,
        lease: &Lease,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Leased<u32>, StoreError>;

    /// The entries after a position, in the order of their positions, at most `limit`, and about
    /// [`JOURNAL_PAGE_BYTES`](super::JOURNAL_PAGE_BYTES); of one shard, or of all. An event that cannot be read, or whose
    /// texts do not pass [`EventRecord::check`], is an [`Unreadable`] entry among the others. Skipped events are
    /// left out: later events of their orders may have been published, and a reader that starts
    /// before them must not put them behind those. Purged events are left out, too; see
    /// [`EventJournal::purged_through`].
    async fn entries_after(
        &self,
        position: i64,
        shard: Option<u16>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Page<ReadEntry>, StoreError>;

    /// The last position that was assigned; 0 when there is none.
    async fn last_position(&self, deadline: Deadline) -> Result<i64, StoreError>;

    /// Purges the next positions, at most `limit`: not beyond what each shard's publisher has passed,
    /// nor beyond the last event that happened before a time. An event is deleted with its position
    /// if it happened before that time, a later event of its order is among those purged, and its
    /// order is not parked now. So of each order at least the newest event stays, which holds the
    /// whole order; it is deleted when a later event of its order is purged.
    async fn purge(
        &self,
        happened_before: DateTime<Utc>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Purged, StoreError>;

    /// The last purged position; 0 when nothing is purged. When it is higher than a position after
    /// which entries were read before this call, entries may have been missing.
    async fn purged_through(&self, deadline: Deadline) -> Result<i64, StoreError>;

    /// Records, in one transaction, the progress made under the lease of a shard. The position never
    /// goes back.
    async fn advance(
        &self,
        lease: &Lease,
        progress: &Progress,
        deadline: Deadline,
    ) -> Result<Leased<()>, StoreError>;

    /// The parked orders, oldest first, at most `limit`; of one shard, or of all.
    async fn parked(
        &self,
        shard: Option<u16>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<Parked>, StoreError>;

    /// Requests that the holder of an order's shard publish the order's waiting events, in sequence;
    /// with `skip`, without the first one, for that reason. `false` when the order is not parked. A
    /// skipped event is not in [`EventJournal::entries_after`] any more. A request changes nothing
    /// while an earlier one for the order is not answered, or when `skip` names an event that is not
    /// the first one; so a repeated request skips once.
    async fn redrive(
        &self,
        order: OrderId,
        skip: Option<(Version, &str)>,
        deadline: Deadline,
    ) -> Result<bool, StoreError>;

    /// How much waits to be published, counted up to [`Backlog::BOUND`].
    async fn backlog(&self, deadline: Deadline) -> Result<Backlog, StoreError>;
}

/// The number of shards into which orders are divided for publishing: `order id mod SHARDS`. Fixed,
/// because positions of publication are stored per shard.
pub const SHARDS: u16 = 16;

/// The shard of an order.
#[must_use]
pub fn shard(order: OrderId) -> u16 {
    u16::try_from(order.get().rem_euclid(i64::from(SHARDS))).unwrap_or_default()
}

/// Work that one instance at a time does, under a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Duty {
    /// Assign positions to events.
    Sequence,
    /// Publish the events of a shard.
    Publish(u16),
    /// Publish past events once more. Its position has no meaning.
    Replay,
    /// Look after sagas that are due. Its position has no meaning.
    Sagas,
}

/// The right to do some work, until another instance has taken it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The work.
    pub duty: Duty,
    /// The instance that has the lease.
    pub instance: Uuid,
    /// Grows each time that the lease changes hands.
    pub epoch: i64,
    /// Up to where the work is done: the last position assigned, or the last one published.
    pub position: i64,
}

/// What came of a call under a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leased<T> {
    /// The instance had the lease.
    Done(T),
    /// Another instance has taken the lease; nothing was changed.
    Lost,
}

/// An event with its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// Its position in the journal, 1 or more.
    pub position: i64,
    /// The event.
    pub event: EventRecord,
}

/// An event with a position, whose row makes no sense or is missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {sequence} of order {order}, at position {position}, cannot be read: {reason}")]
pub struct Unreadable {
    /// Its position in the journal.
    pub position: i64,
    /// The order that it happened to.
    pub order: OrderId,
    /// The order's version that it made.
    pub sequence: Version,
    /// What is wrong with it; for operators.
    pub reason: String,
}

/// An entry as the journal reads it: with its event, or why that cannot be read.
pub type ReadEntry = Result<JournalEntry, Unreadable>;

/// What is known of every entry, whether its event can be read or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryKey {
    /// Its position in the journal.
    pub position: i64,
    /// The order that the event happened to.
    pub order: OrderId,
    /// The order's version that the event made.
    pub sequence: Version,
}

impl EntryKey {
    /// The key of an entry.
    #[must_use]
    pub fn of(entry: &ReadEntry) -> Self {
        match entry {
            Ok(JournalEntry { position, event }) => {
                Self { position: *position, order: event.order_id, sequence: event.sequence }
            }
            Err(Unreadable { position, order, sequence, .. }) => {
                Self { position: *position, order: *order, sequence: *sequence }
            }
        }
    }
}

/// What came of a purge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    /// How many events were deleted.
    pub events: u32,
    /// Whether there may be more to purge.
    pub more: bool,
}

/// What has been done under the lease of a shard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Up to this position, every event of the shard is published or belongs to a parked order.
    pub position: i64,
    /// Orders that cannot be published for now. An order that is parked already is parked again: at
    /// this event, unless it waits at a later one by now, and for this reason. That answers a request
    /// to redrive it, and counts as an attempt if there was one since.
    pub park: Vec<Parking>,
    /// Orders whose parked events, up to `position`, have all been published or skipped. An order
    /// is never in both lists.
    pub unpark: Vec<OrderId>,
}

/// An order that is to be parked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parking {
    /// The order.
    pub order: OrderId,
    /// Its first event that is not published; all later ones wait with it.
    pub from: Version,
    /// Why; for operators.
    pub reason: String,
}

/// A parked order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The order.
    pub order: OrderId,
    /// Its first event that is not published.
    pub from: Version,
    /// Why it was parked the last time.
    pub reason: String,
    /// When it was parked first, by the clock of the database.
    pub since: DateTime<Utc>,
    /// How often it has been parked.
    pub attempts: u32,
    /// Whether a request to redrive it is not answered yet.
    pub redrive: bool,
}

/// What waits to be published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Events without a position, and events whose position their shard's publisher has not passed;
    /// at most [`Backlog::BOUND`].
    pub events: u64,
    /// When the oldest of them happened.
    pub oldest: Option<DateTime<Utc>>,
    /// Parked orders.
    pub parked: u64,
}

impl Backlog {
    /// Counting stops here.
    pub const BOUND: u64 = 100_000;
}
