//! The stop, within a budget: the service leaves the lists of registry and load balancers, finishes
//! the requests under way, then the events that they caused, and closes the management port last.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use discovery_eureka::Registration;
use http_actix::{Lifecycle, Phase, ServerHandle};
use order_app::feed::Feed;
use order_app::live::Live;
use order_app::operations::Operations;
use telemetry_otlp::Exporter;
use tokio::time::{Instant, sleep, timeout_at};

use super::http::Operators;
use super::relay::RunningRelay;
use crate::settings::Stop;

/// A listener that has not taken the end of its stream after this time is given up.
const DEAF: Duration = Duration::from_secs(3);
/// How often the stop looks for such listeners.
const LOOK_FOR_DEAF: Duration = Duration::from_millis(100);
/// How often the stop looks whether requests are under way.
const LOOK_FOR_REQUESTS: Duration = Duration::from_millis(10);

/// Everything that has to be stopped.
pub(super) struct Stopping {
    pub(super) settings: Live<Stop>,
    pub(super) lifecycle: Lifecycle,
    pub(super) registration: Option<Registration>,
    pub(super) operations: Operations,
    pub(super) server: ServerHandle,
    /// How many requests are under way.
    pub(super) in_flight: Arc<AtomicUsize>,
    pub(super) feed: Feed,
    pub(super) relay: RunningRelay,
    pub(super) operators: Operators,
    pub(super) exporter: Option<Exporter>,
}

impl Stopping {
    /// Stops; answers with the exit code.
    pub(super) async fn in_good_order(self) -> u8 {
        let Stop { delay, budget } = *self.settings.get();
        let now = Instant::now();
        let end = now.checked_add(budget).unwrap_or(now);
        self.lifecycle.advance(Phase::OutOfService);
        // How far a replay came is in the log; another instance can go on from there.
        self.operations.replays().stop().await;
        // A registry that does not hear it in time forgets this instance when the lease is over.
        if let Some(registration) = &self.registration {
            let _ = timeout_at(end, registration.out_of_service()).await;
        }
        sleep(delay).await;
        if let Some(registration) = &self.registration {
            let _ = timeout_at(end, registration.stop()).await;
        }
        self.lifecycle.advance(Phase::Draining);
        let drained = timeout_at(end, self.drained()).await.is_ok();
        if !drained {
            tracing::error!(?budget, "requests were still running when the time to stop was over");
        } else if timeout_at(end, self.relay.stop()).await.is_err() {
            tracing::warn!("events were still under way; another instance publishes them");
        }
        // Operators could watch the stop until here.
        self.operators.stop(end).await;
        if let Some(exporter) = self.exporter {
            exporter.stop(end).await;
        }
        tracing::info!("stopped");
        u8::from(!drained)
    }

    /// Stops the server once no request is under way: the server waits for requests whose clients
    /// wait, and would cut off the others. Gives up listeners that do not take what is sent to them,
    /// because their connections would keep the server from stopping.
    async fn drained(&self) {
        while self.in_flight.load(Ordering::Acquire) > 0 {
            sleep(LOOK_FOR_REQUESTS).await;
        }
        let only_listeners =
            || self.feed.report().streams > 0 && self.in_flight.load(Ordering::Relaxed) == 0;
        tokio::select! {
            () = self.server.stop(true) => {}
            () = lasting(only_listeners) => {
                tracing::warn!("clients of GET /events do not hear that it has ended");
            }
        }
    }
}

/// Resolves when a condition has held for [`DEAF`] without a break.
async fn lasting(holds: impl Fn() -> bool) {
    let mut since = Instant::now();
    while since.elapsed() < DEAF {
        sleep(LOOK_FOR_DEAF).await;
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
