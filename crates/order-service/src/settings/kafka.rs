//! Kafka: the brokers, how to talk to them, and the properties of the client. `events-kafka` knows
//! what the properties mean, and refuses those that it cannot honour.

use std::collections::BTreeMap;

use events_kafka::{CreateTopics, KafkaSettings, SettingsError};
use secrecy::{ExposeSecret as _, SecretString};
use settings_spring::values::{self, Fault, Read, list, one_of, optional};
use settings_spring::{Key, Problem, Problems, Reader, keys};

mod client;
mod consumer;
mod producer;

use super::events;
pub(super) use consumer::{OWN as CONSUMER, ROWS as CONSUMERS};
pub(super) use producer::{OWN as PRODUCER, ROWS as PRODUCERS};

keys! {
    pub(super) ROWS;
    SERVERS: Vec<Broker> = "spring.kafka.bootstrap-servers", "", Plain,
        "host:port, several with commas between them, each with or without the protocol, such as \
         PLAINTEXT://host:port",
        "The Kafka brokers that are asked first.", |text| list(text, broker);
    CLIENT_ID: Option<SecretString> = "spring.kafka.client-id", "", Plain, "a name",
        "The name by which brokers know this client; order-service unless set.",
        |text| optional(text, values::secret);
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

/// Where events are published, and where replies come from.
#[derive(Debug, Clone)]
pub struct Kafka {
    /// For producers. Without brokers, events stay in the outbox.
    producers: Client,
    /// For the consumer of replies; or what is wrong with it, which `sagas.rs` judges.
    consumer: Result<Client, Problems>,
    /// The consumer's group.
    pub group: String,
    /// How missing topics are created; `None` if operators create them.
    pub create_topics: Option<CreateTopics>,
}

/// How one kind of client is set.
#[derive(Debug, Clone)]
struct Client {
    /// `host:port`.
    servers: Vec<String>,
    /// How to talk to the brokers.
    protocol: Protocol,
    /// The key that named the brokers.
    named_by: &'static Key<Vec<Broker>>,
    /// Whether one of them was named with another protocol.
    disagrees: bool,
    /// What is set for every client, and then for this kind, which goes first. Any of it may be a
    /// secret.
    layers: [Layer; 2],
}

/// Settings of the client, as one part of Spring's names gives them.
#[derive(Debug, Clone)]
struct Layer {
    /// By Spring's names.
    spring: BTreeMap<&'static str, SecretString>,
    /// By the client's own names; they go before the others.
    properties: BTreeMap<String, SecretString>,
    /// The names by which they were set.
    names: &'static Names,
}

/// Spring's names for properties of the client, and the family of all others.
type Names = (SpringNames, &'static Key<SecretString>);
type SpringNames = &'static [(&'static Key<Option<SecretString>>, &'static str)];

/// A broker as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Broker {
    protocol: Option<Protocol>,
    address: String,
}

/// How to talk to the brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// Without encryption and authentication.
    Plaintext,
    /// Encrypted.
    Ssl,
    /// Authenticated, without encryption.
    SaslPlaintext,
    /// Encrypted and authenticated.
    SaslSsl,
}

static NAMES: Names = (
    &[
        (&CLIENT_ID, "client.id"),
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
    ],
    &PROPERTIES,
);

/// `name` is that of the service.
pub(super) fn read(
    from: &mut Reader<'_>,
    name: Option<&str>,
    topic: Option<&str>,
) -> Option<Kafka> {
    let common = (from.read(&SERVERS), from.read(&PROTOCOL), layer(from, &NAMES));
    let of_producers = (
        from.read(&producer::SERVERS),
        from.read(&producer::PROTOCOL),
        layer(from, &producer::NAMES),
    );
    let consumer = consumer(from, common.clone());
    let group = from.read(&consumer::GROUP);
    let create_topics = events::create_topics(from);
    let producers = client(common, of_producers, &producer::SERVERS);
    let kafka = Kafka {
        producers: producers?,
        consumer,
        group: group?.or_else(|| name.map(str::to_owned)).unwrap_or_default(),
        create_topics: create_topics?,
    };
    // A wrong topic is a problem already; the other properties are checked without it.
    let checked = kafka.of_producers(topic.unwrap_or("topic")).check();
    kafka.producers.report(checked, |_| true, from);
    if kafka.create_topics.is_none() {
        events::warn_without_creation(from);
    }
    Some(kafka)
}

/// The consumer, apart from all else: whether what is wrong with it stops the start depends on whether there is one.
fn consumer(from: &mut Reader<'_>, common: Set<Protocol>) -> Result<Client, Problems> {
    let (client, problems) = from.apart(|from| {
        let own = (
            from.read(&consumer::SERVERS),
            from.read(&consumer::PROTOCOL),
            layer(from, &consumer::NAMES),
        );
        from.read(&consumer::BUNDLE);
        let client = client(common, own, &consumer::SERVERS)?;
        let [_, own] = &client.layers;
        let checked = client.settings("", None).check_consumer();
        // The producers name what is set for every client.
        client.report(checked, |key| own.name_of(key).is_some(), from);
        Some(client)
    });
    client.filter(|_| problems.0.is_empty()).ok_or(problems)
}

/// What is set for clients, or for one kind of them.
type Set<P> = (Option<Vec<Broker>>, Option<P>, Option<Layer>);

