//! Live events: following the journal for those who listen, and a stop that waits for all work, but
//! not for those who do not take what is sent to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use order_app::feed::{Feed, FeedSettings};
use order_app::ports::{Entropy, EventJournal};
use order_app::wake_up::WakeUp;
use tokio::time::{Instant, sleep};

use super::background::for_ever;
use crate::settings::Requests;

/// A listener that has not taken the end of its stream after so long is given up.
const DEAF: Duration = Duration::from_secs(3);
/// How often that is looked at.
const A_LOOK: Duration = Duration::from_millis(100);
/// How often is looked whether requests are still worked on.
const A_MOMENT: Duration = Duration::from_millis(10);

/// The feed of this process.
pub(super) fn feed(
    requests: Requests,
    journal: Arc<dyn EventJournal>,
    entropy: Arc<dyn Entropy>,
) -> Feed {
    let settings = FeedSettings {
        max_streams: usize::try_from(requests.max_streams).unwrap_or(usize::MAX),
        budget: requests.budget,
        ..FeedSettings::default()
    };
    Feed::new(journal, entropy, settings)
}

/// Follows the journal for ever.
pub(super) async fn follow(feed: Feed, new_positions: WakeUp) {
    for_ever("the feed", || feed.clone().run(new_positions.clone())).await;
}

/// Stops the server when no request is worked on: it waits for those whose clients wait, and would end
/// the others in the middle of their work. Done when it has stopped, or when nobody is left but
/// listeners who do not take what is sent to them: their connections would keep it from stopping.
pub(super) async fn stopped<F: Future<Output = ()>>(
    stop: impl FnOnce() -> F,
    feed: &Feed,
    requests: &AtomicUsize,
) {
    while requests.load(Ordering::Acquire) > 0 {
        sleep(A_MOMENT).await;
    }
    let only_listeners = || feed.report().streams > 0 && requests.load(Ordering::Relaxed) == 0;
    tokio::select! {
        () = stop() => {}
        () = lasting(only_listeners) => {
            tracing::warn!("clients of GET /events do not hear that it has ended");
        }
    }
}

/// Ends when something has been so for a while.
async fn lasting(holds: impl Fn() -> bool) {
    let mut since = Instant::now();
    while since.elapsed() < DEAF {
        sleep(A_LOOK).await;
        if !holds() {
            since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_listener_is_given_up_after_a_while_without_a_break() {
        let start = Instant::now();
        let looks = Cell::new(0);
        // Two seconds in, a request comes for a moment.
        lasting(|| looks.replace(looks.get() + 1) != 20).await;
        assert!((5.0..5.3).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
    }
}
