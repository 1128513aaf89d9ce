//! The settings of traces: where they go, and how much is recorded. Sending them is `traces.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;

use super::reader::Reader;
use super::table;
use super::values::{Fault, Read};

/// How traces are recorded and sent.
#[derive(Debug, Clone)]
pub struct Tracing {
    /// The share of the traces that begin here which are recorded.
    pub probability: f64,
    /// The URL of the collector, which may carry credentials; `None`: nothing is recorded.
    pub endpoint: Option<SecretString>,
    /// Sent along with each request to it.
    pub headers: BTreeMap<String, SecretString>,
    /// How long it may take to accept a connection.
    pub connect_timeout: Duration,
    /// How long it may take to answer.
    pub timeout: Duration,
    /// What is said of this process, beside its name and instance.
    pub resource_attributes: BTreeMap<String, String>,
}

impl Tracing {
    /// The share of the traces to record; `None` when none are recorded, whoever asks.
    #[must_use]
    pub fn sampling(&self) -> Option<f64> {
        self.endpoint.is_some().then_some(self.probability)
    }
}

pub(super) fn read(from: &mut Reader<'_>) -> Option<Tracing> {
    let enabled = from.read(&table::TRACING_ENABLED);
    let probability = from.read(&table::TRACING_PROBABILITY);
    let endpoint = from.read(&table::OTLP_ENDPOINT);
    let headers = from.family(&table::OTLP_HEADERS);
    let connect_timeout = from.read(&table::OTLP_CONNECT_TIMEOUT);
    let timeout = from.read(&table::OTLP_TIMEOUT);
    let resource_attributes = from.family(&table::OTEL_RESOURCE);
    let enabled = enabled?;
    Some(Tracing {
        probability: probability?,
        endpoint: endpoint?.filter(|_| enabled),
        headers: headers?,
        connect_timeout: connect_timeout?,
        timeout: timeout?,
        resource_attributes: resource_attributes?,
    })
}

pub(super) fn share(text: &str) -> Read<f64> {
    let share = text.trim().parse().map_err(|_| Fault::SHAPE)?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err(Fault::SHAPE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_from_0_to_1() {
        for (text, expected) in [("0", Ok(0.0)), (" 0.1 ", Ok(0.1)), ("1.0", Ok(1.0))] {
            assert_eq!(share(text), expected, "{text}");
        }
        for wrong in ["", "-0.1", "1.1", "NaN", "10%"] {
            assert_eq!(share(wrong), Err(Fault::SHAPE), "{wrong}");
        }
    }
}
