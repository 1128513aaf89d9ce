//! What a process tells of itself: log lines on standard output ([`Log`]), traces for a collector
//! that speaks OpenTelemetry's protocol ([`record`]), and metrics in Prometheus' text format
//! ([`Metrics`]). [`escaped`] is for all that may reach a terminal.
//!
//! Telemetry never holds up the work that it describes. Log lines and spans wait in bounded queues;
//! what does not fit is dropped and counted. The time, random bits and the name of the process are
//! passed in ([`Ambient`], [`Service`]).

mod ambient;
mod escape;
mod logs;
mod metrics;
mod traces;

pub use ambient::{Ambient, Service};
pub use escape::escaped;
pub use logs::{Format, Levels, Log, LogCounts, LogError, LogSettings, Logger};
pub use metrics::{Family, Kind, METRICS, Measured, Metric, Metrics, MetricsError, Series};
pub use traces::{
    ExportError, Exporter, Recorder, SpanContext, SpanCounts, TraceSettings, Unsent, record,
};
