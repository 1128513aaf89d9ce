//! The metrics of the process, in Prometheus' text format. What is measured is said where it
//! happens, through the `metrics` facade; here it is collected.

use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use order_app::feed::{Feed, FeedReport};
use order_app::relay::{RelayReport, RelayStats};
use tracing_appender::non_blocking::ErrorCounter;

/// Seconds: around what a request takes, up to its largest budget.
const BUCKETS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0, 10.0];
/// How often collected samples are folded into their histograms when nobody asks for them.
const UPKEEP: Duration = Duration::from_secs(5);

/// The metrics of this process.
pub(crate) struct Metrics {
    handle: PrometheusHandle,
    lost_lines: ErrorCounter,
}

impl Metrics {
    /// Collects from now on what any part of the process measures, and how many log lines were lost.
    ///
    /// # Errors
    /// When something collects already.
    pub(crate) fn install(lost_lines: ErrorCounter) -> Result<Self, BuildError> {
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), BUCKETS)?
            .install_recorder()?;
        Ok(Self { handle, lost_lines })
    }

    /// What `/actuator/prometheus` answers.
    pub(crate) fn scrape(
        &self,
        relay: Arc<RelayStats>,
        feed: Feed,
    ) -> Arc<dyn Fn() -> String + Send + Sync> {
        let (handle, lost_lines) = (self.handle.clone(), self.lost_lines.clone());
        Arc::new(move || {
            let lost = u64::try_from(lost_lines.dropped_lines()).unwrap_or(u64::MAX);
            metrics::counter!("log_lines_lost_total").absolute(lost);
            publishing(&relay.report());
            telling(feed.report());
            handle.render()
        })
    }

    /// Keeps the samples from piling up, for ever.
    pub(crate) async fn keep_up(self) {
        loop {
            tokio::time::sleep(UPKEEP).await;
            self.handle.run_upkeep();
        }
    }
}

/// What operators want to know of those who listen to this instance.
fn telling(feed: FeedReport) {
    let streams = u32::try_from(feed.streams).unwrap_or(u32::MAX);
    metrics::gauge!("order_events_streams").set(f64::from(streams));
    metrics::counter!("order_events_streams_refused_total").absolute(feed.refused);
    metrics::counter!("order_events_streamed_total").absolute(feed.told);
    metrics::counter!("order_events_unreadable_total").absolute(feed.unreadable);
}

/// What operators want to know of the relay of this instance.
fn publishing(relay: &RelayReport) {
    let whole = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    metrics::counter!("order_events_placed_total").absolute(relay.arranged);
    metrics::counter!("order_events_published_total").absolute(relay.published);
    metrics::counter!("order_events_failed_total").absolute(relay.transient_failures);
    metrics::counter!("order_events_parkings_total").absolute(relay.parkings);
    metrics::gauge!("order_events_parked_orders").set(whole(relay.parked_orders));
    metrics::gauge!("order_relay_shards").set(whole(relay.held_shards));
    metrics::gauge!("order_relay_arranges").set(f64::from(u8::from(relay.arranges)));
    let lag = relay.lag.to_std().unwrap_or_default();
    metrics::gauge!("order_events_lag_seconds").set(lag.as_secs_f64());
}
