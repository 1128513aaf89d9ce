//! What the application asks of the world. Each trait states its law; the contract suites of
//! `order-testkit` check it on every adapter.

mod ambient;
mod inspection;
mod journal;
mod publisher;
mod store;

pub use ambient::{Clock, Entropy, uuid_v7};
pub use inspection::{DutyState, JournalInspection, OrderEvents, SelectedPage, Selection, Skipped};
pub use journal::{
    Backlog, Duty, EntryKey, EventJournal, JournalEntry, Lease, Leased, Parked, Parking, Progress,
    Purged, ReadEntry, SHARDS, Unreadable, shard,
};
pub use publisher::{EventPublisher, EventReplayer, PublishError};
pub use store::{
    Change, Conflict, CustomerOrders, OrderPage, OrderStore, PagePosition, StoreError,
};

/// When an answer is due. Adapters give up before it and say so; they never overrun it by more
/// than the time it takes to notice.
pub type Deadline = tokio::time::Instant;

/// Any error, kept as the source of another.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
