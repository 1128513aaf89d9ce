//! Kafka: the brokers, how to talk to them, and the properties of the client. `events-kafka` knows
//! what the properties mean, and refuses those that it cannot honour.

use std::collections::BTreeMap;

use events_kafka::{CreateTopics, KafkaSettings, SettingsError};
use secrecy::{ExposeSecret as _, SecretString};
use settings_spring::values::{self, Fault, Read, list, one_of, optional};
use settings_spring::{Key, Problem, Problems, Reader, complete, keys};

use super::events;

keys! {
    pub(super) ROWS;
    SERVERS: Vec<String> = "spring.kafka.bootstrap-servers", "", Plain,
        "host:port, several with commas between them", "The Kafka brokers that are asked first.",
        |text| list(text, values::host_and_port);
    PROTOCOL: Protocol = "spring.kafka.security.protocol", "PLAINTEXT", Plain,
        "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL", "How to talk to the brokers.", protocol;
    PROPERTIES: SecretString = "spring.kafka.properties.*", "", Plain,
        "what the Kafka client takes", "Handed to the Kafka client as they are.", values::secret;
    TRUST_LOCATION: Option<SecretString> = "spring.kafka.ssl.trust-store-location", "", Plain,
        "the path of a file, with or without file: before it",
        "Whose signature on a broker's certificate is trusted; with trust-store-type=PEM.",
        |text| optional(text, resource);
    TRUST_CERTIFICATES: Option<SecretString> = "spring.kafka.ssl.trust-store-certificates", "", Plain,
        "certificates in PEM", "What trust-store-location is, but not in a file.",
        |text| optional(text, values::secret);
    TRUST_TYPE: Option<SecretString> = "spring.kafka.ssl.trust-store-type", "", Plain,
        "PEM", "What trust-store-location is written in.", |text| optional(text, values::secret);
    TRUST_PASSWORD: Option<SecretString> = "spring.kafka.ssl.trust-store-password", "", Secret,
        "a password, or file:PATH of the file that holds it",
        "The password of a Java trust store; of no use for PEM.",
        |text| optional(text, values::secret);
    KEY_LOCATION: Option<SecretString> = "spring.kafka.ssl.key-store-location", "", Plain,
        "the path of a file, with or without file: before it",
        "The certificate of this service and its key, where the brokers want one.",
        |text| optional(text, resource);
    KEY_CHAIN: Option<SecretString> = "spring.kafka.ssl.key-store-certificate-chain", "", Plain,
        "certificates in PEM", "The certificate of this service, not in a file.",
        |text| optional(text, values::secret);
    KEY: Option<SecretString> = "spring.kafka.ssl.key-store-key", "", Secret,
        "a key in PEM, or file:PATH of the file that holds it", "The key of that certificate.",
        |text| optional(text, values::secret);
    KEY_TYPE: Option<SecretString> = "spring.kafka.ssl.key-store-type", "", Plain,
        "PEM or PKCS12", "What key-store-location is written in.",
        |text| optional(text, values::secret);
    KEY_STORE_PASSWORD: Option<SecretString> = "spring.kafka.ssl.key-store-password", "", Secret,
        "a password, or file:PATH of the file that holds it",
        "The password of key-store-location, if it is PKCS12.",
        |text| optional(text, values::secret);
    KEY_PASSWORD: Option<SecretString> = "spring.kafka.ssl.key-password", "", Secret,
        "a password, or file:PATH of the file that holds it", "The password of a key in PEM.",
        |text| optional(text, values::secret);
}

/// Where events are published.
#[derive(Debug, Clone)]
pub struct Kafka {
    /// `host:port`; empty: events stay in the outbox.
    pub servers: Vec<String>,
    /// How to talk to the brokers.
    pub protocol: Protocol,
    /// Settings of the client, by its own names. Any of them may be a secret.
    pub properties: BTreeMap<String, SecretString>,
    /// Settings of the client that were set by Spring's names. `properties` go before them.
    ssl: BTreeMap<&'static str, SecretString>,
    /// How missing topics are created; `None` if operators create them.
    pub create_topics: Option<CreateTopics>,
}

