//! A flag with one waiter: a commit wakes the relay of its own process, and the relay wakes the
//! feed. Other processes find new work by polling.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Set by any number of senders, awaited by one receiver. Clones share it. Waking again before the
/// receiver has looked costs the reading of one atomic.
#[derive(Debug, Clone, Default)]
pub struct WakeUp(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    is_set: AtomicBool,
    receiver: Notify,
}

impl WakeUp {
    /// Says that there may be something to do.
    pub fn wake(&self) {
        if !self.0.is_set.load(Ordering::SeqCst) && !self.0.is_set.swap(true, Ordering::SeqCst) {
            self.0.receiver.notify_one();
        }
    }

    /// Whether it was set since the last time, and clears it. The receiver clears it before it reads
    /// the database, or it would miss a commit in between.
    #[must_use]
    pub fn take(&self) -> bool {
        self.0.is_set.load(Ordering::SeqCst) && self.0.is_set.swap(false, Ordering::SeqCst)
    }

    /// Waits until it is set, and leaves it set.
    pub async fn woken(&self) {
        while !self.0.is_set.load(Ordering::SeqCst) {
            self.0.receiver.notified().await;
        }
    }
}
