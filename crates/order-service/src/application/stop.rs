//! The stop, within a budget: the service leaves the lists of registry and load balancers, finishes
//! the requests under way, then the replies of sagas and the events that they caused, and closes the management port last.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use discovery_eureka::Registration;
use http_actix::{Lifecycle, Phase, ServerHandle};
use order_app::live::Live;
use order_app::operations::Operations;
use telemetry_otlp::Exporter;
use tokio::time::{Instant, sleep, timeout_at};

use super::background::Running;
use super::http::Operators;
use crate::settings::Stop;

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
    pub(super) relay: Running,
    /// Replies, and the sweep.
    pub(super) sagas: Running,
    pub(super) operators: Operators,
    pub(super) exporter: Option<Exporter>,
}

/// Stops one part after the other: each may have caused work of the next.
async fn finished(parts: impl IntoIterator<Item = Running>) {
    for part in parts {
        part.stop().await;
    }
}

impl Stopping {
    /// Stops; answers with the exit code.
    pub(super) async fn in_good_order(self) -> u8 {
        let Stop { delay, budget } = *self.settings.get();
        let now = Instant::now();
        let end = now.checked_add(budget).unwrap_or(now);
        self.lifecycle.advance(Phase::OutOfService);
        // How far a replay came is in the log; another instance can go on from there.
        self.operations.stop().await;
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
        } else if timeout_at(end, finished([self.sagas, self.relay])).await.is_err() {
            tracing::warn!(
                "events or replies were still under way; another instance deals with them"
            );
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
    /// wait, and would cut off the others. It gives up clients that neither take nor send anything.
    async fn drained(&self) {
        while self.in_flight.load(Ordering::Acquire) > 0 {
            sleep(LOOK_FOR_REQUESTS).await;
        }
        self.server.stop(true).await;
    }
}
