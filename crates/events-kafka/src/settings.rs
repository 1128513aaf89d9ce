//! How the brokers are reached and what the client is told. Properties are the client's own
//! (librdkafka's `CONFIGURATION.md`) or Java's where the two differ (`settings/java.rs`); what the
//! guarantees of this adapter rest on cannot be changed.

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

/// Where events go.
#[derive(Clone, Default)]
pub struct KafkaSettings {
    /// `host:port` of some of the brokers; at least one.
    pub bootstrap_servers: Vec<String>,
    /// `PLAINTEXT` (the default), `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`.
    pub security_protocol: Option<String>,
    /// Further settings of the client; any of them may be a secret.
    pub properties: BTreeMap<String, String>,
    /// The topic; `{type}` in it stands for the type of the event.
    pub topic: String,
    /// How to create topics that are missing; without it that is left to operators.
    pub create_topics: Option<CreateTopics>,
}

/// How to create a topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CreateTopics {
    /// In how many partitions; without it as the brokers do by themselves.
    pub partitions: Option<u16>,
    /// On how many brokers; without it as the brokers do by themselves.
    pub replication_factor: Option<u16>,
}

/// Hides the values of properties: any may be a secret.
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

/// What is wrong with settings; everything that could be found at once. No value of a property is
/// told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct SettingsError {
    /// At least one.
    pub problems: Vec<Problem>,
}

/// What is wrong with one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The property as it was given, `bootstrap.servers`, `topic`, …; empty when it is about several
    /// together.
    pub key: String,
    /// What is wrong, and what would be right.
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
    /// What librdkafka says when it starts a client: settings that do not fit together.
    pub(crate) fn of_client(error: &KafkaError) -> Self {
        let reason = match error {
            KafkaError::ClientCreation(reason) => reason.clone(),
            error => error.to_string(),
        };
        let key = if reason.contains("SASL mechanism") { "sasl.mechanism" } else { "" };
        Self { problems: vec![Problem::new(key, reason)] }
    }
}

/// Settings that have been read.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// For a client that only asks and administers.
    pub(crate) client: ClientConfig,
    /// For a producer.
    pub(crate) producer: ClientConfig,
    /// The topics.
    pub(crate) topic: TopicTemplate,
    /// How long librdkafka tries to deliver a message.
    pub(crate) delivery_timeout: Duration,
    /// Properties that mean something to Java's client only.
    pub(crate) set_aside: Vec<String>,
}

/// For every client.
const CLIENT: &[(&str, &str)] = &[
    ("client.id", "order-service"),
    ("socket.keepalive.enable", "true"),
    // Without it a broker that closes because it expects TLS is never heard of.
    ("log.connection.close", "true"),
    // Brokers that come back are found within a second or so.
    ("reconnect.backoff.ms", "100"),
    ("reconnect.backoff.max.ms", "1000"),
    ("socket.connection.setup.timeout.ms", "5000"),
    // A broker that hangs is left after this, and what it has not answered is tried elsewhere.
    ("socket.timeout.ms", "6000"),
    // What the client remembers of topics (missing, not to be written) holds no longer than this.
    ("topic.metadata.refresh.interval.ms", "10000"),
    ("statistics.interval.ms", "0"),
];

/// For producers, unless properties say otherwise.
const PRODUCER: &[(&str, &str)] = &[
    // A call hands over all that it has; waiting for more would only be slower.
    ("linger.ms", "0"),
    ("compression.type", "lz4"),
    ("delivery.timeout.ms", "15000"),
    // Before `socket.timeout.ms`, so that a broker that waits for others can still say so.
    ("request.timeout.ms", "5000"),
    ("topic.metadata.propagation.max.ms", "5000"),
    // Bounded memory; a full queue is an error that passes.
    ("queue.buffering.max.messages", "50000"),
    ("queue.buffering.max.kbytes", "65536"),
];

/// For producers where missing topics are created: with the partitions that were asked for, so not
/// by the brokers, on an event that comes first.
const CREATING: &[(&str, &str)] = &[("allow.auto.create.topics", "false")];

/// For producers, always; `properties.rs` refuses anything else for them.
const GUARANTEES: &[(&str, &str)] =
    &[("enable.idempotence", "true"), ("acks", "all"), ("partitioner", "murmur2_random")];

impl KafkaSettings {
    /// Looks for what is wrong, without reading a file or starting anything. Answers with properties
    /// that are without effect: they mean something to Java's client only.
    ///
    /// # Errors
    /// All that can be said at once. Starting a client may find more: a key file that is missing, a
    /// password that does not open it, properties that do not fit together.
    pub fn check(&self) -> Result<Vec<String>, SettingsError> {
        self.prepare().map(|prepared| prepared.set_aside)
    }

    pub(crate) fn prepare(&self) -> Result<Prepared, SettingsError> {
        let mut problems = Vec::new();
        let mut set_aside = Vec::new();
        let mut given = properties::read(&self.properties, &mut problems, &mut set_aside);
        self.read_addresses(&mut given, &mut problems);
        let topic = TopicTemplate::parse(&self.topic);
        if topic.is_none() {
            let rule = "1 to 249 of A-Z a-z 0-9 . _ -, with {type} for the type of the event";
            problems.push(Problem::new("topic", format!("{:?} is not {rule}", self.topic)));
        }
        let delivery_timeout = properties::delivery_timeout(&given, &mut problems);
        let Some(topic) = topic.filter(|_| problems.is_empty()) else {
            return Err(SettingsError { problems });
        };
        let mut client = config(CLIENT);
        client.extend(given.clone());
        let mut producer = config(CLIENT);
        let creating = if self.create_topics.is_some() { CREATING } else { &[] };
        let defaults = pairs(PRODUCER).chain(pairs(creating));
        producer.extend(defaults.chain(given).chain(pairs(GUARANTEES)));
        Ok(Prepared { client, producer, topic, delivery_timeout, set_aside })
    }

    fn read_addresses(&self, given: &mut BTreeMap<String, String>, problems: &mut Vec<Problem>) {
        let servers = self.bootstrap_servers.join(",");
        if servers.trim().is_empty() {
            problems.push(Problem::new("bootstrap.servers", "host:port of a broker is needed"));
        }
        given.insert("bootstrap.servers".to_owned(), servers);
        if let Some(protocol) = &self.security_protocol {
            let one = BTreeMap::from([("security.protocol".to_owned(), protocol.clone())]);
            for (key, value) in properties::read(&one, problems, &mut Vec::new()) {
                given.entry(key).or_insert(value);
            }
        }
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
