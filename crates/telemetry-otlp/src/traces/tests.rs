//! Which spans are recorded, without a collector. `tests/traces.rs` of order-service has one.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::sync::mpsc;
use tracing::field::Empty;
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;

use super::{Recorder, SpanContext, SpanCounts, TraceSpans};
use crate::ambient::FOR_TESTS;

const TARGET: &str = FOR_TESTS.trace_target;
/// The ids of a sampled span, as [`parse`] reads them.
const OWN: &str = "7-5-sampled";

fn parse(text: &str) -> Option<SpanContext> {
    let (trace, rest) = text.split_once('-')?;
    let (span, flag) = rest.split_once('-')?;
    let (trace_id, span_id) = (trace.parse().ok()?, span.parse().ok()?);
    Some(SpanContext { trace_id, span_id, is_sampled: flag == "sampled" })
}

fn recorded(room: usize, work: impl FnOnce()) -> (Vec<Span>, Arc<SpanCounts>) {
    let (queue, mut waiting) = mpsc::channel(room);
    let counts = Arc::new(SpanCounts::default());
    let recorder = Recorder::new(queue, Arc::clone(&counts), FOR_TESTS, parse);
    let recorder = recorder.with_filter(TraceSpans(TARGET));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(recorder), work);
    let mut spans = Vec::new();
    while let Ok(span) = waiting.try_recv() {
        spans.push(span);
    }
    (spans, counts)
}

fn step() -> tracing::Span {
    tracing::info_span!(target: TARGET, "step", order.id = 7)
}

fn names(spans: &[Span]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

#[test]
fn the_parent_of_a_span_is_the_recorded_span_around_it() {
    let (spans, _) = recorded(8, || {
        let parent: Option<&str> = None;
        let request = tracing::info_span!(
            target: TARGET,
            "request",
            otel.kind = "server",
            otel.context = OWN,
            otel.parent = parent,
            otel.name = Empty,
            otel.status_code = Empty,
        );
        request.in_scope(|| {
            let of_the_log = tracing::info_span!("of the log");
            of_the_log.in_scope(|| step().in_scope(|| tracing::info!("a line")));
        });
        request.record("otel.name", "GET /orders/{id}");
        request.record("otel.status_code", "ERROR");
    });
    assert_eq!(names(&spans), ["step", "GET /orders/{id}"]);
    let (inner, outer) = (&spans[0], &spans[1]);
    assert_eq!(outer.span_id, 5_u64.to_be_bytes());
    assert_eq!((&inner.trace_id, &inner.parent_span_id), (&outer.trace_id, &outer.span_id));
    assert_ne!(inner.span_id, outer.span_id);
    assert_eq!((outer.kind, inner.kind), (2, 1));
    assert_eq!(outer.status.as_ref().unwrap().code, 2);
    assert!(outer.parent_span_id.is_empty() && inner.status.is_none());
    assert_eq!(inner.attributes[0].key, "order.id");
    assert!(outer.start_time_unix_nano <= inner.start_time_unix_nano);
    assert!(inner.end_time_unix_nano <= outer.end_time_unix_nano);
}

#[test]
fn a_span_outside_a_sampled_trace_is_not_recorded() {
    let unsampled = OWN.replace("sampled", "not");
    let (spans, _) = recorded(8, || {
        step().in_scope(|| drop(step()));
        for sent in [unsampled.as_str(), "not a trace"] {
            let span = tracing::info_span!(target: TARGET, "publish", otel.parent = sent);
            span.in_scope(|| drop(step()));
        }
    });
    assert_eq!(spans, []);
}

#[test]
fn a_span_may_have_a_parent_in_another_process() {
    let publish = || tracing::info_span!(target: TARGET, "publish", otel.parent = OWN);
    let (spans, _) = recorded(8, || publish().in_scope(|| drop(step())));
    assert_eq!(names(&spans), ["step", "publish"]);
    assert_eq!(spans[1].parent_span_id, 5_u64.to_be_bytes());
    assert_eq!(spans[0].parent_span_id, spans[1].span_id);
}

#[test]
fn a_span_that_finds_the_queue_full_is_dropped_and_counted() {
    let publish = || tracing::info_span!(target: TARGET, "publish", otel.parent = OWN);
    let (spans, counts) = recorded(2, || (0..5).for_each(|_| drop(publish())));
    assert_eq!((spans.len(), counts.lost.load(Relaxed)), (2, 3));
}
