//! A line for people: time, level, where, what, and the fields. A request is the shortest one: time,
//! level, method, route, status, milliseconds, order and trace.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use tracing::{Level, Metadata};

use super::fields::Fields;
use crate::escape::escaped;

/// Fields with a shorter name here.
const SHORT: &[(&str, &str)] =
    &[("order.id", "order"), ("trace_id", "trace"), ("request_id", "request")];
/// Fields of a request that stand in its line without their names, in this order.
const OF_A_REQUEST: &[&str] = &["method", "route", "status", "duration_ms", "code"];
const RESET: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";

/// See the head of the file.
pub(super) struct Pretty {
    /// Whether the terminal shows colours.
    pub(super) colours: bool,
}

impl Pretty {
    pub(super) fn line(
        &self,
        now: DateTime<Utc>,
        metadata: &Metadata<'_>,
        fields: &Fields,
    ) -> String {
        let is_request = metadata.target() == "access";
        let mut line = String::new();
        let time = now.to_rfc3339_opts(SecondsFormat::Millis, true);
        self.push(&mut line, DIM, &time);
        line.push(' ');
        self.push(&mut line, colour(*metadata.level()), &format!("{:>5}", metadata.level()));
        if is_request {
            for name in OF_A_REQUEST {
                if let Some(value) = fields.get(name) {
                    let unit = if *name == "duration_ms" { " ms" } else { "" };
                    // Writing to a string cannot fail.
                    let _ = write!(line, " {}{unit}", shown(value));
                }
            }
        } else {
            line.push(' ');
            let target = fields.get("log.target").map(shown);
            let target = target.unwrap_or_else(|| metadata.target().to_owned());
            self.push(&mut line, DIM, &format!("{target}:"));
        }
        if let Some(message) = fields.get("message") {
            line.push(' ');
            line.push_str(&escaped(&text(message)));
        }
        for (name, value) in fields.iter().filter(|(name, _)| is_shown(name, fields, is_request)) {
            let short = SHORT.iter().find(|(known, _)| *known == name).map(|(_, short)| short);
            let _ = write!(line, " {}={}", short.unwrap_or(&name), shown(value));
        }
        line.push('\n');
        line
    }

    /// Adds a text in a colour.
    fn push(&self, line: &mut String, colour: &str, text: &str) {
        let (before, after) = if self.colours { (colour, RESET) } else { ("", "") };
        for part in [before, &escaped(text), after] {
            line.push_str(part);
        }
    }
}

fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG => "\x1b[34m",
        Level::TRACE => "\x1b[35m",
    }
}

/// Whether a field is shown by its name. The id of a request that is its trace's is shown once.
fn is_shown(name: &str, fields: &Fields, is_request: bool) -> bool {
    match name {
        "message" | "span_id" => false,
        "client.address" => !is_request,
        "request_id" => fields.get("request_id") != fields.get("trace_id"),
        name if is_request => !OF_A_REQUEST.contains(&name),
        name => !name.starts_with("log."),
    }
}

/// The text that a JSON value holds; the JSON of another value.
fn text(json: &[u8]) -> String {
    serde_json::from_slice(json).unwrap_or_else(|_| String::from_utf8_lossy(json).into_owned())
}

/// A value, in quotation marks only where its end would be unclear without.
fn shown(json: &[u8]) -> String {
    let text = text(json);
    let is_clear = !text.is_empty()
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '='));
    let shown = if is_clear { text } else { String::from_utf8_lossy(json).into_owned() };
    escaped(&shown).into_owned()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::super::counts::LogCounts;
    use super::super::lines::{Form, Lines};
    use super::*;
    use crate::ambient::FOR_TESTS;

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

    fn logged(colours: bool, say: impl FnOnce()) -> String {
        let sink = Sink::default();
        let into = sink.clone();
        let layer = Lines::new(
            Form::Pretty(Pretty { colours }),
            FOR_TESTS,
            move || into.clone(),
            LogCounts::default(),
        );
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), say);
        String::from_utf8(sink.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_request_is_one_short_line_with_its_trace_once() {
        let line = logged(false, || {
            let span = tracing::info_span!("request", trace_id = "abc", span_id = "def");
            span.in_scope(|| {
                tracing::info!(
                    target: "access",
                    method = "GET",
                    route = "/orders/{id}",
                    status = 404_u16,
                    code = "order_not_found",
                    duration_ms = 12.057_609_000_000_001,
                    order.id = 17,
                    trace_id = "abc",
                    request_id = "abc",
                );
            });
        });
        assert_eq!(
            line,
            "1970-01-01T00:00:00.000Z  INFO GET /orders/{id} 404 12.058 ms order_not_found \
             order=17 trace=abc\n"
        );
    }

    #[test]
    fn a_line_names_where_it_comes_from_and_its_fields() {
        let line = logged(false, || {
            let span = tracing::info_span!("request", trace_id = "abc", request_id = "own");
            span.in_scope(
                || tracing::warn!(target: "a::b", id = 5, why = "so it is", "said {}", 1),
            );
        });
        assert_eq!(
            line,
            "1970-01-01T00:00:00.000Z  WARN a::b: said 1 id=5 why=\"so it is\" trace=abc request=own\n"
        );
    }

    #[test]
    fn a_terminal_gets_colours_and_no_control_character_of_a_value() {
        let line = logged(
            true,
            || tracing::error!(target: "t", code = "\x1b[2J", name = "a\u{202e}b", "a\nb\u{9b}c"),
        );
        let said = "\x1b[2m1970-01-01T00:00:00.000Z\x1b[0m \x1b[31mERROR\x1b[0m \x1b[2mt:\x1b[0m";
        assert_eq!(line, format!("{said} a\\nb\\u009bc code=\"\\u001b[2J\" name=a\\u202eb\n"));
    }
}