/// One kind of client: what is set for it goes before what is set for all. `servers` is its key.
fn client(
    common: Set<Protocol>,
    own: Set<Option<Protocol>>,
    servers: &'static Key<Vec<Broker>>,
) -> Option<Client> {
    let protocol = own.1?.or(common.1);
    let (brokers, key) = match own.0? {
        own if own.is_empty() => (common.0?, &SERVERS),
        own => (own, servers),
    };
    let disagrees = |broker: &Broker| broker.protocol.is_some() && broker.protocol != protocol;
    let disagrees = brokers.iter().any(disagrees);
    Some(Client {
        servers: brokers.into_iter().map(|broker| broker.address).collect(),
        protocol: protocol?,
        named_by: key,
        disagrees,
        layers: [common.2?, own.2?],
    })
}

fn layer(from: &mut Reader<'_>, names: &'static Names) -> Option<Layer> {
    let read: Vec<_> =
        names.0.iter().map(|(key, property)| Some((*property, from.read(key)?))).collect();
    let properties = from.family(names.1);
    let read: Option<Vec<_>> = read.into_iter().collect();
    let set = |(property, value): (_, Option<_>)| Some((property, value?));
    let spring = read?.into_iter().filter_map(set).collect();
    Some(Layer { spring, properties: properties?, names })
}

impl Layer {
    fn all(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        let spring = self.spring.iter().map(|(name, value)| (*name, value));
        spring.chain(self.properties.iter().map(|(name, value)| (name.as_str(), value)))
    }

    /// The name by which a property was set.
    fn name_of(&self, property: &str) -> Option<String> {
        if self.properties.contains_key(property) {
            return Some(self.names.1.row.name.replace('*', property));
        }
        self.spring.get(property)?;
        let (key, _) = self.names.0.iter().find(|(_, named)| *named == property)?;
        Some(key.row.name.to_owned())
    }
}

impl Kafka {
    /// Whether brokers are named.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.producers.servers.is_empty()
    }

    /// The settings of producers, for the topic of events.
    #[must_use]
    pub fn of_producers(&self, topic: &str) -> KafkaSettings {
        self.producers.settings(topic, self.create_topics)
    }

    /// The settings of the consumer of replies.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn of_consumer(&self) -> Result<KafkaSettings, Problems> {
        self.consumer
            .as_ref()
            .map(|client| client.settings("", self.create_topics))
            .map_err(Clone::clone)
    }

    /// What the client says of the settings of producers, under the names that they have here.
    #[must_use]
    pub fn complaints(&self, error: &SettingsError) -> Problems {
        self.producers.complaints(error)
    }

    /// The same of the consumer.
    #[must_use]
    pub fn complaints_of_consumer(&self, error: &SettingsError) -> Problems {
        self.consumer.as_ref().map_or_else(Clone::clone, |client| client.complaints(error))
    }
}

impl Client {
    fn settings(&self, topic: &str, create_topics: Option<CreateTopics>) -> KafkaSettings {
        let protocol = match self.protocol {
            Protocol::Plaintext => "PLAINTEXT",
            Protocol::Ssl => "SSL",
            Protocol::SaslPlaintext => "SASL_PLAINTEXT",
            Protocol::SaslSsl => "SASL_SSL",
        };
        let exposed = |(name, value): (&str, &SecretString)| {
            (name.to_owned(), value.expose_secret().to_owned())
        };
        KafkaSettings {
            bootstrap_servers: self.servers.clone(),
            security_protocol: Some(protocol.to_owned()),
            properties: self.layers.iter().flat_map(Layer::all).map(exposed).collect(),
            topic: topic.to_owned(),
            create_topics,
        }
    }

    /// Tells what the client found in its settings, if there is a broker. `warns_of` says which properties of Java's client
    /// are named.
    fn report(
        &self,
        checked: Result<Vec<String>, SettingsError>,
        warns_of: impl Fn(&str) -> bool,
        from: &mut Reader<'_>,
    ) {
        if self.servers.is_empty() {
            return;
        }
        if self.disagrees {
            from.refuse(
                self.named_by,
                "names another protocol than security.protocol, which is PLAINTEXT unless set",
            );
        }
        match checked {
            Ok(of_java) => {
                let told = of_java.iter().filter(|key| warns_of(key));
                let names: Vec<_> = told.map(|key| self.name_of(key)).collect();
                if !names.is_empty() {
                    let names = names.join(", ");
                    from.warn(format!(
                        "settings that mean something to Java's Kafka client only: {names}"
                    ));
                }
            }
            Err(error) => {
                for problem in self.complaints(&error).0 {
                    from.complain(problem.subject, problem.complaint);
                }
            }
        }
    }

    fn complaints(&self, error: &SettingsError) -> Problems {
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
        match key {
            "bootstrap.servers" => self.named_by.row.name.to_owned(),
            "topic" => events::TOPIC.row.name.to_owned(),
            _ => {
                let named = self.layers.iter().rev().find_map(|layer| layer.name_of(key));
                named.unwrap_or_else(|| PROPERTIES.row.name.replace('*', key))
            }
        }
    }
}

/// A broker, with or without the protocol to talk to it.
fn broker(text: &str) -> Read<Broker> {
    let (protocol, address) = match text.split_once("://") {
        Some((scheme, address)) => (Some(protocol(scheme)?), address),
        None => (None, text),
    };
    Ok(Broker { protocol, address: values::host_and_port(address)? })
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
mod tests;
