//! Metrics in Prometheus' text format. Code measures through the `metrics` facade; [`Metrics`]
//! collects and renders. Each metric is described by a [`Metric`]: ours here, those of the service
//! in its own table.

mod maxima;
mod process;
mod snapshot;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use metrics::{describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

pub use snapshot::{Family, Measured, Series};

use maxima::{Maxima, WithMaxima};
use process::Process;

use crate::logs::LogCounts;

/// How often samples are folded into their histograms between two scrapes.
const UPKEEP: Duration = Duration::from_secs(5);
/// After how many times of that the next part of the two minutes of maxima begins.
const UPKEEPS_OF_A_PART: u32 = 4;

/// A metric: its name, its kind and what it says.
#[derive(Debug, Clone, Copy)]
pub struct Metric(pub &'static str, pub Kind, pub &'static str);

/// How the values of a metric develop.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Samples, counted in buckets with these upper bounds.
    Histogram(&'static [f64]),
}

use Kind::{Counter, Gauge, Histogram};

/// The metrics of this crate.
pub const METRICS: &[Metric] = &[
    Metric("log_lines_lost_total", Counter, "lines of the log that found no room"),
    Metric("logback_events_total", Counter, "lines of the log by `level`, lost ones included"),
    Metric("trace_spans_sent_total", Counter, "spans accepted; only with a collector"),
    Metric("trace_spans_lost_total", Counter, "spans without room or refused; likewise"),
    Metric("trace_exports_failed_total", Counter, "failed requests to the collector; likewise"),
    Metric("process_start_time_seconds", Gauge, "when the process started, since 1970"),
    Metric("process_uptime_seconds", Gauge, "how long it has run"),
    Metric("process_cpu_time_ns_total", Counter, "processor time"),
    Metric(
        "process_cpu_usage",
        Gauge,
        "the share of the processors that it may use, from 0 to 1, since the scrape before",
    ),
    Metric("system_cpu_usage", Gauge, "the share of the machine's processors in use; likewise"),
    Metric("system_cpu_count", Gauge, "how many processors the process may use"),
    Metric("system_load_average_1m", Gauge, "the load of the machine over the last minute"),
    Metric("process_resident_memory_bytes", Gauge, "memory that it holds"),
    Metric("process_files_open_files", Gauge, "open files and connections"),
    Metric("process_files_max_files", Gauge, "how many may be open"),
];

/// Why no metrics are collected.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// A histogram has no buckets.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Something collects already.
    #[error("metrics are collected already")]
    Twice,
}

/// The metrics of this process.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
    maxima: Maxima,
    log: LogCounts,
    process: Arc<Process>,
    now: fn() -> DateTime<Utc>,
}

impl Metrics {
    /// Collects from now on what the process measures, and describes the metrics of this crate and of
    /// `own`. Each series gets the `tags` as labels. The age of the process counts from now. Each histogram `NAME` has
    /// a gauge `NAME_max` beside it: its largest sample of the last two minutes.
    ///
    /// # Errors
    /// When something collects already, or a histogram has no buckets.
    pub fn install(
        own: &[Metric],
        tags: &BTreeMap<String, String>,
        log: LogCounts,
        now: fn() -> DateTime<Utc>,
    ) -> Result<Self, MetricsError> {
        let mut builder = PrometheusBuilder::new();
        for Metric(name, kind, _) in own {
            if let Histogram(buckets) = kind {
                let matcher = Matcher::Full((*name).to_owned());
                builder = builder.set_buckets_for_metric(matcher, buckets)?;
            }
        }
        for (name, value) in tags {
            builder = builder.add_global_label(name, value);
        }
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        let (recorder, maxima) = WithMaxima::new(recorder);
        metrics::set_global_recorder(recorder).map_err(|_| MetricsError::Twice)?;
        for Metric(name, kind, about) in own.iter().chain(METRICS) {
            match kind {
                Counter => describe_counter!(*name, *about),
                Gauge => describe_gauge!(*name, *about),
                Histogram(_) => describe_histogram!(*name, *about),
            }
        }
        let process = Arc::new(Process::new(now()));
        Ok(Self { handle, maxima, log, process, now })
    }

    /// The text that a scraper reads.
    #[must_use]
    pub fn render(&self) -> String {
        self.log.measure();
        self.maxima.measure();
        self.process.measure((self.now)());
        self.handle.render()
    }

    /// The same as values, by their names.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Family> {
        snapshot::families(&self.render())
    }

    /// Keeps samples from piling up between scrapes. Runs until it is dropped.
    pub async fn keep_up(self) {
        loop {
            for _ in 0..UPKEEPS_OF_A_PART {
                tokio::time::sleep(UPKEEP).await;
                self.handle.run_upkeep();
            }
            self.maxima.next_part();
        }
    }
}
