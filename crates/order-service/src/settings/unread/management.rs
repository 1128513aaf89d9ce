//! What operators see: health, metrics, traces and logs.

use settings_spring::Unread;

const FIXED_ENDPOINTS: &str =
    "this service has no such endpoint, or it is as docs/observability.md says";
const FIXED_HEALTH: &str = "what health consists of is fixed (docs/observability.md)";
const FIXED_METRICS: &str = "the metrics are those of docs/observability.md";
const SCRAPED: &str = "metrics are not sent: they are read at /actuator/prometheus";
const OTLP: &str = "traces are sent by management.otlp.tracing alone";
const TRACE_CONTEXT: &str = "traces are joined by W3C's traceparent";
const JAVA_SERVER: &str = "about a Java server";
const ONLY_STDOUT: &str = "logs go to standard output";
const FIXED_LINES: &str = "log lines have the form of logging.structured.format.console";

pub(super) static ROWS: &[Unread] = &[
    Unread::refused(
        &["management.server.servlet.context-path"],
        "a path in front of the management port's others is named by management.server.base-path; name \
         it there, and take this out",
    )
    .unless(&["/"]),
    Unread::ignored(&["management.server.*"], JAVA_SERVER),
    Unread::ignored(
        &[
            "management.endpoint.*",
            "management.endpoints.*",
            "management.auditevents.*",
            "management.cloudfoundry.*",
            "management.httpexchanges.*",
            "management.info.*",
            "management.trace.*",
        ],
        FIXED_ENDPOINTS,
    ),
    Unread::ignored(
        &["management.endpoint.health.*", "management.health.*", "health.config.*"],
        FIXED_HEALTH,
    ),
    Unread::ignored(&["management.endpoint.health.probes.enabled"], FIXED_HEALTH).unless(&["true"]),
    Unread::ignored(
        &[
            "management.metrics.*",
            "management.observations.*",
            "management.prometheus.*",
            "management.promethus.*",
            "management.defaults.*",
        ],
        FIXED_METRICS,
    ),
    Unread::ignored(&["management.prometheus.metrics.export.enabled"], FIXED_METRICS)
        .unless(&["true"]),
    Unread::ignored(
        &[
            "management.appoptics.*",
            "management.atlas.*",
            "management.datadog.*",
            "management.dynatrace.*",
            "management.elastic.*",
            "management.ganglia.*",
            "management.graphite.*",
            "management.humio.*",
            "management.influx.*",
            "management.jmx.*",
            "management.kairos.*",
            "management.metrics.export.*",
            "management.newrelic.*",
            "management.otlp.metrics.*",
            "management.prometheus.metrics.export.pushgateway.*",
            "management.signalfx.*",
            "management.simple.*",
            "management.stackdriver.*",
            "management.statsd.*",
            "management.wavefront.*",
        ],
        SCRAPED,
    )
    .unless(&["false"]),
    Unread::ignored(&["management.zipkin.*"], OTLP).unless(&["false"]),
    Unread::ignored(
        &["management.otlp.tracing.compression", "management.otlp.tracing.transport"],
        "traces are sent over HTTP, not compressed",
    )
    .unless(&["none", "http"]),
    Unread::ignored(
        &["management.tracing.*", "management.opentelemetry.*"],
        "traces are recorded as docs/observability.md says",
    ),
    Unread::ignored(
        &["management.tracing.propagation.*", "management.tracing.baggage.*"],
        TRACE_CONTEXT,
    )
    .unless(&["W3C"]),
    Unread::ignored(
        &[
            "logging.file.*",
            "logging.path",
            "logging.logback.*",
            "management.otlp.logging.*",
            "management.logging.*",
        ],
        ONLY_STDOUT,
    )
    .unless(&["false"]),
    Unread::ignored(
        &[
            "logging.charset.*",
            "logging.config",
            "logging.exception-conversion-word",
            "logging.group.*",
            "logging.include-application-group",
            "logging.include-application-name",
            "logging.log4j2.*",
            "logging.pattern.*",
            "logging.register-shutdown-hook",
            "logging.structured.*",
            "logging.threshold.*",
        ],
        FIXED_LINES,
    ),
];
