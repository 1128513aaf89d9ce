//! What can be set about the feed. The defaults suit production; tests make some smaller.

use std::time::Duration;

use crate::backoff::Backoff;

/// How the feed behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedSettings {
    /// So many may subscribe at a time.
    pub most_streams: usize,
    /// How long one call to the journal may take.
    pub budget: Duration,
    /// How often the end of the journal is looked at when nobody rings: other instances place
    /// events, too.
    pub poll: Duration,
    /// The shortest time between two looks, so that under load each finds more.
    pub breath: Duration,
    /// The most events that the ring holds.
    pub ring_events: usize,
    /// About the most bytes that it holds.
    pub ring_bytes: usize,
    /// The most events that a subscriber reads at a time to catch up.
    pub page: u32,
    /// About the most bytes that it keeps of them.
    pub page_bytes: usize,
    /// So many subscribers read at a time.
    pub reads: usize,
    /// How long after a failure the journal is asked again.
    pub backoff: Backoff,
}

impl Default for FeedSettings {
    fn default() -> Self {
        let first = Duration::from_millis(200);
        Self {
            most_streams: 256,
            budget: Duration::from_millis(1_200),
            poll: first,
            breath: Duration::from_millis(5),
            ring_events: 2_000,
            ring_bytes: 8 << 20,
            page: 100,
            page_bytes: 256 << 10,
            reads: 2,
            backoff: Backoff { first, longest: Duration::from_secs(2) },
        }
    }
}
