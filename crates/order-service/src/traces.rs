//! Traces, for a collector that speaks OpenTelemetry's protocol. Steps that are recorded wait in a
//! bounded queue until a task of their own has sent them; whoever works never waits for it. When the
//! queue is full, or the collector refuses, steps are lost and counted, and nothing else happens.
//!
//! What a step is, is said in `order_app::traces`; which requests are recorded, at the edge. Here
//! they are noted (`recorder.rs`) and sent (`exporter.rs`).

mod exporter;
mod recorder;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::sync::mpsc;

pub(crate) use exporter::{Exporting, Unsent};
pub(crate) use recorder::{Recorder, Steps};

use crate::settings::{Settings, Tracing};

/// Steps that may wait: what OpenTelemetry's own libraries use, some MiB at the most.
const WAITING: usize = 2_048;

/// Prepares recording; `None` when the settings do not ask for it.
pub(crate) fn begin(settings: &Settings, instance: &str) -> Option<(Recorder, Unsent)> {
    let tracing = &settings.tracing;
    let endpoint = tracing.endpoint.clone()?;
    let (queue, waiting) = mpsc::channel(WAITING);
    let counts = Arc::new(Counts::default());
    let recorder = Recorder::new(queue, Arc::clone(&counts));
    let resource = resource(tracing, &settings.name, instance);
    Some((recorder, Unsent { waiting, counts, resource, endpoint, settings: tracing.clone() }))
}

/// What became of the steps so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    sent: AtomicU64,
    lost: AtomicU64,
    failures: AtomicU64,
}

impl Counts {
    fn add(counter: &AtomicU64, steps: usize) {
        counter.fetch_add(steps.try_into().unwrap_or(u64::MAX), Relaxed);
    }

    /// For the metrics.
    pub(crate) fn measure(&self) {
        metrics::counter!("trace_spans_sent_total").absolute(self.sent.load(Relaxed));
        metrics::counter!("trace_spans_lost_total").absolute(self.lost.load(Relaxed));
        metrics::counter!("trace_exports_failed_total").absolute(self.failures.load(Relaxed));
    }
}

/// Who we are. What the settings say goes before.
fn resource(tracing: &Tracing, service: &str, instance: &str) -> Vec<KeyValue> {
    let own = [
        ("service.name", service),
        ("service.instance.id", instance),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("telemetry.sdk.language", "rust"),
        ("telemetry.sdk.name", env!("CARGO_PKG_NAME")),
        ("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
    ];
    let said = &tracing.resource_attributes;
    let own = own.into_iter().filter(|(name, _)| !said.contains_key(*name));
    let said = said.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    own.chain(said).map(|(name, value)| attribute(name, Value::StringValue(value.into()))).collect()
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
