//! The settings of Kafka: brokers, how to talk to them, and whether to create topics. What the
//! client's properties mean is the business of `events-kafka`, which refuses what it cannot honour.

use std::collections::BTreeMap;

use events_kafka::{CreateTopics, KafkaSettings, SettingsError};
use secrecy::{ExposeSecret as _, SecretString};

use super::catalogue::Key;
use super::problems::{Problem, Problems};
use super::reader::Reader;
use super::table;
use super::values::{self, Fault, Read, one_of};

/// Where events are to be published.
#[derive(Debug, Clone)]
pub struct Kafka {
    /// `host:port`; empty: events stay in the outbox.
    pub servers: Vec<String>,
    /// How to talk to them.
    pub protocol: Protocol,
    /// Settings of the client, by its own names. Any of them may be a secret.
    pub properties: BTreeMap<String, SecretString>,
    /// Those that were set by Spring's names for them: they come after the others.
    ssl: BTreeMap<&'static str, SecretString>,
    /// How to create topics that are missing; unless that is left to operators.
    pub create_topics: Option<CreateTopics>,
}

/// How to talk to the brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

/// Spring's names for properties of the client.
static SSL: [(&Key<Option<SecretString>>, &str); 10] = [
    (&table::KAFKA_TRUST_LOCATION, "ssl.truststore.location"),
    (&table::KAFKA_TRUST_CERTIFICATES, "ssl.truststore.certificates"),
    (&table::KAFKA_TRUST_TYPE, "ssl.truststore.type"),
    (&table::KAFKA_TRUST_PASSWORD, "ssl.truststore.password"),
    (&table::KAFKA_KEY_LOCATION, "ssl.keystore.location"),
    (&table::KAFKA_KEY_CHAIN, "ssl.keystore.certificate.chain"),
    (&table::KAFKA_KEY, "ssl.keystore.key"),
    (&table::KAFKA_KEY_TYPE, "ssl.keystore.type"),
    (&table::KAFKA_KEY_STORE_PASSWORD, "ssl.keystore.password"),
    (&table::KAFKA_KEY_PASSWORD, "ssl.key.password"),
];

/// Also says what was set in vain.
pub(super) fn read(from: &mut Reader<'_>, topic: Option<&str>) -> Option<(Kafka, Vec<String>)> {
    let servers = from.read(&table::KAFKA_SERVERS);
    let protocol = from.read(&table::KAFKA_PROTOCOL);
    let properties = from.family(&table::KAFKA_PROPERTIES);
    let ssl = SSL.map(|(key, property)| from.read(key).map(|value| (property, value)));
    let create = from.read(&table::CREATE_TOPICS);
    let partitions = from.read(&table::TOPIC_PARTITIONS);
    let replication_factor = from.read(&table::TOPIC_REPLICAS);
    let ssl: Option<Vec<_>> = ssl.into_iter().collect();
    let set = |(property, value): (_, Option<_>)| value.map(|value| (property, value));
    let how = CreateTopics { partitions: partitions?, replication_factor: replication_factor? };
    let kafka = Kafka {
        servers: servers?,
        protocol: protocol?,
        properties: properties?,
        ssl: ssl?.into_iter().filter_map(set).collect(),
        create_topics: create?.then_some(how),
    };
    // A wrong topic has been complained of; what else is wrong is found all the same.
    let of_java = kafka.check(topic.unwrap_or("topic"), from);
    let warnings = of_java.into_iter().chain(without_topics(&kafka, from)).collect();
    Some((kafka, warnings))
}

fn without_topics(kafka: &Kafka, from: &Reader<'_>) -> Option<String> {
    let keys = [&table::TOPIC_PARTITIONS, &table::TOPIC_REPLICAS];
    let set: Vec<_> = keys.iter().filter(|key| from.is_set(key)).map(|key| key.row.name).collect();
    let names = set.join(", ");
    let key = table::CREATE_TOPICS.row.name;
    let in_vain = kafka.create_topics.is_none() && !set.is_empty();
    in_vain.then(|| format!("settings without effect unless {key} is true: {names}"))
}

impl Kafka {
    /// The settings of the client, for a topic.
    #[must_use]
    pub fn client(&self, topic: &str) -> KafkaSettings {
        let protocol = match self.protocol {
            Protocol::Plaintext => "PLAINTEXT",
            Protocol::Ssl => "SSL",
            Protocol::SaslPlaintext => "SASL_PLAINTEXT",
            Protocol::SaslSsl => "SASL_SSL",
        };
        let ssl = self.ssl.iter().map(|(name, value)| (*name, value));
        let own = self.properties.iter().map(|(name, value)| (name.as_str(), value));
        let exposed = |(name, value): (&str, &SecretString)| {
            (name.to_owned(), value.expose_secret().to_owned())
        };
        KafkaSettings {
            bootstrap_servers: self.servers.clone(),
            security_protocol: Some(protocol.to_owned()),
            properties: ssl.chain(own).map(exposed).collect(),
            topic: topic.to_owned(),
            create_topics: self.create_topics,
        }
    }

