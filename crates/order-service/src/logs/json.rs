//! One JSON object per line: `timestamp` (RFC 3339, UTC, microseconds), `level`, `target`,
//! `message`, `service`, then the fields of the event, and those of the spans around it that it
//! does not have itself.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io::Write as _;

use chrono::SecondsFormat;
use order_app::ports::Clock as _;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::system::SystemClock;

/// The names that every line has.
const RESERVED: &[&str] = &["timestamp", "level", "target", "message", "service"];

/// Writes the lines.
pub(super) struct Lines<W> {
    service: Value,
    out: W,
}

impl<W> Lines<W> {
    pub(super) fn new(service: &str, out: W) -> Self {
        Self { service: service.into(), out }
    }
}

/// The fields of an event or a span.
#[derive(Debug, Default)]
struct Fields(Vec<(&'static str, Value)>);

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
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
        let mut fields = Fields::default();
        event.record(&mut fields);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(around) = span.extensions().get::<Fields>() {
                fields.add_missing(around);
            }
        }
        let metadata = event.metadata();
        // What came through the `log` facade has its target in a field.
        let target = fields.take("log.target").unwrap_or_else(|| metadata.target().into());
        let line = fields.line(metadata.level().as_str(), &target, &self.service);
        // The writer is lossy by design; there is nobody to tell.
        let _ = self.out.make_writer_for(metadata).write_all(line.as_bytes());
    }
}

impl Fields {
    fn set(&mut self, field: &Field, value: Value) {
        let name = field.name();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.remove(at).1)
    }

    fn add_missing(&mut self, others: &Self) {
        for (name, value) in &others.0 {
            if !self.0.iter().any(|(known, _)| known == name) {
                self.0.push((*name, value.clone()));
            }
        }
    }

    fn line(mut self, level: &str, target: &Value, service: &Value) -> String {
        let now = SystemClock.now().to_rfc3339_opts(SecondsFormat::Micros, true);
        let mut line = format!(r#"{{"timestamp":"{now}","level":"{level}","target":{target}"#);
        let mut push = |name: &str, value: &Value| {
            // Writing to a string cannot fail.
            let _ = write!(line, ",{}:{value}", Value::from(name));
        };
        if let Some(message) = self.take("message") {
            push("message", &message);
        }
        push("service", service);
        for (name, value) in &self.0 {
            if RESERVED.contains(name) {
                push(&format!("field.{name}"), value);
            } else if !name.starts_with("log.") {
                push(name, value);
            }
        }
        line.push_str("}\n");
        line
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value.into());
    }

    /// An error with all its sources.
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.set(field, crate::chain(value).into());
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(say: impl FnOnce()) -> String {
        let sink = Sink::default();
        let into = sink.clone();
        let layer = Lines::new("s\"x", move || into.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), say);
        String::from_utf8(sink.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_line_is_an_object_with_flat_fields() {
        let line = logged(|| {
            let span =
                tracing::info_span!("request", trace_id = "t", status = tracing::field::Empty);
            span.record("status", 7);
            span.in_scope(|| {
                let level = "mine";
                tracing::warn!(target: "a::b", id = 5, level, trace_id = "own", "said \"so\"");
            });
        });
        let object: Value = serde_json::from_str(line.strip_suffix('\n').unwrap()).unwrap();
        let now = object["timestamp"].as_str().unwrap();
        assert!(now.len() == 27 && now.ends_with('Z'), "{now}");
        let rest = line.split_once(r#"","level""#).unwrap().1;
        assert_eq!(
            rest,
            ":\"WARN\",\"target\":\"a::b\",\"message\":\"said \\\"so\\\"\",\"service\":\"s\\\"x\",\
             \"id\":5,\"field.level\":\"mine\",\"trace_id\":\"own\",\"status\":7}\n"
        );
    }

    #[test]
    fn an_error_is_told_with_its_sources() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] io::Error);
        let line = logged(|| {
            let error: &dyn Error = &Outer(io::Error::other("inner"));
            tracing::error!(error);
        });
        assert!(line.contains(r#""error":"outer: inner""#), "{line}");
    }

    #[test]
    fn numbers_that_json_does_not_have_are_null() {
        let line = logged(|| tracing::info!(x = f64::NAN));
        assert!(line.contains(r#""x":null"#), "{line}");
    }
}
