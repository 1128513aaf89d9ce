//! The settings of the feed. The defaults suit production; tests make some smaller.

use std::time::Duration;

use crate::backoff::Backoff;

/// How the feed behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedSettings {
    /// The most subscribers at a time.
    pub max_streams: usize,
    /// How long one call to the journal may take.
    pub budget: Duration,
    /// The longest time between two reads without a wake-up: other instances assign positions, too.
    pub poll: Duration,
    /// The shortest time between two reads, so that under load each finds more events.
    pub pause: Duration,
    /// The most recent events that are kept.
    pub recent_events: usize,
    /// About the most bytes of them.
    pub recent_bytes: usize,
    /// The most events that a subscriber reads at a time to catch up.
    pub page: u32,
    /// About the most bytes of them that it keeps.
    pub page_bytes: usize,
    /// The most subscribers that read at a time.
    pub concurrent_reads: usize,
    /// How long the feed waits after a failure of the journal.
    pub backoff: Backoff,
}

impl Default for FeedSettings {
    fn default() -> Self {
        let first = Duration::from_millis(200);
        Self {
            max_streams: 256,
            budget: Duration::from_millis(1_200),
            poll: first,
            pause: Duration::from_millis(5),
            recent_events: 2_000,
            recent_bytes: 8 << 20,
            page: 100,
            page_bytes: 256 << 10,
            concurrent_reads: 2,
            backoff: Backoff { first, longest: Duration::from_secs(2) },
        }
    }
}
