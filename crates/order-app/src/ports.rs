//! What the application asks of the world. Each trait states its law; the contract suites of
//! `order-testkit` check it on every adapter.

mod ambient;
mod change;
mod commands;
mod database;
mod identity;
mod inspection;
mod journal;
mod page;
mod publisher;
mod sagas;
mod store;

use std::time::Duration;

pub use ambient::{Clock, Entropy, StoredTimes, uuid_v7};
pub use change::{Change, InvalidStateName, OrderChange, SagaChange, SagaWrite, Seen, StateName};
pub use commands::{Command, CommandSender};
pub use database::{
    CheckedOrders, Database, Extent, Finding, PoolReport, Remedy, Stores, Unsuitable,
};
pub use identity::{Authenticator, NotAuthenticated};
pub use inspection::{DutyState, JournalInspection, OrderEvents, SelectedPage, Selection, Skipped};
pub use journal::{
    Backlog, Duty, EntryKey, EventJournal, JournalEntry, Lease, Leased, Parked, Parking, Progress,
    Purged, ReadEntry, SHARDS, Unreadable, shard,
};
pub use page::{JOURNAL_PAGE_BYTES, PAGE_BYTES, Page, fitting};
pub use publisher::{EventPublisher, EventReplayer, PublishError};
pub use sagas::{DueSaga, SagaCensus, SagaStore, StoredSaga};
pub use store::{
    Conflict, CustomerOrders, OrderPage, OrderStore, PagePosition, StoreError, StoredEvent,
    StoredOrder, UnreadableOrder,
};

/// When an answer is due. Adapters give up before it and say so, and never overrun it by more than
/// the time that this takes.
pub type Deadline = tokio::time::Instant;

/// A deadline or a pause that is over a time after a moment.
#[must_use]
pub fn later(from: Deadline, time: Duration) -> Deadline {
    from.checked_add(time).unwrap_or(from)
}

/// Any error, kept as the source of another.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
