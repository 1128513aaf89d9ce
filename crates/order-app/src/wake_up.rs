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
    pub(crate) fn take(&self) -> bool {
        self.0.is_set.load(Ordering::SeqCst) && self.0.is_set.swap(false, Ordering::SeqCst)
    }

    /// Waits until it is set, and leaves it set.
    pub(crate) async fn woken(&self) {
        while !self.0.is_set.load(Ordering::SeqCst) {
            self.0.receiver.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wake_up_before_the_wait_is_kept() {
        let wake_up = WakeUp::default();
        wake_up.clone().wake();
        wake_up.wake();
        wake_up.woken().await;
        assert!(wake_up.take());
        assert!(!wake_up.take(), "two wake-ups count as one");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_with_the_next_wake_up_and_not_with_one_that_was_taken() {
        let wake_up = WakeUp::default();
        wake_up.wake();
        assert!(wake_up.take());
        let quiet = std::time::Duration::from_secs(1);
        let silence = tokio::time::timeout(quiet, wake_up.woken()).await;
        assert!(silence.is_err(), "it was taken before");
        let sender = wake_up.clone();
        let receiver = tokio::spawn(async move { wake_up.woken().await });
        tokio::task::yield_now().await;
        sender.wake();
        receiver.await.unwrap();
    }
}