/// How to talk to the brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Without encryption and authentication.
    Plaintext,
    /// Encrypted.
    Ssl,
    /// Authenticated, without encryption.
    SaslPlaintext,
    /// Encrypted and authenticated.
    SaslSsl,
}

/// Spring's names for properties of the client.
static SSL: [(&Key<Option<SecretString>>, &str); 10] = [
    (&TRUST_LOCATION, "ssl.truststore.location"),
    (&TRUST_CERTIFICATES, "ssl.truststore.certificates"),
    (&TRUST_TYPE, "ssl.truststore.type"),
    (&TRUST_PASSWORD, "ssl.truststore.password"),
    (&KEY_LOCATION, "ssl.keystore.location"),
    (&KEY_CHAIN, "ssl.keystore.certificate.chain"),
    (&KEY, "ssl.keystore.key"),
    (&KEY_TYPE, "ssl.keystore.type"),
    (&KEY_STORE_PASSWORD, "ssl.keystore.password"),
    (&KEY_PASSWORD, "ssl.key.password"),
];

pub(super) fn read(from: &mut Reader<'_>, topic: Option<&str>) -> Option<Kafka> {
    let kafka = complete!(Kafka {
        servers: from.read(&SERVERS),
        protocol: from.read(&PROTOCOL),
        properties: from.family(&PROPERTIES),
        ssl: ssl(from),
        create_topics: events::create_topics(from),
    })?;
    // A wrong topic is a problem already; the other properties are checked without it.
    kafka.check(topic.unwrap_or("topic"), from);
    if kafka.create_topics.is_none() {
        events::warn_without_creation(from);
    }
    Some(kafka)
}

fn ssl(from: &mut Reader<'_>) -> Option<BTreeMap<&'static str, SecretString>> {
    let read = SSL.map(|(key, property)| Some((property, from.read(key)?)));
    let read: Option<Vec<_>> = read.into_iter().collect();
    let set = |(property, value): (_, Option<_>)| Some((property, value?));
    Some(read?.into_iter().filter_map(set).collect())
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

    /// Has the client check its settings, if there is a broker.
    fn check(&self, topic: &str, from: &mut Reader<'_>) {
        if self.servers.is_empty() {
            return;
        }
        match self.client(topic).check() {
            Ok(of_java) if of_java.is_empty() => {}
            Ok(of_java) => {
                let names: Vec<_> = of_java.iter().map(|key| self.name_of(key)).collect();
                let names = names.join(", ");
                from.warn(format!(
                    "settings that mean something to Java's Kafka client only: {names}"
                ));
            }
            Err(error) => {
                for problem in self.complaints(&error).0 {
                    from.complain(problem.subject, problem.complaint);
                }
            }
        }
    }

    /// What the client says of its settings, under the names that they have here.
    #[must_use]
    pub fn complaints(&self, error: &SettingsError) -> Problems {
        let named = |problem: &events_kafka::Problem| {
            let name = match problem.key.as_str() {
                "" => "spring.kafka".to_owned(),
                key => self.name_of(key),
            };
            Problem::new(name, None, &problem.reason)
        };
        Problems(error.problems.iter().map(named).collect())
    }

    fn name_of(&self, key: &str) -> String {
        let spring = SSL.iter().find(|(_, property)| *property == key);
        match (key, spring) {
            ("bootstrap.servers", _) => SERVERS.row.name.to_owned(),
            ("topic", _) => events::TOPIC.row.name.to_owned(),
            (_, Some((named, _))) if !self.properties.contains_key(key) => {
                named.row.name.to_owned()
            }
            _ => PROPERTIES.row.name.replace('*', key),
        }
    }
}

fn protocol(text: &str) -> Read<Protocol> {
    const PROTOCOLS: &[(&str, Protocol)] = &[
        ("plaintext", Protocol::Plaintext),
        ("ssl", Protocol::Ssl),
        ("sasl_plaintext", Protocol::SaslPlaintext),
        ("sasl_ssl", Protocol::SaslSsl),
    ];
    one_of(text, PROTOCOLS)
}

/// The path of a file as Spring names one.
fn resource(text: &str) -> Read<SecretString> {
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
