//! What the application asks of the world: one store, a clock, and a source of randomness. Each
//! trait states its law; the contract suites of `order-testkit` check it on every adapter.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use order_domain::{CustomerId, Order, OrderId, OrderStatus, Version};
use uuid::Uuid;

use crate::events::EventRecord;
use crate::idempotency::{IdempotencyKey, RecordedAnswer};

mod inspection;

pub use inspection::{
    EventReplayer, Holding, JournalInspection, OfOrder, Selected, Selection, Skipped,
};

/// When an answer is due. Adapters give up before it and say so; they never overrun it by more
/// than the time it takes to notice.
pub type Deadline = tokio::time::Instant;

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

/// Any error, kept as the source of another.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

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

/// The journal: every committed event gets one place in it, after its commit, and keeps it. Whoever
/// reads on from a position therefore misses nothing, which ids and times cannot give: they are
/// handed out before the commit.
///
/// Laws:
/// * A position is given once, positions grow by one without a gap, and an event that can be seen
///   at a position hides none that will be seen at a smaller one.
/// * For one order, positions grow with the sequence.
/// * A call under a lease that was taken by somebody else changes nothing and answers
///   [`Held::Lost`], however late it comes.
/// * Deadlines and transient faults as in [`OrderStore`]; what changes the journal, a shard's
///   position or a parked order may answer [`StoreError::OutcomeUnknown`]. An answer that was lost is settled by the
///   lease: calling again with the same arguments is safe.
#[async_trait]
pub trait EventJournal: Send + Sync {
    /// Says that this instance lives, for so long; answers how many instances live, itself
    /// included. For no time at all: it signs off.
    async fn attend(
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
    /// for [`Duty::Arrange`].
    async fn arrange(
        &self,
        lease: &Lease,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Held<u32>, StoreError>;

    /// The events after a position, in the order of their places, at most `limit`; of one shard,
    /// or of all. One that cannot be read stands at its place by its name: the others go on.
    /// Events that were skipped are left out for ever: their orders may be published again past
    /// them, and whoever reads later from before them must not put them behind that. So are events
    /// that were purged; see [`EventJournal::purged`].
    async fn after(
        &self,
        position: i64,
        shard: Option<u16>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<Result<Placed, Unreadable>>, StoreError>;

    /// The last place given; 0 when there is none.
    async fn head(&self, deadline: Deadline) -> Result<i64, StoreError>;

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
    async fn purged(&self, deadline: Deadline) -> Result<i64, StoreError>;

    /// Records in one transaction what has been done under the lease of a shard: every event of
    /// the shard up to `position` is published or belongs to a parked order; these orders are
    /// parked now; these ones are not any more. `position` never goes back.
    async fn advance(
        &self,
        lease: &Lease,
        progress: &Progress,
        deadline: Deadline,
    ) -> Result<Held<()>, StoreError>;

    /// The parked orders, oldest first, at most `limit`; of one shard, or of all.
    async fn parked(
        &self,
        shard: Option<u16>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<Parked>, StoreError>;

    /// Asks the holder of an order's shard to publish what is parked, in sequence, after leaving
    /// out the first event when there is a reason to `skip` it; `false` when it is not parked. A
    /// skipped event is not in [`EventJournal::after`] any more. Asking twice skips once: what is
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
    Arrange,
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
pub enum Held<T> {
    /// The lease held.
    Done(T),
    /// Somebody else has the lease by now; nothing was changed.
    Lost,
}

/// An event with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
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

/// Where events are published.
#[async_trait]
pub trait EventPublisher: Send + Sync {
    /// Publishes events and answers for each, in the same order, what came of it. `Ok` means that
    /// the broker has confirmed it; an error means that it may be there or not.
    ///
    /// Nothing is promised about the order in which events of one call become visible, so callers
    /// never have two events of one order under way at a time. Calls may overlap. It is up to the
    /// adapter how long it tries, within bounds; after an error nothing of the call is still under
    /// way, so that no event appears behind a later one of its order.
    async fn publish(&self, events: &[EventRecord]) -> Vec<Result<(), PublishError>>;
}

/// Why an event was not confirmed.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// It may work later.
    #[error("the broker did not confirm the event")]
    Transient(#[source] BoxError),
    /// It will not work until somebody changes something.
    #[error("the broker refuses the event")]
    Permanent(#[source] BoxError),
}

/// Tells the time. Law: UTC; it may jump, also back, and callers must bear that.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> DateTime<Utc>;
}

/// A source of randomness, good enough for unique ids. Law: no two calls on any two instances give
/// the same value, for all practical purposes.
pub trait Entropy: Send + Sync {
    /// 128 random bits.
    fn bits(&self) -> u128;
}

/// A UUID of version 7 (RFC 9562) for a time: sorts by creation, so that inserts stay at the end of
/// an index.
#[must_use]
pub fn uuid_v7(at: DateTime<Utc>, entropy: &dyn Entropy) -> Uuid {
    let mut random = [0; 10];
    random.iter_mut().zip(entropy.bits().to_be_bytes()).for_each(|(to, from)| *to = from);
    let millis = u64::try_from(at.timestamp_millis()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}
