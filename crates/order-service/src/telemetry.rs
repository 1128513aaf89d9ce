//! What the process tells of itself: starts the log and the recording of traces by the settings.
//! The mechanism is in `telemetry-otlp`; how the settings and `order-app` fit it is said here.

use order_app::errors::chain;
use order_app::ports::{Clock as _, Entropy as _};
use order_app::traces::{TARGET, TraceContext};
use telemetry_otlp::{
    Ambient, Levels, Log, LogError, Metrics, Service, SpanContext, TraceSettings, Unsent,
};

use crate::settings::Settings;
use crate::system::{OsEntropy, SystemClock, machine_name};

/// What the application takes over of the running telemetry.
pub(crate) struct Telemetry {
    pub(crate) levels: Levels,
    pub(crate) metrics: Metrics,
    /// Spans to be sent, if they are recorded.
    pub(crate) unsent: Option<Unsent>,
}

/// The time, random bits and the trace target of this process.
pub(crate) const AMBIENT: Ambient = Ambient {
    now: || SystemClock.now(),
    random: || OsEntropy.bits(),
    causes: chain,
    trace_target: TARGET,
};

/// Libraries whose `info` lines are about themselves.
pub(crate) const QUIET: &[&str] = &[
    "actix_http",
    "actix_server",
    "actix_web",
    "bb8",
    "diesel",
    "diesel_async",
    "hyper",
    "mio",
    "mysql_async",
    "tokio_postgres",
];

/// Libraries that log what clients do.
const BRIEF: &[&str] = &["actix_http", "actix_server"];

/// The one name of this instance: in the registry, the log, traces and metrics.
pub(crate) fn instance(settings: &Settings) -> String {
    settings.instance(&machine_name(), std::process::id())
}

/// Starts the log, and records traces if the settings ask for it and the process serves.
pub(crate) fn start(
    settings: &Settings,
    is_serving: bool,
) -> Result<(Log, Option<Unsent>), LogError> {
    let service = Service {
        program: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        name: settings.name.clone(),
        instance: instance(settings),
    };
    let traces = traces(settings).filter(|_| is_serving);
    let traces = traces.map(|traces| telemetry_otlp::record(traces, &service, AMBIENT));
    let (recorder, unsent) = traces.unzip();
    let log = Log::start(&settings.logging, (QUIET, BRIEF), &service, AMBIENT, recorder)?;
    Ok((log, unsent))
}

/// Where traces go; `None` without a collector.
fn traces(settings: &Settings) -> Option<TraceSettings> {
    let tracing = settings.tracing.clone();
    Some(TraceSettings {
        parse,
        endpoint: tracing.endpoint?,
        headers: tracing.headers,
        connect_timeout: tracing.connect_timeout,
        timeout: tracing.timeout,
        resource_attributes: tracing.resource_attributes,
    })
}

fn parse(traceparent: &str) -> Option<SpanContext> {
    let TraceContext { trace_id, span_id, is_sampled } = TraceContext::parse(traceparent)?;
    Some(SpanContext { trace_id, span_id, is_sampled })
}
