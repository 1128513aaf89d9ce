//! Traces, for a collector that speaks OpenTelemetry's protocol (OTLP). A layer of `tracing` records
//! spans (`traces/recorder.rs`) into a bounded queue, and one task sends them (`traces/exporter.rs`).
//! When the queue is full, or the collector refuses, spans are dropped and counted.
//!
//! Recorded are the spans of `tracing` under [`Ambient::trace_target`] that belong to a sampled
//! trace. These fields describe the span; the others become its attributes:
//!
//! | Field | |
//! |---|---|
//! | `otel.name` | the name, if it is not the one of the `tracing` span |
//! | `otel.kind` | `server` or `producer`; else internal |
//! | `otel.context` | the ids of this span, in the form that [`TraceSettings::parse`] reads |
//! | `otel.parent` | the ids of its parent, if that is not the span around |
//! | `otel.status_code` | `ERROR` for a failure |

mod exporter;
mod recorder;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use secrecy::SecretString;
use tokio::sync::mpsc;

pub use exporter::{ExportError, Exporter, Unsent};
pub use recorder::Recorder;
pub(crate) use recorder::TraceSpans;

use crate::ambient::{Ambient, Service};

/// Spans that may wait to be sent, as many as in OpenTelemetry's own libraries: some MiB at most.
const WAITING_SPANS: usize = 2_048;

/// How traces are recorded and sent.
#[derive(Debug, Clone)]
pub struct TraceSettings {
    /// Reads the ids in `otel.context` and `otel.parent`, such as a W3C `traceparent`.
    pub parse: fn(&str) -> Option<SpanContext>,
    /// The URL of the collector, which may carry credentials.
    pub endpoint: SecretString,
    /// Headers of each request to the collector.
    pub headers: BTreeMap<String, SecretString>,
    /// How long the collector may take to accept a connection.
    pub connect_timeout: Duration,
    /// How long it may take to answer.
    pub timeout: Duration,
    /// Attributes of the process, beside its name, version and instance; they win over these.
    pub resource_attributes: BTreeMap<String, String>,
}

/// Where a span stands in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanContext {
    /// The trace; never 0.
    pub trace_id: u128,
    /// The span in it; never 0.
    pub span_id: u64,
    /// Whether the trace is recorded.
    pub is_sampled: bool,
}

/// Prepares the recording of traces: the layer that records spans ([`crate::Log::start`] takes it),
/// and the queue of spans to be sent ([`Unsent::start`] sends them).
#[must_use]
pub fn record(settings: TraceSettings, service: &Service, ambient: Ambient) -> (Recorder, Unsent) {
    let (queue, waiting) = mpsc::channel(WAITING_SPANS);
    let counts = Arc::new(SpanCounts::default());
    let recorder = Recorder::new(queue, Arc::clone(&counts), ambient, settings.parse);
    (recorder, Unsent { waiting, counts, settings, service: service.clone(), ambient })
}

/// What became of the spans so far.
#[derive(Debug, Default)]
pub struct SpanCounts {
    sent: AtomicU64,
    lost: AtomicU64,
    failures: AtomicU64,
}

impl SpanCounts {
    fn add(counter: &AtomicU64, spans: usize) {
        counter.fetch_add(spans.try_into().unwrap_or(u64::MAX), Relaxed);
    }

    /// Sets the metrics `trace_…` of [`crate::METRICS`].
    pub fn measure(&self) {
        metrics::counter!("trace_spans_sent_total").absolute(self.sent.load(Relaxed));
        metrics::counter!("trace_spans_lost_total").absolute(self.lost.load(Relaxed));
        metrics::counter!("trace_exports_failed_total").absolute(self.failures.load(Relaxed));
    }
}

fn attribute(name: &str, value: Value) -> KeyValue {
    KeyValue {
        key: name.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

#[cfg(test)]
mod tests;
