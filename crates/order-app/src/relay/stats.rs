//! The numbers of the relay, for operators. Exporting them is not here.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

/// Counted by a relay, and shared with its readers.
#[derive(Debug, Default)]
pub struct RelayStats {
    pub(super) sequenced: AtomicU64,
    pub(super) published: AtomicU64,
    pub(super) transient_failures: AtomicU64,
    pub(super) parkings: AtomicU64,
    pub(super) panics: AtomicU64,
    pub(super) is_sequencer: AtomicBool,
    pub(super) held_shards: AtomicUsize,
    pub(super) parked_orders: AtomicUsize,
    lag: AtomicU64,
    last_error: Mutex<Option<RelayError>>,
}

/// The numbers at one moment. Those without "now" only grow while the process lives.
#[derive(Debug, Clone, PartialEq, Eq)]
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
        RelayReport {
            sequenced: self.sequenced.load(Relaxed),
            published: self.published.load(Relaxed),
            transient_failures: self.transient_failures.load(Relaxed),
            parkings: self.parkings.load(Relaxed),
            panics: self.panics.load(Relaxed),
            is_sequencer: self.is_sequencer.load(Relaxed),
            held_shards: self.held_shards.load(Relaxed),
            parked_orders: self.parked_orders.load(Relaxed),
            lag: TimeDelta::microseconds(self.lag.load(Relaxed).try_into().unwrap_or(i64::MAX)),
            last_error: self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    pub(super) fn confirmed(&self, lag: TimeDelta) {
        let micros = lag.num_microseconds().unwrap_or(i64::MAX);
        self.lag.store(micros.try_into().unwrap_or(0), Relaxed);
    }

    pub(super) fn failed(&self, at: DateTime<Utc>, text: String) {
        let mut last = self.last_error.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(RelayError { at, text });
    }
}

/// Adds a `usize` to a counter.
pub(super) fn add(counter: &AtomicU64, things: usize) {
    counter.fetch_add(things.try_into().unwrap_or(u64::MAX), Relaxed);
}
