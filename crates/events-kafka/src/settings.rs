//! The settings of the Kafka client. Properties have librdkafka's names (its `CONFIGURATION.md`) or,
//! where the two differ, Java's (`settings/java.rs`). Properties that this adapter's guarantees rest
//! on cannot be changed.

mod jaas;
mod java;
mod properties;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;

use crate::topic::TopicTemplate;
use properties::Fixed;

/// Where events go.
#[derive(Clone, Default)]
pub struct KafkaSettings {
    /// `host:port` of some of the brokers; at least one.
    pub bootstrap_servers: Vec<String>,
    /// `PLAINTEXT` (the default), `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`.
    pub security_protocol: Option<String>,
    /// Further properties of the client; any value may be a secret.
    pub properties: BTreeMap<String, String>,
    /// The topic; `{type}` stands for the type of the event.
    pub topic: String,
    /// How to create missing topics; `None` leaves that to operators.
    pub create_topics: Option<CreateTopics>,
}

/// How to create a topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CreateTopics {
    /// The number of partitions; `None` for the brokers' default.
    pub partitions: Option<u16>,
    /// The number of brokers with a copy; `None` for the brokers' default.
    pub replication_factor: Option<u16>,
}

/// Without the values of properties: any may be a secret.
impl fmt::Debug for KafkaSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSettings")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("security_protocol", &self.security_protocol)
            .field("properties", &self.properties.keys())
            .field("topic", &self.topic)
            .field("create_topics", &self.create_topics)
            .finish()
    }
}

/// All problems of settings that could be found at once. No value of a property is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct SettingsError {
    /// At least one.
    pub problems: Vec<Problem>,
}

/// A problem of one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The property as it was given, `bootstrap.servers`, `topic`, …; empty when the problem
    /// concerns several.
    pub key: String,
    /// What is wrong, and what is right.
    pub reason: String,
}

impl Problem {
    fn new(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { key: key.into(), reason: reason.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            return f.write_str(&self.reason);
        }
        write!(f, "{}: {}", self.key, self.reason)
    }
}

impl SettingsError {
    /// librdkafka's error when it starts a client: settings that do not fit together.
    pub(crate) fn of_client(error: &KafkaError) -> Self {
        let reason = match error {
            KafkaError::ClientCreation(reason) => reason.clone(),
            error => error.to_string(),
        };
        let key = if reason.contains("SASL mechanism") { "sasl.mechanism" } else { "" };
        Self { problems: vec![Problem::new(key, reason)] }
    }
}

/// Settings in the form that clients are started with.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// For a client that only asks and administers.
    pub(crate) client: ClientConfig,
    /// For a producer.
    pub(crate) producer: ClientConfig,
    pub(crate) topics: TopicTemplate,
    /// How long librdkafka tries to deliver a message.
    pub(crate) delivery_timeout: Duration,
    /// Properties without effect: only Java's client knows them.
    pub(crate) without_effect: Vec<String>,
}

/// For every client.
const CLIENT: &[(&str, &str)] = &[
    ("client.id", "order-service"),
    ("socket.keepalive.enable", "true"),
    // Reports brokers that close a connection because they expect TLS.
    ("log.connection.close", "true"),
    // Finds brokers that are back within about a second.
    ("reconnect.backoff.ms", "100"),
    ("reconnect.backoff.max.ms", "1000"),
    ("socket.connection.setup.timeout.ms", "5000"),
    // Gives up a broker that hangs, and tries its messages elsewhere.
    ("socket.timeout.ms", "6000"),
    // Forgets what it knows of topics (missing, not to be written) after this time.
    ("topic.metadata.refresh.interval.ms", "10000"),
    ("statistics.interval.ms", "0"),
];

/// For every client, unless properties say otherwise: an OpenSSL that was built from source does not know where the
/// system keeps the authorities that it trusts. librdkafka looks for them in the places of the usual systems.
const AUTHORITIES: &[(&str, &str)] =
    if cfg!(feature = "vendored") { &[("ssl.ca.location", "probe")] } else { &[] };

/// For producers, unless properties say otherwise.
const PRODUCER: &[(&str, &str)] = &[
    // A call hands over all of its events at once: waiting for more would only be slower.
    ("linger.ms", "0"),
    ("compression.type", "lz4"),
    ("delivery.timeout.ms", "15000"),
    // Less than `socket.timeout.ms`, so that a broker that waits for others can still answer.
    ("request.timeout.ms", "5000"),
    ("topic.metadata.propagation.max.ms", "5000"),
    // Bounds the memory; a full queue is a transient error.
    ("queue.buffering.max.messages", "50000"),
    ("queue.buffering.max.kbytes", "65536"),
];

