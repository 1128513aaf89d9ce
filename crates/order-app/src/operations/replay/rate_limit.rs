//! The rate of a replay: evenly spread over each second, without a burst after a pause.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::ports::later;

/// See the head of the file.
pub(super) struct RateLimit {
    /// Events per second.
    rate: u32,
    next: Instant,
}

impl RateLimit {
    pub(super) fn new(rate: u32) -> Self {
        Self { rate: rate.max(1), next: Instant::now() }
    }

    /// The most events that may be sent together: those of a tenth of a second.
    pub(super) fn burst(&self) -> usize {
        usize::try_from(self.rate.div_ceil(10)).unwrap_or(usize::MAX)
    }

    /// Waits until a number of events may be sent.
    pub(super) async fn wait(&mut self, events: usize) {
        sleep_until(self.next).await;
        let events = u32::try_from(events).unwrap_or(u32::MAX);
        let takes = Duration::from_secs(1).saturating_mul(events).checked_div(self.rate);
        self.next = later(self.next.max(Instant::now()), takes.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn events_keep_the_rate_and_a_pause_is_not_made_up_for() {
        let start = Instant::now();
        let mut limit = RateLimit::new(50);
        assert_eq!(limit.burst(), 5);
        for _ in 0..10 {
            limit.wait(5).await;
        }
        // The last five have been sent, and their time is not over.
        assert_eq!(start.elapsed(), Duration::from_millis(900));
        tokio::time::sleep(Duration::from_secs(5)).await;
        let later = Instant::now();
        limit.wait(5).await;
        limit.wait(5).await;
        assert_eq!(later.elapsed(), Duration::from_millis(100), "nothing is made up for");
    }

    #[tokio::test(start_paused = true)]
    async fn a_low_rate_sends_one_event_at_a_time() {
        let start = Instant::now();
        let mut limit = RateLimit::new(1);
        assert_eq!(limit.burst(), 1);
        limit.wait(1).await;
        limit.wait(1).await;
        assert_eq!(start.elapsed(), Duration::from_secs(1));
    }
}
