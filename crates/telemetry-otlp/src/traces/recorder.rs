//! Records spans: a layer of `tracing` beside the log. A span is recorded if its own fields place it
//! in a sampled trace, or if the span around it is recorded. It enters the queue when it closes.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::{Status, status::StatusCode};
use tokio::sync::mpsc;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use super::{Span, SpanContext, SpanCounts, attribute};
use crate::ambient::Ambient;

/// The most bytes of text in an attribute; the rest is cut off.
const LONGEST_TEXT: usize = 1_024;

// OpenTelemetry's numbers for the kinds of spans, and its flags.
const INTERNAL: i32 = 1;
const SERVER: i32 = 2;
const PRODUCER: i32 = 4;
const SAMPLED: u32 = 1;
/// The next flag is set on purpose, or cleared on purpose.
const PARENT_IS_KNOWN: u32 = 0x100;
/// The parent is a span of another process.
const PARENT_IS_REMOTE: u32 = 0x200;

/// Enables the spans under this target that name their trace or stand inside a recorded span.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TraceSpans(pub(crate) &'static str);

impl TraceSpans {
    fn covers(self, of: &Metadata<'_>) -> bool {
        of.is_span() && of.target() == self.0
    }
}

impl<S> Filter<S> for TraceSpans
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn enabled(&self, of: &Metadata<'_>, context: &Context<'_, S>) -> bool {
        let names_its_trace = || of.fields().field("otel.parent").is_some();
        let is_recorded = |around: SpanRef<'_, S>| around.extensions().get::<OpenSpan>().is_some();
        let is_inside = || context.lookup_current().is_some_and(is_recorded);
        self.covers(of) && (names_its_trace() || is_inside())
    }

    fn callsite_enabled(&self, of: &'static Metadata<'static>) -> Interest {
        if self.covers(of) { Interest::sometimes() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }
}

/// The layer of `tracing` that records spans. It never waits.
#[derive(Debug)]
pub struct Recorder {
    queue: mpsc::Sender<Span>,
    counts: Arc<SpanCounts>,
    ambient: Ambient,
    parse: fn(&str) -> Option<SpanContext>,
}

/// A recorded span that has not closed yet.
struct OpenSpan {
    context: SpanContext,
    began: Instant,
    span: Span,
}

impl Recorder {
    pub(super) fn new(
        queue: mpsc::Sender<Span>,
        counts: Arc<SpanCounts>,
        ambient: Ambient,
        parse: fn(&str) -> Option<SpanContext>,
    ) -> Self {
        Self { queue, counts, ambient, parse }
    }

    /// Reads what the fields of a span of `tracing` say into `span`.
    fn fields(&self, span: Span) -> Fields {
        Fields { parse: self.parse, context: None, parent: None, span }
    }

    /// Gives a span its ids; `None` when it belongs to no sampled trace.
    fn open(&self, fields: Fields, around: Option<SpanContext>) -> Option<OpenSpan> {
        let Fields { context, parent, mut span, .. } = fields;
        let is_remote = if parent.is_some() { PARENT_IS_REMOTE } else { 0 };
        let parent = parent.or(around);
        let context = if let Some(own) = context {
            own
        } else {
            let random = u64::try_from((self.ambient.random)() >> 64).unwrap_or_default();
            SpanContext { span_id: random.max(1), ..parent? }
        };
        if !context.is_sampled {
            return None;
        }
        let parent = parent.map(|parent| parent.span_id.to_be_bytes().to_vec());
        span.trace_id = context.trace_id.to_be_bytes().to_vec();
        span.span_id = context.span_id.to_be_bytes().to_vec();
        span.parent_span_id = parent.unwrap_or_default();
        span.flags = SAMPLED | PARENT_IS_KNOWN | is_remote;
        let now = (self.ambient.now)().timestamp_nanos_opt();
        span.start_time_unix_nano = now.and_then(|now| now.try_into().ok()).unwrap_or_default();
        Some(OpenSpan { context, began: Instant::now(), span })
    }
}

impl<S> Layer<S> for Recorder
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let named = Span { name: span.name().to_owned(), kind: INTERNAL, ..Span::default() };
        let mut fields = self.fields(named);
        attributes.record(&mut fields);
        let around = span.parent();
        let around = around.and_then(|span| Some(span.extensions().get::<OpenSpan>()?.context));
        if let Some(open) = self.open(fields, around) {
            span.extensions_mut().insert(open);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(open) = span.extensions_mut().get_mut::<OpenSpan>()
        {
            let mut fields = self.fields(std::mem::take(&mut open.span));
            values.record(&mut fields);
            open.span = fields.span;
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(open) = span.extensions_mut().remove::<OpenSpan>() else { return };
        let OpenSpan { began, mut span, .. } = open;
        let took = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        span.end_time_unix_nano = span.start_time_unix_nano.saturating_add(took);
        if self.queue.try_send(span).is_err() {
            SpanCounts::add(&self.counts.lost, 1);
        }
    }
}

/// What the fields of a span of `tracing` say.
struct Fields {
    parse: fn(&str) -> Option<SpanContext>,
    context: Option<SpanContext>,
    parent: Option<SpanContext>,
    span: Span,
}

impl Fields {
    fn text(&mut self, field: &Field, text: &str) {
        match field.name() {
            "otel.name" => text.clone_into(&mut self.span.name),
            "otel.kind" => {
                self.span.kind = match text {
                    "server" => SERVER,
                    "producer" => PRODUCER,
                    _ => INTERNAL,
                }
            }
            "otel.context" => self.context = (self.parse)(text),
            "otel.parent" => self.parent = (self.parse)(text),
            "otel.status_code" => {
                let code = if text == "ERROR" { StatusCode::Error } else { StatusCode::Unset };
                let message = String::new();
                self.span.status = Some(Status { code: code.into(), message });
            }
            _ => {
                let end = text.floor_char_boundary(LONGEST_TEXT);
                let text = text.get(..end).unwrap_or_default().to_owned();
                self.value(field, Value::StringValue(text));
            }
        }
    }

    fn value(&mut self, field: &Field, value: Value) {
        self.span.attributes.push(attribute(field.name(), value));
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.value(field, Value::BoolValue(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.value(field, Value::IntValue(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.value(field, Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.value(field, Value::DoubleValue(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.text(field, &value.to_string());
    }
}
