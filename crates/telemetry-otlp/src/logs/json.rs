//! One JSON object per line: `timestamp` (RFC 3339, UTC, microseconds), `level`, `target`,
//! `message`, `service`, `instance`, then the fields of the event, then the fields of the spans
//! around it. `names.rs` names the members.

use chrono::{DateTime, SecondsFormat, Utc};
use tracing::Metadata;

use super::fields::{Fields, write_json};
use super::names::Names;
use crate::ambient::Service;

/// Bytes that most lines fit in.
const FIRST_RESERVE: usize = 512;

/// See the head of the file.
pub(super) struct Json {
    names: &'static Names,
    /// The members that are the same in each line, with a comma before each.
    same: String,
}

impl Json {
    pub(super) fn new(names: &'static Names, service: &Service) -> Self {
        let json = |text: &str| {
            let mut json = Vec::new();
            write_json(&mut json, text);
            String::from_utf8_lossy(&json).into_owned()
        };
        let (service, instance) = (json(&service.name), json(&service.instance));
        let Names { service: of_service, instance: of_instance, same, .. } = names;
        let same = format!(r#","{of_service}":{service},"{of_instance}":{instance}{same}"#);
        Self { names, same }
    }

    pub(super) fn line(
        &self,
        now: DateTime<Utc>,
        metadata: &Metadata<'_>,
        fields: &Fields,
    ) -> Vec<u8> {
        let now = now.to_rfc3339_opts(SecondsFormat::Micros, true);
        let names = self.names;
        let mut line = Vec::with_capacity(FIRST_RESERVE);
        push(&mut line, b"{\"", names.time.as_bytes());
        push(&mut line, b"\":\"", now.as_bytes());
        push(&mut line, b"\",\"", names.level.as_bytes());
        push(&mut line, b"\":\"", metadata.level().as_str().as_bytes());
        push(&mut line, b"\",\"", names.target.as_bytes());
        line.extend_from_slice(b"\":");
        // Events from the `log` facade have their target in a field.
        match fields.get("log.target") {
            Some(target) => line.extend_from_slice(target),
            None => write_json(&mut line, metadata.target()),
        }
        if let Some(message) = fields.get("message") {
            push(&mut line, b",\"message\":", message);
        }
        line.extend_from_slice(self.same.as_bytes());
        if let Some(name) = names.thread {
            push(&mut line, b",\"", name.as_bytes());
            line.extend_from_slice(b"\":");
            write_json(&mut line, std::thread::current().name().unwrap_or_default());
        }
        let is_access = metadata.target() == "access";
        for (name, value) in fields.iter().filter(|(name, _)| *name != "message") {
            if name.starts_with("log.") {
                continue;
            }
            let name = names.of_field(name, is_access);
            let before: &[u8] = if names.has(name) { b",\"field." } else { b",\"" };
            push(&mut line, before, name.as_bytes());
            push(&mut line, b"\":", value);
        }
        line.extend_from_slice(b"}\n");
        line
    }
}

fn push(line: &mut Vec<u8>, separator: &[u8], text: &[u8]) {
    line.extend_from_slice(separator);
    line.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::Value;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::super::counts::LogCounts;
    use super::super::lines::{Form, Lines};
    use super::super::names;
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

    fn logged(say: impl FnOnce()) -> String {
        logged_as(&names::OWN, say)
    }

    fn logged_as(names: &'static Names, say: impl FnOnce()) -> String {
        let sink = Sink::default();
        let into = sink.clone();
        let service = Service {
            program: "p",
            version: "1",
            name: "s\"x".to_owned(),
            instance: "i".to_owned(),
        };
        let form = Form::Json(Json::new(names, &service));
        let layer = Lines::new(form, FOR_TESTS, move || into.clone(), LogCounts::default());
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
             \"instance\":\"i\",\"id\":5,\"field.level\":\"mine\",\"traceId\":\"own\",\"status\":7}\n"
        );
    }

    #[test]
    fn a_line_may_have_the_names_of_ecs_or_logstash() {
        let say = || {
            tracing::info!(
                target: "access",
                method = "GET",
                route = "/orders/{id}",
                status = 503,
                code = "unavailable",
                order.id = 7,
                trace_id = "t",
                span_id = "s",
                request_id = "r",
            );
        };
        let keys = |line: &str| -> Vec<String> {
            let object: serde_json::Map<String, Value> = serde_json::from_str(line).unwrap();
            object.keys().cloned().collect()
        };
        let sorted = |names: &str| -> Vec<String> {
            let mut names: Vec<_> = names.split_whitespace().map(str::to_owned).collect();
            names.sort_unstable();
            names
        };
        let ecs = sorted(
            "@timestamp log.level log.logger service.name service.node.name ecs.version \
             process.thread.name http.request.method http.route http.response.status_code \
             error.code order.id trace.id span.id http.request.id",
        );
        let logstash = sorted(
            "@timestamp level logger_name service instance @version thread_name method route status \
             code order.id traceId spanId requestId",
        );
        assert_eq!(keys(&logged_as(&names::ECS, say)), ecs);
        assert_eq!(keys(&logged_as(&names::LOGSTASH, say)), logstash);
    }

    #[test]
    fn an_error_is_logged_with_its_causes() {
        let line = logged(|| {
            let error: &dyn Error = &io::Error::other("outer");
            tracing::error!(error);
        });
        assert!(line.contains(r#""error":"outer and its causes""#), "{line}");
    }

    #[test]
    fn a_number_that_json_does_not_have_becomes_null() {
        let line = logged(|| tracing::info!(x = f64::NAN));
        assert!(line.contains(r#""x":null"#), "{line}");
    }

    #[test]
    fn a_number_is_rounded_to_a_thousandth() {
        let line = logged(|| {
            tracing::info!(a = 12.057_609_000_000_001, b = 0.000_4, c = 7.0, d = 1e300, e = -1.5);
        });
        let numbers = r#""a":12.058,"b":0.0,"c":7.0,"d":1e+300,"e":-1.5"#;
        assert!(line.contains(numbers), "{line}");
    }
}
