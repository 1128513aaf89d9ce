//! What operators want to know of the feed. How it is exported is not here.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counted by a feed.
#[derive(Debug, Default)]
pub(super) struct FeedStats {
    streamed: AtomicU64,
    refused: AtomicU64,
    unreadable: AtomicU64,
}

/// The numbers at one moment. Those without "now" only grow, for as long as the process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedReport {
    /// How many subscribe, now.
    pub streams: usize,
    /// Events that were told, one for each subscriber that was told it.
    pub streamed: u64,
    /// How often somebody could not subscribe because there were too many.
    pub refused: u64,
    /// Events that were left out because they cannot be read.
    pub unreadable: u64,
}

impl FeedStats {
    pub(super) fn report(&self, streams: usize) -> FeedReport {
        FeedReport {
            streams,
            streamed: self.streamed.load(Relaxed),
            refused: self.refused.load(Relaxed),
            unreadable: self.unreadable.load(Relaxed),
        }
    }

    pub(super) fn streamed(&self, events: usize) {
        self.streamed.fetch_add(events.try_into().unwrap_or(u64::MAX), Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub(super) fn unreadable(&self) {
        self.unreadable.fetch_add(1, Relaxed);
    }
}
