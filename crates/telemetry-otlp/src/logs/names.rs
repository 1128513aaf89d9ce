//! The names of the members of a JSON line: our own, and those of the Elastic Common Schema and of
//! Logstash, which collectors know from Spring Boot. Code logs `trace_id`; these tables rename it.

use super::Format;

/// The names in one form.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) time: &'static str,
    pub(super) level: &'static str,
    pub(super) target: &'static str,
    pub(super) service: &'static str,
    pub(super) instance: &'static str,
    /// The name of the thread, in the forms that have it.
    pub(super) thread: Option<&'static str>,
    /// Members with constant values, as JSON, with a comma before each.
    pub(super) same: &'static str,
    /// Fields with another name in this form: ours, then the form's.
    fields: &'static [(&'static str, &'static str)],
    /// The same for the lines of the access log alone.
    of_access: &'static [(&'static str, &'static str)],
}

/// Our own.
pub(super) static OWN: Names = Names {
    time: "timestamp",
    level: "level",
    target: "target",
    service: "service",
    instance: "instance",
    thread: None,
    same: "",
    fields: CAMEL,
    of_access: &[],
};

/// The Elastic Common Schema.
pub(super) static ECS: Names = Names {
    time: "@timestamp",
    level: "log.level",
    target: "log.logger",
    service: "service.name",
    instance: "service.node.name",
    thread: Some("process.thread.name"),
    same: r#","ecs.version":"8.11""#,
    fields: &[
        ("trace_id", "trace.id"),
        ("span_id", "span.id"),
        ("request_id", "http.request.id"),
        ("code", "error.code"),
        // Texts; in the schema, `error` is an object.
        ("error", "error.message"),
        ("cause", "error.message"),
    ],
    of_access: &[
        ("method", "http.request.method"),
        ("route", "http.route"),
        ("status", "http.response.status_code"),
    ],
};

/// As Logstash's encoder writes it.
pub(super) static LOGSTASH: Names = Names {
    time: "@timestamp",
    level: "level",
    target: "logger_name",
    service: "service",
    instance: "instance",
    thread: Some("thread_name"),
    same: r#","@version":"1""#,
    fields: CAMEL,
    of_access: &[],
};

const CAMEL: &[(&str, &str)] =
    &[("trace_id", "traceId"), ("span_id", "spanId"), ("request_id", "requestId")];

impl Names {
    /// The names of a form; our own for the forms without names.
    pub(super) fn of(format: Option<Format>) -> &'static Self {
        match format {
            Some(Format::Ecs) => &ECS,
            Some(Format::Logstash) => &LOGSTASH,
            _ => &OWN,
        }
    }

    /// The name of a field in this form.
    pub(super) fn of_field(&self, name: &'static str, is_access: bool) -> &'static str {
        let of_access = if is_access { self.of_access } else { &[] };
        let mut all = of_access.iter().chain(self.fields);
        all.find(|(known, _)| *known == name).map_or(name, |(_, name)| name)
    }

    /// Whether every line has a member of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        let own = [self.time, self.level, self.target, self.service, self.instance, "message"];
        own.contains(&name) || self.thread == Some(name)
    }
}
