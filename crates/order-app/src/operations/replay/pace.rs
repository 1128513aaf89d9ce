//! How fast a replay may go: so many events in a second, evenly, and no burst after a pause.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// See the head of the file.
pub(super) struct Pace {
    rate: u32,
    next: Instant,
}

impl Pace {
    pub(super) fn new(rate: u32) -> Self {
        Self { rate: rate.max(1), next: Instant::now() }
    }

    /// How many events may go together: a tenth of a second's.
    pub(super) fn room(&self) -> usize {
        usize::try_from(self.rate.div_ceil(10)).unwrap_or(usize::MAX)
    }

    /// Waits until so many events may go.
    pub(super) async fn wait(&mut self, events: usize) {
        sleep_until(self.next).await;
        let events = u32::try_from(events).unwrap_or(u32::MAX);
        let takes = Duration::from_secs(1).saturating_mul(events).checked_div(self.rate);
        let from = self.next.max(Instant::now());
        self.next = from.checked_add(takes.unwrap_or_default()).unwrap_or(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn so_many_events_go_in_a_second() {
        let start = Instant::now();
        let mut pace = Pace::new(50);
        assert_eq!(pace.room(), 5);
        for _ in 0..10 {
            pace.wait(5).await;
        }
        // The last five have gone, and their time is not over.
        assert_eq!(start.elapsed(), Duration::from_millis(900));
        tokio::time::sleep(Duration::from_secs(5)).await;
        let later = Instant::now();
        pace.wait(5).await;
        pace.wait(5).await;
        assert_eq!(later.elapsed(), Duration::from_millis(100), "nothing is made up for");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_pace_lets_one_event_go_at_a_time() {
        let start = Instant::now();
        let mut pace = Pace::new(1);
        assert_eq!(pace.room(), 1);
        pace.wait(1).await;
        pace.wait(1).await;
        assert_eq!(start.elapsed(), Duration::from_secs(1));
    }
}
