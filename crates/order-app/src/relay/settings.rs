//! What can be set about the relay. The defaults suit production; tests make some smaller.

use std::time::Duration;

pub use crate::backoff::Backoff;

/// How the relay behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelaySettings {
    /// How long a lease lasts without being renewed. It is renewed after a third of that, and
    /// after nine tenths its holder does not count on it any more. Another instance takes over
    /// from a dead one within this time and a tenth.
    pub lease: Duration,
    /// How often the journal is looked at when no bell rings: other instances commit too.
    pub poll: Duration,
    /// The shortest time between two looks for events without places, so that under load each finds
    /// more; nearly three times that when there are many. A commit after a silence is never kept
    /// waiting, nor is what is more than one look takes.
    pub breath: Duration,
    /// How long a confirmation may wait to be recorded with others. What is not recorded when an
    /// instance dies is published again.
    pub record: Duration,
    /// At most so many events of a shard are held or unrecorded at a time.
    pub window: usize,
    /// About so many bytes of a shard's events are held at a time.
    pub window_bytes: usize,
    /// At most so many events are handed to the publisher in one call.
    pub batch: usize,
    /// At most so many calls of a shard are under way at a time.
    pub calls: usize,
    /// At most so many orders of a shard are parked. A publisher that refuses more is taken for
    /// broken as a whole: the orders wait, as after a failure that may pass.
    pub parked: usize,
    /// How long an order waits whose event was not confirmed.
    pub order_backoff: Backoff,
    /// How long a shard waits when nothing was confirmed at all.
    pub shard_backoff: Backoff,
    /// How long after a failure the journal is asked again.
    pub journal_backoff: Backoff,
    /// How long one call to the journal may take.
    pub budget: Duration,
    /// How long a stop waits for what is under way at the publisher.
    pub stop: Duration,
}

impl Default for RelaySettings {
    fn default() -> Self {
        let first = Duration::from_millis(200);
        Self {
            lease: Duration::from_secs(10),
            poll: first,
            breath: Duration::from_millis(20),
            record: Duration::from_millis(500),
            window: 2_000,
            window_bytes: 8 << 20,
            batch: 500,
            calls: 4,
            parked: 10_000,
            order_backoff: Backoff { first, longest: Duration::from_mins(1) },
            shard_backoff: Backoff { first, longest: Duration::from_secs(5) },
            journal_backoff: Backoff { first, longest: Duration::from_secs(1) },
            budget: Duration::from_secs(3),
            stop: Duration::from_secs(5),
        }
    }
}

impl RelaySettings {
    /// How often an instance says that it lives, and looks for shards to take.
    pub(super) fn beat(&self) -> Duration {
        self.lease.checked_div(10).unwrap_or(self.lease)
    }
}
