//! Java's names of properties, where librdkafka has other names or none.

use std::collections::BTreeMap;

use super::jaas;

/// Properties with another name in librdkafka. Its own aliases are among them: with two names for
/// one property, librdkafka would take either value.
const RENAMED: &[(&str, &str)] = &[
    ("compression.codec", "compression.type"),
    ("fetch.max.wait.ms", "fetch.wait.max.ms"),
    ("max.in.flight", "max.in.flight.requests.per.connection"),
    ("max.request.size", "message.max.bytes"),
    ("message.send.max.retries", "retries"),
    ("message.timeout.ms", "delivery.timeout.ms"),
    ("metadata.broker.list", "bootstrap.servers"),
    ("queue.buffering.max.ms", "linger.ms"),
    ("request.required.acks", "acks"),
    ("sasl.mechanism", "sasl.mechanisms"),
    ("ssl.keystore.certificate.chain", "ssl.certificate.pem"),
    ("ssl.keystore.key", "ssl.key.pem"),
    ("ssl.truststore.certificates", "ssl.ca.pem"),
];

/// Properties without effect: the form of the bytes, which is fixed here, and how Java's client uses
/// memory and threads.
const JAVA_ONLY: &[&str] = &[
    "buffer.memory",
    "interceptor.classes",
    "key.deserializer",
    "key.serializer",
    "max.block.ms",
    "max.poll.records",
    "metric.reporters",
    "metrics.num.samples",
    "metrics.recording.level",
    "metrics.sample.window.ms",
    "partitioner.adaptive.partitioning.enable",
    "partitioner.availability.timeout.ms",
    "ssl.protocol",
    "ssl.truststore.password",
    "value.deserializer",
    "value.serializer",
];
const JAVA_ONLY_FAMILIES: &[&str] = &["schema.registry.", "spring."];

/// A property in librdkafka's names; `None` when it has no effect.
///
/// # Errors
/// Why it cannot be honoured; never its value.
pub(super) fn translate(
    key: &str,
    value: &str,
    all: &BTreeMap<String, String>,
) -> Result<Option<Vec<(String, String)>>, String> {
    let is = |pairs: &[(&str, &str)]| Ok(Some(super::pairs(pairs).collect()));
    let store_is = |kind: &str, store: &str| {
        all.get(store).is_some_and(|given| given.trim().eq_ignore_ascii_case(kind))
    };
    match key {
        "sasl.jaas.config" => {
            let (username, password) = jaas::credentials(value)?;
            is(&[("sasl.username", &username), ("sasl.password", &password)])
        }
        "security.protocol" => is(&[(key, &value.trim().to_ascii_lowercase())]),
        "ssl.endpoint.identification.algorithm" => match value.trim() {
            "" => is(&[(key, "none")]),
            algorithm => is(&[(key, &algorithm.to_ascii_lowercase())]),
        },
        "ssl.truststore.location" if store_is("PEM", "ssl.truststore.type") => {
            is(&[("ssl.ca.location", value)])
        }
        "ssl.truststore.location" => Err("the Kafka client reads no Java keystores: export the \
             certificates as PEM, and name the file here with ssl.truststore.type=PEM, or in \
             ssl.ca.location"
            .to_owned()),
        "ssl.keystore.location" if store_is("PEM", "ssl.keystore.type") => {
            is(&[("ssl.certificate.location", value), ("ssl.key.location", value)])
        }
        "ssl.keystore.location" if store_is("JKS", "ssl.keystore.type") => {
            Err("the Kafka client reads no JKS: convert it to PKCS12 and set ssl.keystore.type"
                .to_owned())
        }
        // Other types are refused together with the store.
        "ssl.truststore.type" | "ssl.keystore.type" => is(&[]),
        "partitioner.class" => {
            Err("orders stay in their partitions by murmur2 of the key, as with \
             Java's default; another partitioner is not possible"
                .to_owned())
        }
        _ if key.ends_with(".callback.handler.class") => {
            Err("a Java class cannot be run here".to_owned())
        }
        _ if JAVA_ONLY.contains(&key) => Ok(None),
        _ if JAVA_ONLY_FAMILIES.iter().any(|family| key.starts_with(family)) => Ok(None),
        _ => {
            let renamed = RENAMED.iter().find(|(from, _)| *from == key);
            is(&[(renamed.map_or(key, |(_, to)| to), value)])
        }
    }
}