/// For producers when this service creates missing topics: otherwise the brokers would create them,
/// for the first event, with their own number of partitions.
const CREATING: &[(&str, &str)] = &[("allow.auto.create.topics", "false")];

/// For consumers, unless properties say otherwise.
const CONSUMER: &[(&str, &str)] = &[
    // A killed member is replaced after this time.
    ("session.timeout.ms", "10000"),
    ("partition.assignment.strategy", "cooperative-sticky"),
    ("auto.commit.interval.ms", "1000"),
    // Bounds the memory for what was received and not taken yet.
    ("queued.max.messages.kbytes", "8192"),
];

/// For consumers, always; `properties.rs` refuses other values.
const RECEIVING: &[(&str, &str)] = &[
    // What is committed is what was stored, and stored is only what was taken.
    ("enable.auto.commit", "true"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "earliest"),
];

/// For producers, always; `properties.rs` refuses other values.
const GUARANTEES: &[(&str, &str)] =
    &[("enable.idempotence", "true"), ("acks", "all"), ("partitioner", "murmur2_random")];

impl KafkaSettings {
    /// Finds problems of a producer without reading a file or starting a client. Answers with the properties
    /// without effect: only Java's client knows them.
    ///
    /// # Errors
    /// All problems that can be found at once. Starting a client may find more: a missing key file,
    /// a password that does not open it, properties that do not fit together.
    pub fn check(&self) -> Result<Vec<String>, SettingsError> {
        self.prepare().map(|prepared| prepared.without_effect)
    }

    /// The same for a consumer.
    ///
    /// # Errors
    /// As of [`check`](Self::check).
    pub fn check_consumer(&self) -> Result<Vec<String>, SettingsError> {
        self.consumer("").map(|(_, without_effect)| without_effect)
    }

    pub(crate) fn prepare(&self) -> Result<Prepared, SettingsError> {
        let mut problems = Vec::new();
        let (given, without_effect) = self.given(properties::OF_PRODUCERS, &mut problems);
        let topics = TopicTemplate::parse(&self.topic);
        if topics.is_none() {
            let rule = "1 to 249 of A-Z a-z 0-9 . _ -, with {type} for the type of the event";
            problems.push(Problem::new("topic", format!("{:?} is not {rule}", self.topic)));
        }
        let delivery_timeout = properties::delivery_timeout(&given, &mut problems);
        let Some(topics) = topics.filter(|_| problems.is_empty()) else {
            return Err(SettingsError { problems });
        };
        let mut client = config(CLIENT);
        client.extend(pairs(AUTHORITIES).chain(given.clone()));
        let mut producer = config(CLIENT);
        let creating = if self.create_topics.is_some() { CREATING } else { &[] };
        let defaults = pairs(AUTHORITIES).chain(pairs(PRODUCER)).chain(pairs(creating));
        producer.extend(defaults.chain(given).chain(pairs(GUARANTEES)));
        Ok(Prepared { client, producer, topics, delivery_timeout, without_effect })
    }

    /// The settings of a consumer in a group, and the properties without effect.
    pub(crate) fn consumer(
        &self,
        group: &str,
    ) -> Result<(ClientConfig, Vec<String>), SettingsError> {
        let mut problems = Vec::new();
        let (given, without_effect) = self.given(properties::OF_CONSUMERS, &mut problems);
        if !problems.is_empty() {
            return Err(SettingsError { problems });
        }
        let mut consumer = config(CLIENT);
        let defaults = pairs(AUTHORITIES).chain(pairs(CONSUMER));
        consumer.extend(defaults.chain(given).chain(pairs(RECEIVING)));
        consumer.set("group.id", group);
        Ok((consumer, without_effect))
    }

    /// The brokers and properties that were given, and the properties without effect.
    fn given(
        &self,
        fixed: Fixed,
        problems: &mut Vec<Problem>,
    ) -> (BTreeMap<String, String>, Vec<String>) {
        let mut without_effect = Vec::new();
        let mut properties = self.properties.clone();
        if let Some(protocol) = &self.security_protocol {
            properties.entry("security.protocol".to_owned()).or_insert_with(|| protocol.clone());
        }
        let mut given = properties::read(&properties, fixed, problems, &mut without_effect);
        let servers = self.bootstrap_servers.join(",");
        if servers.trim().is_empty() {
            problems.push(Problem::new("bootstrap.servers", "host:port of a broker is needed"));
        }
        given.insert("bootstrap.servers".to_owned(), servers);
        (given, without_effect)
    }
}

fn pairs(table: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
    table.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
}

fn config(table: &[(&str, &str)]) -> ClientConfig {
    let mut config: ClientConfig = pairs(table).collect();
    config.set_log_level(RDKafkaLogLevel::Info);
    config
}

#[cfg(test)]
mod tests;
