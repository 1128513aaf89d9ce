//! The numbers of the feed, for operators. Exporting them is not here.

/// The numbers at one moment. Those without "now" only grow while the process lives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeedReport {
    /// Subscribers, now.
    pub streams: usize,
    /// Deliveries: each event counts once for each subscriber that it was delivered to.
    pub streamed: u64,
    /// Subscriptions that were refused because there were too many.
    pub refused: u64,
    /// Events that were left out because they cannot be read.
    pub unreadable: u64,
}
