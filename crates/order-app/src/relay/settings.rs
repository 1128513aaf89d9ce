//! The settings of the relay. The defaults suit production; tests make some smaller.

use std::time::Duration;

use crate::backoff::Backoff;

/// How the relay behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelaySettings {
    /// How long a lease lasts without being renewed. Its holder renews it after a third of that, and
    /// does not count on it any more after nine tenths. Another instance takes over from a dead one
    /// within this time and a tenth.
    pub lease: Duration,
    /// The longest time between two reads of the journal without a wake-up: other instances commit,
    /// too.
    pub poll: Duration,
    /// The shortest time between two calls that assign positions, so that under load each finds
    /// more events; nearly three times that when there are many. A commit after an idle time never
    /// waits for it, nor does what one full call leaves behind.
    pub sequencing_pause: Duration,
    /// How long a confirmation may wait to be recorded with others. What is not recorded when an
    /// instance dies is published again.
    pub record_within: Duration,
    /// The most events of a shard that are held or unrecorded at a time.
    pub window: usize,
    /// About the most bytes of a shard's events that are held at a time.
    pub window_bytes: usize,
    /// The most events of one call to the publisher.
    pub batch: usize,
    /// The most concurrent calls to the publisher of a shard.
    pub calls: usize,
    /// The most parked orders of a shard. When a publisher refuses more, the relay takes it for
    /// broken as a whole: the orders wait as after a transient failure.
    pub parked: usize,
    /// How long an order waits after its event was not confirmed.
    pub order_backoff: Backoff,
    /// How long a shard waits after a call without any confirmation.
    pub shard_backoff: Backoff,
    /// How long the relay waits after a failure of the journal.
    pub journal_backoff: Backoff,
    /// How long one call to the journal or the store may take.
    pub budget: Duration,
    /// How long a stop waits for the calls to the publisher.
    pub stop_within: Duration,
}

impl Default for RelaySettings {
    fn default() -> Self {
        let first = Duration::from_millis(200);
        Self {
            lease: Duration::from_secs(10),
            poll: first,
            sequencing_pause: Duration::from_millis(20),
            record_within: Duration::from_millis(500),
            window: 2_000,
            window_bytes: 8 << 20,
            batch: 500,
            calls: 4,
            parked: 10_000,
            order_backoff: Backoff { first, longest: Duration::from_mins(1) },
            shard_backoff: Backoff { first, longest: Duration::from_secs(5) },
            journal_backoff: Backoff { first, longest: Duration::from_secs(1) },
            budget: Duration::from_secs(3),
            stop_within: Duration::from_secs(5),
        }
    }
}

impl RelaySettings {
    /// The time between two heartbeats of an instance.
    pub(super) fn heartbeat(&self) -> Duration {
        self.lease.checked_div(10).unwrap_or(self.lease)
    }
}
