//! Notes the steps of traces: a layer of `tracing` beside the log. A step is noted when it is the
//! first here of a recorded trace, or belongs to one that is noted; it is handed on when it ends.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::{Status, status::StatusCode};
use order_app::ports::{Clock as _, Entropy as _};
use order_app::traces::{TARGET, TraceContext};
use tokio::sync::mpsc;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

use super::{Counts, Span, attribute};
use crate::system::{OsEntropy, SystemClock};

/// The longest text of an attribute; the rest is cut off.
const LONGEST_TEXT: usize = 1_024;

// OpenTelemetry's numbers.
const INTERNAL: i32 = 1;
const SERVER: i32 = 2;
const PRODUCER: i32 = 4;
/// Flags: whether it is known if the parent is another process's, and that it is.
const PARENT_IS_KNOWN: u32 = 0x100;
const PARENT_IS_REMOTE: u32 = 0x200;

/// Lets only steps through, and those inside a recorded one only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steps;

impl<S> Filter<S> for Steps
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn enabled(&self, of: &Metadata<'_>, context: &Context<'_, S>) -> bool {
        let names_its_trace = || of.fields().field("otel.parent").is_some();
        let is_inside = || context.lookup_current().is_some_and(|around| is_noted(&around));
        is_step(of) && (names_its_trace() || is_inside())
    }

    fn callsite_enabled(&self, of: &'static Metadata<'static>) -> Interest {
        if is_step(of) { Interest::sometimes() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }
}

fn is_step(of: &Metadata<'_>) -> bool {
    of.is_span() && of.target() == TARGET
}

fn is_noted<'a, S: LookupSpan<'a>>(span: &tracing_subscriber::registry::SpanRef<'a, S>) -> bool {
    span.extensions().get::<Step>().is_some()
}

/// Notes steps, and hands those that have ended on. It never waits.
pub(crate) struct Recorder {
    queue: mpsc::Sender<Span>,
    counts: Arc<Counts>,
}

/// A step under way.
struct Step {
    context: TraceContext,
    began: Instant,
    span: Span,
}

impl Recorder {
    pub(super) fn new(queue: mpsc::Sender<Span>, counts: Arc<Counts>) -> Self {
        Self { queue, counts }
    }
}

impl<S> Layer<S> for Recorder
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::new(span.name());
        attributes.record(&mut fields);
        let around = span.parent();
        let around = around.and_then(|span| Some(span.extensions().get::<Step>()?.context));
        if let Some(step) = fields.begin(around) {
            span.extensions_mut().insert(step);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(step) = span.extensions_mut().get_mut::<Step>()
        {
            let mut fields = Fields { span: std::mem::take(&mut step.span), ..Fields::default() };
            values.record(&mut fields);
            step.span = fields.span;
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(Step { began, mut span, .. }) = span.extensions_mut().remove::<Step>() else {
            return;
        };
        let took = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        span.end_time_unix_nano = span.start_time_unix_nano.saturating_add(took);
        if self.queue.try_send(span).is_err() {
            Counts::add(&self.counts.lost, 1);
        }
    }
}

/// What the fields of a span of `tracing` say.
#[derive(Default)]
struct Fields {
    context: Option<TraceContext>,
    parent: Option<TraceContext>,
    span: Span,
}

impl Fields {
    fn new(name: &str) -> Self {
        let span = Span { name: name.to_owned(), kind: INTERNAL, ..Span::default() };
        Self { span, ..Self::default() }
    }

    /// Gives the step its place; `None` when it belongs to no trace.
    fn begin(mut self, around: Option<TraceContext>) -> Option<Step> {
        let context = if let Some(own) = self.context {
            own
        } else {
            let parent = self.parent.or(around)?;
            let span_id = u64::try_from(OsEntropy.bits() >> 64).unwrap_or_default().max(1);
            TraceContext { span_id, ..parent }
        };
        let parent = self.parent.or(around).map(|parent| parent.span_id.to_be_bytes().to_vec());
        self.span.trace_id = context.trace_id.to_be_bytes().to_vec();
        self.span.span_id = context.span_id.to_be_bytes().to_vec();
        self.span.parent_span_id = parent.unwrap_or_default();
        let is_remote = if self.parent.is_some() { PARENT_IS_REMOTE } else { 0 };
        self.span.flags = u32::from(context.is_sampled) | PARENT_IS_KNOWN | is_remote;
        let now = SystemClock.now().timestamp_nanos_opt();
        let now = now.and_then(|now| u64::try_from(now).ok()).unwrap_or_default();
        self.span.start_time_unix_nano = now;
        context.is_sampled.then(|| Step { context, began: Instant::now(), span: self.span })
    }

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
            "otel.context" => self.context = TraceContext::parse(text),
            "otel.parent" => self.parent = TraceContext::parse(text),
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