    /// Has the client look at its settings, if there is a broker to be talked to. Answers with a
    /// warning of what is without effect.
    fn check(&self, topic: &str, from: &mut Reader<'_>) -> Option<String> {
        if self.servers.is_empty() {
            return None;
        }
        match self.client(topic).check() {
            Ok(of_java) if of_java.is_empty() => None,
            Ok(of_java) => {
                let names: Vec<_> = of_java.iter().map(|key| self.name_of(key)).collect();
                let names = names.join(", ");
                Some(format!("settings that mean something to Java's Kafka client only: {names}"))
            }
            Err(error) => {
                for problem in self.complaints(&error).0 {
                    let known = from.effective.iter().find(|known| known.key == problem.subject);
                    let origin = known.map(|known| known.origin.clone());
                    from.problems.push(Problem { origin, ..problem });
                }
                None
            }
        }
    }

    /// What the client says of its settings, with the names that they have here.
    #[must_use]
    pub fn complaints(&self, error: &SettingsError) -> Problems {
        let named = |problem: &events_kafka::Problem| Problem {
            subject: match problem.key.as_str() {
                "" => "spring.kafka".to_owned(),
                key => self.name_of(key),
            },
            value: None,
            origin: None,
            complaint: problem.reason.clone(),
        };
        Problems(error.problems.iter().map(named).collect())
    }

    fn name_of(&self, key: &str) -> String {
        let spring = SSL.iter().find(|(_, property)| *property == key);
        match (key, spring) {
            ("bootstrap.servers", _) => table::KAFKA_SERVERS.row.name.to_owned(),
            ("topic", _) => table::EVENTS_TOPIC.row.name.to_owned(),
            (_, Some((named, _))) if !self.properties.contains_key(key) => {
                named.row.name.to_owned()
            }
            _ => table::KAFKA_PROPERTIES.row.name.replace('*', key),
        }
    }
}

pub(super) fn protocol(text: &str) -> Read<Protocol> {
    const PROTOCOLS: &[(&str, Protocol)] = &[
        ("plaintext", Protocol::Plaintext),
        ("ssl", Protocol::Ssl),
        ("sasl_plaintext", Protocol::SaslPlaintext),
        ("sasl_ssl", Protocol::SaslSsl),
    ];
    one_of(text, PROTOCOLS)
}

pub(super) fn count(text: &str, most: u16) -> Read<u16> {
    let number = values::whole(text, 1, most.into())?;
    u16::try_from(number).map_err(|_| Fault::SHAPE)
}

/// A file as Spring names one.
pub(super) fn resource(text: &str) -> Read<SecretString> {
    let text = text.trim();
    if text.starts_with("classpath") {
        return Err(Fault::because("there is no class path here"));
    }
    let path = text.strip_prefix("file:").unwrap_or(text);
    let path = path.strip_prefix("//").filter(|path| path.starts_with('/')).unwrap_or(path);
    if path.is_empty() { Err(Fault::SHAPE) } else { Ok(path.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kafka(ssl: &[(&'static str, &str)], properties: &[(&str, &str)]) -> Kafka {
        Kafka {
            servers: vec!["a:1".to_owned()],
            protocol: Protocol::SaslSsl,
            properties: properties
                .iter()
                .map(|(name, value)| ((*name).to_owned(), SecretString::from(*value)))
                .collect(),
            ssl: ssl.iter().map(|(name, value)| (*name, SecretString::from(*value))).collect(),
            create_topics: None,
        }
    }

    #[test]
    fn as_in_spring_a_property_wins_over_the_key_that_stands_for_it() {
        let ssl = [("ssl.truststore.type", "JKS"), ("ssl.truststore.location", "/ca.pem")];
        let client = kafka(&ssl, &[("ssl.truststore.type", "PEM")]).client("t");
        let expected = [("ssl.truststore.location", "/ca.pem"), ("ssl.truststore.type", "PEM")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(client.properties, BTreeMap::from(expected));
        assert_eq!(client.security_protocol.as_deref(), Some("SASL_SSL"));
    }

    #[test]
    fn complaints_have_the_names_by_which_things_were_set() {
        let ssl = [("ssl.truststore.location", "/a"), ("ssl.keystore.location", "/b")];
        let kafka = kafka(&ssl, &[("ssl.keystore.location", "/c")]);
        for (key, name) in [
            ("ssl.truststore.location", "spring.kafka.ssl.trust-store-location"),
            ("ssl.keystore.location", "spring.kafka.properties.ssl.keystore.location"),
            ("bootstrap.servers", "spring.kafka.bootstrap-servers"),
            ("topic", "order.events.topic"),
            ("acks", "spring.kafka.properties.acks"),
            ("", "spring.kafka"),
        ] {
            let problem = events_kafka::Problem { key: key.to_owned(), reason: "no".to_owned() };
            let said = kafka.complaints(&SettingsError { problems: vec![problem] }).to_string();
            assert_eq!(said, format!("the settings are wrong: {name}: no"));
        }
    }

    #[test]
    fn files_are_named_as_in_spring_or_plainly() {
        let read = |text| resource(text).map(|path| path.expose_secret().to_owned());
        for text in ["file:/etc/ca.pem", "file:///etc/ca.pem", "/etc/ca.pem", " /etc/ca.pem "] {
            assert_eq!(read(text), Ok("/etc/ca.pem".to_owned()), "{text}");
        }
        assert_eq!(read("file:ca.pem"), Ok("ca.pem".to_owned()));
        assert!(read("classpath:ca.jks").is_err() && read("file:").is_err());
    }
}
