//! The journal: committed events in one numbered sequence, and the leases under which they are
//! numbered and published.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use order_domain::{OrderId, Version};
use uuid::Uuid;

use super::{Deadline, StoreError};
use crate::events::EventRecord;

/// The journal: every committed event gets one place in it, after its commit, and keeps it. Whoever
/// reads on from a position therefore misses nothing, which ids and times cannot give: they are
/// handed out before the commit.
///
/// Laws:
/// * A position is given once, positions grow by one without a gap, and an event that can be seen
///   at a position hides none that will be seen at a smaller one.
/// * For one order, positions grow with the sequence.
/// * A call under a lease that was taken by somebody else changes nothing and answers
///   [`Leased::Lost`], however late it comes.
/// * Deadlines and transient faults as in [`OrderStore`](super::OrderStore); what changes the journal, a shard's
///   position or a parked order may answer [`StoreError::OutcomeUnknown`]. An answer that was lost is settled by the
///   lease: calling again with the same arguments is safe.
#[async_trait]
pub trait EventJournal: Send + Sync {
    /// Says that this instance lives, for so long; answers how many instances live, itself
    /// included. For no time at all: it signs off.
    async fn heartbeat(
        &self,
        instance: Uuid,
        lives_for: Duration,
        deadline: Deadline,
    ) -> Result<u32, StoreError>;

    /// Takes a lease that is free or over, or renews one's own; `None` when somebody else has it.
    /// Times are the database's. Taking it raises the epoch, renewing keeps it.
    async fn lease(
        &self,
        duty: Duty,
        instance: Uuid,
        lasts: Duration,
        deadline: Deadline,
    ) -> Result<Option<Lease>, StoreError>;

    /// Gives a lease back before it is over. Doing so late, or twice, changes nothing.
    async fn release(&self, lease: &Lease, deadline: Deadline) -> Result<(), StoreError>;

    /// Gives the next places to at most `limit` committed events that have none, and as many more as
    /// were committed together with the last of them, and answers how many. The lease is the one
    /// for [`Duty::Sequence`].
    async fn assign_positions(
        &self,
        lease: &Lease,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Leased<u32>, StoreError>;

    /// The events after a position, in the order of their places, at most `limit`; of one shard,
    /// or of all. One that cannot be read stands at its place by its name: the others go on.
    /// Events that were skipped are left out for ever: their orders may be published again past
    /// them, and whoever reads later from before them must not put them behind that. So are events
    /// that were purged; see [`EventJournal::purged_through`].
    async fn entries_after(
        &self,
        position: i64,
        shard: Option<u16>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<ReadEntry>, StoreError>;

    /// The last place given; 0 when there is none.
    async fn last_position(&self, deadline: Deadline) -> Result<i64, StoreError>;

    /// Purges the next places, at most `limit`: up to the first that its shard's publisher has not
    /// passed, and up to the last whose event happened before a time. These places are gone then.
    /// So are the events that happened before that time and are followed by another one of their
    /// order among those purged, but for those of orders that are parked now. What is left this
    /// way (of each order at least its newest event, which is complete) goes when a later event of
    /// its order is purged.
    async fn purge(
        &self,
        happened_before: DateTime<Utc>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Purged, StoreError>;

    /// Up to which place the journal is purged; 0 when it is not. Whoever has read after an earlier
    /// place, and asks this then, knows whether something may have been missing.
    async fn purged_through(&self, deadline: Deadline) -> Result<i64, StoreError>;

    /// Records in one transaction what has been done under the lease of a shard: every event of
    /// the shard up to `position` is published or belongs to a parked order; these orders are
    /// parked now; these ones are not any more. `position` never goes back.
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

    /// Asks the holder of an order's shard to publish what is parked, in sequence, after leaving
    /// out the first event when there is a reason to `skip` it; `false` when it is not parked. A
    /// skipped event is not in [`EventJournal::entries_after`] any more. Asking twice skips once: what is
    /// asked of an order whose wish has not been answered yet changes nothing, nor does the wish to
    /// skip an event that is not the first one, or not any more.
    async fn redrive(
        &self,
        order: OrderId,
        skip: Option<(Version, &str)>,
        deadline: Deadline,
    ) -> Result<bool, StoreError>;

    /// How much waits to be published, counted up to a bound.
    async fn backlog(&self, deadline: Deadline) -> Result<Backlog, StoreError>;
}

/// The number of shards into which orders are divided for publishing: `order id mod SHARDS`. Fixed,
/// because positions of publication are kept per shard.
pub const SHARDS: u16 = 16;

/// The shard of an order.
#[must_use]
pub fn shard(order: OrderId) -> u16 {
    u16::try_from(order.get().rem_euclid(i64::from(SHARDS))).unwrap_or_default()
}

/// What one instance at a time may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Duty {
    /// Give events their places in the journal.
    Sequence,
    /// Publish the events of a shard.
    Publish(u16),
    /// Publish past events once more. Its position means nothing.
    Replay,
}

/// The right to do something, until somebody else has taken it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// What it is for.
    pub duty: Duty,
    /// Whose it is.
    pub instance: Uuid,
    /// Grows each time that the lease changes hands.
    pub epoch: i64,
    /// Up to where the duty is done: the last place given, or the last one published.
    pub position: i64,
}

/// What came of a call under a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leased<T> {
    /// The lease held.
    Done(T),
    /// Somebody else has the lease by now; nothing was changed.
    Lost,
}

/// An event with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// Its place in the journal, 1 or more.
    pub position: i64,
    /// The event.
    pub event: EventRecord,
}

/// An event that has a place, and a row that makes no sense, or none at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {sequence} of order {order}, at position {position}, cannot be read: {reason}")]
pub struct Unreadable {
    /// Its place in the journal.
    pub position: i64,
    /// Whose event it is.
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
    /// Whose event it is.
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
    /// Events that are gone.
    pub events: u32,
    /// Whether there may be more to purge.
    pub more: bool,
}

/// What a shard's publisher has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Up to which place everything is published or parked.
    pub position: i64,
    /// Orders that cannot be published for now. One that is parked already is parked again: at this
    /// event, unless it waits at a later one by now, and for this reason; the wish to redrive it is
    /// answered, and `attempts` grows if anything was tried since.
    pub park: Vec<Parking>,
    /// Orders whose parked events, up to `position`, have all been published or skipped. An order
    /// is never in both lists.
    pub unpark: Vec<OrderId>,
}

/// The wish to park an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parking {
    /// Which order.
    pub order: OrderId,
    /// Its first event that is not published; all later ones wait with it.
    pub from: Version,
    /// Why; for operators.
    pub reason: String,
}

/// A parked order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// Which order.
    pub order: OrderId,
    /// Its first event that is not published.
    pub from: Version,
    /// Why it was parked, the last time.
    pub reason: String,
    /// Since when, by the clock of the database.
    pub since: DateTime<Utc>,
    /// How often it has been parked.
    pub attempts: u32,
    /// Whether somebody asked for it to be published again.
    pub redrive: bool,
}

/// What waits to be published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Events without a place yet, and events with a place that no shard's publisher has passed;
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
