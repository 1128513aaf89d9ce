//! How a commit wakes the relay of its own process, and how the relay wakes the feed: a flag that is
//! set, and somebody who waits for it. What other processes do is found by polling.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Rung after each commit, heard by one listener. Cheap to clone; ringing a bell that is rung already
/// costs the reading of one atomic.
#[derive(Debug, Clone, Default)]
pub struct Bell(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    rung: AtomicBool,
    ear: Notify,
}

impl Bell {
    /// Says that something has been committed.
    pub fn ring(&self) {
        if !self.0.rung.load(Ordering::SeqCst) && !self.0.rung.swap(true, Ordering::SeqCst) {
            self.0.ear.notify_one();
        }
    }

    /// Whether it was rung since the last time; it is silent then. Whoever asks looks at the
    /// database afterwards, never before, or a commit in between would be missed.
    pub(crate) fn answer(&self) -> bool {
        self.0.rung.load(Ordering::SeqCst) && self.0.rung.swap(false, Ordering::SeqCst)
    }

    /// Waits until it is rung, and leaves it so.
    pub(crate) async fn rung(&self) {
        while !self.0.rung.load(Ordering::SeqCst) {
            self.0.ear.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_ring_before_anybody_listens_is_heard() {
        let bell = Bell::default();
        bell.clone().ring();
        bell.ring();
        bell.rung().await;
        assert!(bell.answer());
        assert!(!bell.answer(), "many rings are one");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_listens_is_woken_by_the_next_ring_and_by_no_other() {
        let bell = Bell::default();
        bell.ring();
        assert!(bell.answer());
        let quiet = std::time::Duration::from_secs(1);
        let silence = tokio::time::timeout(quiet, bell.rung()).await;
        assert!(silence.is_err(), "an answered ring wakes nobody");
        let ringer = bell.clone();
        let listener = tokio::spawn(async move { bell.rung().await });
        tokio::task::yield_now().await;
        ringer.ring();
        listener.await.unwrap();
    }
}
