//! The metrics of the process, in Prometheus' text format. What is measured is said where it
//! happens, through the `metrics` facade, or kept as numbers by those who do the work, which are asked
//! when somebody wants to know (`sources.rs`); here it is collected.

mod process;
mod sources;
mod table;

use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use order_app::ports::Clock as _;
use tracing_appender::non_blocking::ErrorCounter;

use crate::system::SystemClock;
use process::Process;

pub(crate) use sources::{Sources, watch_backlog};

/// Seconds: around what a request takes, up to its largest budget.
const BUCKETS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0, 10.0];
/// Changes: up to the most that are written together.
const BATCH_SIZES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];
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
            .set_buckets_for_metric(Matcher::Full("order_commit_batch_size".into()), BATCH_SIZES)?
            .install_recorder()?;
        table::describe();
        Ok(Self { handle, lost_lines })
    }

    /// What `/actuator/prometheus` answers.
    pub(crate) fn scrape(&self, sources: Sources) -> Arc<dyn Fn() -> String + Send + Sync> {
        let (handle, lost_lines) = (self.handle.clone(), self.lost_lines.clone());
        let process = Process::new(SystemClock.now());
        Arc::new(move || {
            let lost = u64::try_from(lost_lines.dropped_lines()).unwrap_or(u64::MAX);
            metrics::counter!("log_lines_lost_total").absolute(lost);
            process.measure(SystemClock.now());
            sources.measure();
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
