//! The layer of `tracing` that writes a line for each event: it gathers the fields of the event and of
//! the spans around it. A field that stands in both comes from the event. `json.rs` and `pretty.rs`
//! know what a line looks like.

use std::io::Write as _;

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::counts::LogCounts;
use super::fields::Fields;
use super::json::Json;
use super::pretty::Pretty;
use crate::ambient::Ambient;

/// See the head of the file.
pub(super) struct Lines<W> {
    form: Form,
    ambient: Ambient,
    out: W,
    counts: LogCounts,
}

/// What a line looks like.
pub(super) enum Form {
    /// A JSON object.
    Json(Json),
    /// A text for people.
    Pretty(Pretty),
}

impl<W> Lines<W> {
    pub(super) fn new(form: Form, ambient: Ambient, out: W, counts: LogCounts) -> Self {
        Self { form, ambient, out, counts }
    }

    fn line(&self, metadata: &Metadata<'_>, fields: &Fields) -> Vec<u8> {
        let now = (self.ambient.now)();
        match &self.form {
            Form::Json(json) => json.line(now, metadata, fields),
            Form::Pretty(pretty) => pretty.line(now, metadata, fields).into_bytes(),
        }
    }
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::new(self.ambient);
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        self.counts.count(*event.metadata().level());
        let mut fields = Fields::new(self.ambient);
        event.record(&mut fields);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(around) = span.extensions().get::<Fields>() {
                fields.add_missing(around);
            }
        }
        let line = self.line(event.metadata(), &fields);
        // An error of the writer cannot be logged: this is the log.
        let _ = self.out.make_writer_for(event.metadata()).write_all(&line);
    }
}
