//! Which traces are recorded, and where they go. `telemetry-otlp` sends them.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;
use settings_spring::{Reader, complete, keys, values};

const TIMEOUTS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_mins(5);

keys! {
    pub(super) ROWS;
    ENABLED: bool = "management.tracing.enabled", "true", Plain, "true or false",
        "Whether traces are recorded when it is known where they go.", values::flag;
    EXPORTED: bool = "management.otlp.tracing.export.enabled", "true", Plain, "true or false",
        "The same, in Spring's other word for it: both must be true.", values::flag;
    PROBABILITY: f64 = "management.tracing.sampling.probability", "0.1", Plain,
        "a number from 0 to 1",
        "The share of the traces that begin here which are recorded; a request that belongs to a \
         trace is recorded when the trace is.",
        |text| values::number(text, 0.0..=1.0);
    ENDPOINT: Option<SecretString> = "management.otlp.tracing.endpoint", "", Url,
        "an http:// or https:// URL, such as http://localhost:4318/v1/traces",
        "The collector that traces are sent to (OTLP over HTTP); without it none are recorded.",
        |text| values::optional(text, values::http_url);
    HEADERS: SecretString = "management.otlp.tracing.headers.*", "", Secret,
        "the value of a header of this name",
        "Sent along with each request to the collector.", values::header;
    CONNECT_TIMEOUT: Duration = "management.otlp.tracing.connect-timeout", "10s", Plain,
        "a duration from 10ms to 5m",
        "How long the collector may take to accept a connection.",
        |text| values::duration(text, TIMEOUTS);
    TIMEOUT: Duration = "management.otlp.tracing.timeout", "10s", Plain,
        "a duration from 10ms to 5m",
        "How long the collector may take to answer.",
        |text| values::duration(text, TIMEOUTS);
    RESOURCE_ATTRIBUTES: String = "management.opentelemetry.resource-attributes.*", "", Plain,
        "a text",
        "What traces say of this process, beside its name and instance.", values::any;
}

/// How traces are recorded and sent.
#[derive(Debug, Clone)]
pub struct Tracing {
    /// The share of the traces that begin here which are recorded.
    pub probability: f64,
    /// The URL of the collector, which may carry credentials; `None`: nothing is recorded.
    pub endpoint: Option<SecretString>,
    /// Sent along with each request to the collector.
    pub headers: BTreeMap<String, SecretString>,
    /// How long the collector may take to accept a connection.
    pub connect_timeout: Duration,
    /// How long the collector may take to answer.
    pub timeout: Duration,
    /// What traces say of this process, beside its name and instance.
    pub resource_attributes: BTreeMap<String, String>,
}

impl Tracing {
    /// The share of the traces to record; `None` if no trace is recorded, even one that a caller
    /// records.
    #[must_use]
    pub fn sampling(&self) -> Option<f64> {
        self.endpoint.is_some().then_some(self.probability)
    }
}

pub(super) fn read(from: &mut Reader<'_>) -> Option<Tracing> {
    let (enabled, exported) = (from.read(&ENABLED), from.read(&EXPORTED));
    let tracing = complete!(Tracing {
        probability: from.read(&PROBABILITY),
        endpoint: from.read(&ENDPOINT),
        headers: from.family(&HEADERS),
        connect_timeout: from.read(&CONNECT_TIMEOUT),
        timeout: from.read(&TIMEOUT),
        resource_attributes: from.family(&RESOURCE_ATTRIBUTES),
    });
    let (enabled, tracing) = (enabled? && exported?, tracing?);
    Some(Tracing { endpoint: tracing.endpoint.filter(|_| enabled), ..tracing })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_from_0_to_1() {
        for right in ["0", " 0.1 ", "1.0"] {
            assert!((PROBABILITY.row.is_value)(right), "{right}");
        }
        for wrong in ["", "-0.1", "1.1", "NaN", "10%"] {
            assert!(!(PROBABILITY.row.is_value)(wrong), "{wrong}");
        }
    }
}
