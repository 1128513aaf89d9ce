//! The properties one by one: translated into librdkafka's names, kept from undoing a guarantee, and
//! checked by librdkafka itself.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;

use super::{PRODUCER, Problem, java};

const DELIVERY_TIMEOUT: &str = "delivery.timeout.ms";
/// Less, and the election of a leader fails every message; more, and an event that cannot be
/// delivered holds up its call, and with it the relay's lease.
const DELIVERY_MILLIS: RangeInclusive<u64> = 1_000..=120_000;

/// Properties that cannot be set freely, with the values that may be given for them all the same, and the reason.
pub(super) type Fixed = &'static [(&'static str, &'static [&'static str], &'static str)];

/// Those that publishing rests on.
pub(super) const OF_PRODUCERS: Fixed = &[
    ("enable.idempotence", &["true"], "is always true: without it retries change the order"),
    ("acks", &["all", "-1"], "is always all: published means that the replicas have it"),
    (
        "partitioner",
        &["murmur2_random"],
        "is always murmur2_random, as in Java: an order stays in its partition",
    ),
    ("transactional.id", &[], "is not used: each event is published by itself"),
    ("delivery.report.only.error", &["false"], "is always false: the publisher waits for reports"),
    SERVERS,
    STATISTICS,
    PLUGINS,
];

/// Those that taking replies rests on.
pub(super) const OF_CONSUMERS: Fixed = &[
    ("group.id", &[], "has a setting of its own"),
    ("enable.auto.commit", &["false"], "is always false: what is taken is committed, and no more"),
    ("enable.auto.offset.store", &["false"], "is always false: stored is what is taken"),
    ("auto.offset.reset", &["earliest"], "is always earliest: no reply is left out"),
    SERVERS,
    STATISTICS,
    PLUGINS,
];

const SERVERS: (&str, &[&str], &str) = ("bootstrap.servers", &[], "has a setting of its own");
const STATISTICS: (&str, &[&str], &str) =
    ("statistics.interval.ms", &["0"], "is always 0: they are not read");
const PLUGINS: (&str, &[&str], &str) =
    ("plugin.library.paths", &[], "is not used: no foreign code is loaded");

/// Translates properties into librdkafka's names. Those that only Java's client knows are listed as
/// without effect.
pub(super) fn read(
    properties: &BTreeMap<String, String>,
    fixed: Fixed,
    problems: &mut Vec<Problem>,
    without_effect: &mut Vec<String>,
) -> BTreeMap<String, String> {
    let mut read = BTreeMap::new();
    for (key, value) in properties {
        let problem = |reason: String| Problem::new(key, reason);
        match java::translate(key, value, properties) {
            Ok(Some(pairs)) => {
                for (own_key, own_value) in pairs {
                    match check(&own_key, &own_value, fixed) {
                        Ok(()) => drop(read.insert(own_key, own_value)),
                        Err(reason) => problems.push(problem(reason)),
                    }
                }
            }
            Ok(None) => without_effect.push(key.clone()),
            Err(reason) => problems.push(problem(reason)),
        }
    }
    read
}

/// How long librdkafka tries to deliver a message.
pub(super) fn delivery_timeout(
    given: &BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) -> Duration {
    let default =
        PRODUCER.iter().find(|(key, _)| *key == DELIVERY_TIMEOUT).map(|(_, value)| *value);
    let text = given.get(DELIVERY_TIMEOUT).map(String::as_str).or(default).unwrap_or_default();
    let millis = text.parse().ok().filter(|millis| DELIVERY_MILLIS.contains(millis));
    if millis.is_none() {
        let (least, most) = DELIVERY_MILLIS.into_inner();
        let reason = format!("must be {least} to {most}");
        problems.push(Problem::new(DELIVERY_TIMEOUT, reason));
    }
    Duration::from_millis(millis.unwrap_or_default())
}

fn check(key: &str, value: &str, fixed: Fixed) -> Result<(), String> {
    if let Some((_, allowed, reason)) = fixed.iter().find(|(fixed, ..)| *fixed == key) {
        return if allowed.contains(&value) { Ok(()) } else { Err((*reason).to_owned()) };
    }
    let mut config = ClientConfig::new();
    match config.set(key, value).create_native_config() {
        Ok(_) => Ok(()),
        Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => {
            Err("the Kafka client (librdkafka) has no such property".to_owned())
        }
        Err(KafkaError::ClientConfig(_, reason, ..)) => Err(without(value, &reason)),
        Err(_) => Err("the value is not allowed".to_owned()),
    }
}

/// Removes the value, or its parts, from librdkafka's error: it may be a secret.
fn without(value: &str, reason: &str) -> String {
    std::iter::once(value)
        .chain(value.split(',').map(str::trim))
        .filter(|part| !part.is_empty())
        .fold(reason.to_owned(), |reason, part| reason.replace(part, "…"))
}
