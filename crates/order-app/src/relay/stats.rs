//! The numbers of the relay, for operators. Exporting them is not here.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

/// Counted by a relay, and shared with its readers.
#[derive(Debug, Default)]
pub struct RelayStats(Mutex<RelayReport>);

/// The numbers at one moment. Those without "now" only grow while the process lives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RelayReport {
    /// Events that got their positions from this instance.
    pub sequenced: u64,
    /// Confirmations by the broker; an event that is published again counts again.
    pub published: u64,
    /// Events that were not confirmed and are tried again.
    pub transient_failures: u64,
    /// How often an order was parked.
    pub parkings: u64,
    /// Calls that panicked.
    pub panics: u64,
    /// Whether this instance assigns the positions, now.
    pub is_sequencer: bool,
    /// How many shards this instance publishes, now.
    pub held_shards: usize,
    /// How many orders of these shards are parked, now.
    pub parked_orders: usize,
    /// The time between the latest confirmed event and its confirmation.
    pub lag: TimeDelta,
    /// The last failure of the journal or the publisher.
    pub last_error: Option<RelayError>,
}

/// A failure and its causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayError {
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The failure and its causes in one line.
    pub text: String,
}

impl RelayStats {
    /// The numbers now.
    #[must_use]
    pub fn report(&self) -> RelayReport {
        self.update().clone()
    }

    /// The numbers, to be changed. Held for no longer than that takes.
    pub(super) fn update(&self) -> MutexGuard<'_, RelayReport> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds to a counter.
pub(super) fn add(counter: &mut u64, more: usize) {
    *counter = counter.saturating_add(more.try_into().unwrap_or(u64::MAX));
}
