//! The program and brokers as in production: down at its start, without its topics, with TLS, a
//! password and access rights. Orders are taken in every case, health and the log name what is wrong,
//! and neither contains a password.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test"
)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use order_testkit::OwnBroker;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use serde_json::Value;

use crate::support::{Service, brokers, client, eventually, free_port, fresh_folder, within};

/// How long the client may take to find a broker that came back, and its topics.
const PATIENCE: Duration = Duration::from_mins(1);
const TYPES: [&str; 6] =
    ["created", "updated", "confirmed", "in_progress", "delivered", "cancelled"];
/// The user may create and write topics with this prefix.
const PREFIX: &str = "shop.";
const AMISS: &str = "the topics for events are not as they should be";

/// An instance with these settings in a file.
fn instance(settings: &[(&str, &str)]) -> Service {
    let folder = fresh_folder();
    let common = [
        ("management.endpoint.health.show-details", "always"),
        ("logging.level.root", "debug"),
        // The client logs as much as it can.
        ("spring.kafka.properties.debug", "all"),
    ];
    let lines = common.iter().chain(settings).map(|(key, value)| format!("{key}={value}\n"));
    fs::write(folder.join("application.properties"), lines.collect::<String>()).unwrap();
    Service::start_in(&folder, &[], &[])
}

/// The Kafka component of health, as text.
fn kafka(service: &Service) -> String {
    let health: Value = service.get("/actuator/health").json().unwrap();
    assert_eq!(health["status"], "UP", "a broker does not change the status: {health}");
    health["components"]["kafka"].to_string()
}

/// Places an order.
fn place(service: &Service) -> Value {
    service.wait_until_ready();
    service.placed(42)
}

fn at(broker: &str) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker).set("group.id", "tests");
    config.set("enable.auto.commit", "false").set("auto.offset.reset", "earliest");
    config.create().unwrap()
}

/// How many partitions a topic has; 0 if it does not exist.
fn partitions(broker: &str, topic: &str) -> usize {
    let metadata = at(broker).fetch_metadata(Some(topic), Duration::from_secs(20)).unwrap();
    metadata.topics().iter().map(|topic| topic.partitions().len()).sum()
}

/// Waits until the first events of these orders are in a topic.
fn assert_published(broker: &str, topic: &str, orders: &[Value]) {
    let reader = at(broker);
    reader.subscribe(&[topic]).unwrap();
    let mut missing: BTreeMap<_, _> =
        orders.iter().map(|order| (order["id"].to_string(), "order.created")).collect();
    let start = Instant::now();
    while !missing.is_empty() {
        assert!(start.elapsed() < PATIENCE, "no events of {missing:?} in {topic}");
        let Some(Ok(message)) = reader.poll(Duration::from_millis(100)) else { continue };
        let mut headers = message.headers().unwrap().iter();
        let kind = headers.find(|header| header.key == "ce_type").unwrap().value.unwrap();
        let order = std::str::from_utf8(message.key().unwrap()).unwrap();
        if let Some(expected) = missing.remove(order) {
            assert_eq!(expected.as_bytes(), kind);
        }
    }
}

/// The password is neither in health nor in the log, and the exit code is 0.
fn assert_discreet<'a>(services: impl IntoIterator<Item = &'a Service> + Copy) {
    for service in services {
        let health = kafka(service);
        assert!(!health.contains(OwnBroker::PASSWORD), "{health}");
        service.signal("TERM");
    }
    for service in services {
        assert_eq!(service.wait().code(), Some(0), "{}", service.log());
        let log = service.log();
        assert_eq!(log.lines().find(|line| line.contains(OwnBroker::PASSWORD)), None);
    }
}

/// Two instances start while the broker is down; both create the topics when it is up.
fn topics_are_created_when_the_broker_comes(broker: &OwnBroker) {
    let plain = broker.plain();
    let folder = fresh_folder();
    let database = format!("sqlite:{}", folder.join("orders.db").display());
    let settings = [
        ("spring.datasource.url", database.as_str()),
        ("spring.kafka.bootstrap-servers", plain.as_str()),
        ("order.events.topic", "shop.{type}"),
        ("order.events.create-topics", "true"),
        ("order.events.topic-partitions", "3"),
        ("order.events.topic-replication-factor", "1"),
    ];
    let instances = [instance(&settings), instance(&settings)];
    let orders = instances.each_ref().map(place);
    for service in &instances {
        assert!(eventually(|| kafka(service).contains("unreachable")), "{}", kafka(service));
    }
    broker.start();
    for (service, order) in instances.iter().zip(orders) {
        let present = || kafka(service).contains(r#""topics":"present""#);
        let start = Instant::now();
        while !present() {
            assert!(start.elapsed() < PATIENCE, "{}", kafka(service));
            thread::park_timeout(Duration::from_millis(20));
        }
        let another = service.placed(42);
        assert_published(&plain, "shop.order.created", &[order, another]);
        assert!(
            !service.log().contains(AMISS),
            "the second one finds the topics: {}",
            service.log()
        );
    }
    assert_discreet(&instances);
    fs::remove_dir_all(folder).unwrap();
    for kind in TYPES {
        // The broker itself creates topics with one partition.
        assert_eq!(partitions(&plain, &format!("{PREFIX}order.{kind}")), 3, "{kind}");
    }
}

/// The settings of a secured broker, in the form of a Spring application.
struct Secured {
    server: String,
    authority: String,
    jaas: String,
}

impl Secured {
    fn of(broker: &OwnBroker, password: &str) -> Self {
        let module = "org.apache.kafka.common.security.scram.ScramLoginModule";
        let user = OwnBroker::USER;
        Self {
            server: broker.secure(),
            authority: format!("file:{}", broker.authority().display()),
            jaas: format!("{module} required \\\n  username=\"{user}\" password=\"{password}\";"),
        }
    }

    fn instance(&self, but: &[(&str, &str)]) -> Service {
        let mut settings = vec![
            ("spring.kafka.bootstrap-servers", self.server.as_str()),
            ("spring.kafka.security.protocol", "SASL_SSL"),
            ("spring.kafka.properties.sasl.mechanism", "SCRAM-SHA-512"),
            ("spring.kafka.properties.sasl.jaas.config", &self.jaas),
            ("spring.kafka.ssl.trust-store-type", "PEM"),
            ("spring.kafka.ssl.trust-store-location", &self.authority),
            ("order.events.create-topics", "true"),
        ];
        settings.extend(but);
        instance(&settings)
    }
}

fn right_settings_publish(broker: &OwnBroker) {
    let mut right = Secured::of(broker, OwnBroker::PASSWORD);
    let folder = fresh_folder();
    let secret = folder.join("kafka");
    fs::write(&secret, right.jaas.replace("\\\n", "")).unwrap();
    right.jaas = format!("file:{}", secret.display());
    let plain = broker.plain();
    for (topic, wanted, has) in [("shop.new", "2", 2), ("shop.order.created", "5", 3)] {
        let service = right
            .instance(&[("order.events.topic", topic), ("order.events.topic-partitions", wanted)]);
        let order = place(&service);
        if has == 2 {
            assert_published(&plain, topic, &[order]);
        }
        let up = r#""topics":"present"},"status":"UP""#;
        assert!(eventually(|| kafka(&service).contains(up)), "{}", kafka(&service));
        assert_eq!(partitions(&plain, topic), has, "{topic}");
        let warned = service.log().contains("another number of partitions");
        assert_eq!(warned, wanted != has.to_string(), "{topic}");
        assert_discreet([&service]);
    }
    fs::remove_dir_all(folder).unwrap();
}

fn wrong_settings_are_named(broker: &OwnBroker) {
    let folder = fresh_folder();
    let other = folder.join("other.pem");
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-subj", "/CN=another authority", "-keyout", "/dev/null", "-out"])
        .arg(&other)
        .output();
    assert!(made.unwrap().status.success());
    let another = format!("file:{}", other.display());
    let right = Secured::of(broker, OwnBroker::PASSWORD);
    let wrong = Secured::of(broker, &format!("{}-of-another", OwnBroker::PASSWORD));
    let to = |topic| ("order.events.topic", topic);
    let cases = [
        ("sasl.jaas.config", wrong.instance(&[])),
        (
            "ssl.truststore.location",
            right.instance(&[("spring.kafka.ssl.trust-store-location", &another)]),
        ),
        (
            "look at security.protocol",
            right.instance(&[("spring.kafka.security.protocol", "PLAINTEXT")]),
        ),
        ("no right Describe", right.instance(&[to("other.events")])),
        (
            "3 replicas are more than there are brokers",
            right.instance(&[to("shop.replicas"), ("order.events.topic-replication-factor", "3")]),
        ),
    ];
    for (words, service) in &cases {
        place(service);
        assert!(eventually(|| kafka(service).contains(words)), "{words}: {}", kafka(service));
        assert!(kafka(service).contains(r#""status":"DOWN""#), "{words}");
        let told = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            line.to_string().contains(words)
                && ["WARN", "ERROR"].iter().any(|l| line["level"] == *l)
        };
        assert!(service.log().lines().any(told), "{words}: {}", service.log());
    }
    assert_discreet(&cases.map(|(_, service)| service));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn orders_are_taken_and_events_published_or_health_says_what_is_wrong() {
    let broker = OwnBroker::new();
    topics_are_created_when_the_broker_comes(&broker);
    broker.grant(PREFIX, &["Write", "Describe", "Create"]);
    right_settings_publish(&broker);
    wrong_settings_are_named(&broker);
}

#[test]
fn a_setting_that_the_client_cannot_honour_ends_the_start_and_is_named() {
    for (set, says) in [
        (
            &[("spring.kafka.ssl.trust-store-location", "file:/certs/trust.jks")][..],
            "spring.kafka.ssl.trust-store-location (application.properties:5): the Kafka client",
        ),
        (
            &[("spring.kafka.properties.ssl.truststore.location", "/certs/trust.jks")],
            "properties.ssl.truststore.location (application.properties:5): the Kafka client reads no",
        ),
        (
            &[("spring.kafka.security.protocol", "SASL_SSL")],
            "spring.kafka.properties.sasl.mechanism: ",
        ),
        (
            &[
                ("spring.kafka.security.protocol", "SSL"),
                ("spring.kafka.ssl.trust-store-type", "PEM"),
                ("spring.kafka.ssl.trust-store-location", "file:/nowhere/trust.pem"),
            ],
            "ssl.ca.location",
        ),
        (
            &[("spring.kafka.properties.acks", "1")],
            "spring.kafka.properties.acks (application.properties:5): is",
        ),
        (&[("order.events.topic-partitions", "0")], "order.events.topic-partitions = \"0\""),
    ] {
        let service =
            instance(&[&[("spring.kafka.bootstrap-servers", "127.0.0.1:1")], set].concat());
        assert_eq!(service.wait().code(), Some(2), "{says}");
        assert!(service.log().contains(says), "{says}: {}", service.log());
    }
}

#[test]
fn a_setting_without_effect_is_named_once() {
    let service = instance(&[
        ("spring.kafka.bootstrap-servers", "127.0.0.1:1"),
        ("order.events.topic-partitions", "3"),
        ("spring.kafka.producer.acks", "1"),
        ("spring.kafka.admin.fail-fast", "true"),
        ("spring.kafka.properties.buffer.memory", "1"),
    ]);
    service.wait_until_ready();
    for words in [
        "without effect unless order.events.create-topics is true: order.events.topic-partitions",
        "spring.kafka.producer.acks",
        "spring.kafka.admin.fail-fast",
        "Java's Kafka client only: spring.kafka.properties.buffer.memory",
    ] {
        assert_eq!(service.log().matches(words).count(), 1, "{words}: {}", service.log());
    }
    let health = client().get(service.url("/actuator/health")).send().unwrap();
    assert!(health.status().is_success());
}

/// Forwards to a broker at an address of its own. In what the broker answers, its port is another one, as where
/// `advertised.listeners` names an address that is not reached from here.
fn giving_another_port(broker: &str, given: u16) -> String {
    let (host, port) = broker.rsplit_once(':').unwrap();
    let address = |port: u16| [host.as_bytes(), &i32::from(port).to_be_bytes()].concat();
    let (own, other) = (address(port.parse().unwrap()), address(given));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let broker = broker.to_owned();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut server) = (client.unwrap(), TcpStream::connect(&broker).unwrap());
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut from, &mut to));
            let (own, other) = (own.clone(), other.clone());
            thread::spawn(move || {
                let mut answers = vec![0; 1 << 16];
                while let Ok(length @ 1..) = server.read(&mut answers) {
                    let answer = &mut answers[..length];
                    let found = answer.windows(own.len()).position(|part| part == own);
                    if let Some(begin) = found {
                        for (byte, given) in answer[begin..].iter_mut().zip(&other) {
                            *byte = *given;
                        }
                    }
                    if client.write_all(answer).is_err() {
                        break;
                    }
                }
            });
        }
    });
    at
}

#[test]
fn a_broker_that_gives_an_address_that_is_not_reached_is_told_as_such() {
    let given = free_port();
    let broker = giving_another_port(&brokers(), given);
    let service = instance(&[("spring.kafka.bootstrap-servers", &broker)]);
    let order = place(&service);
    let advice = format!(
        "look at advertised.listeners of the brokers: a broker gives this address, \
        and it is not reached from here: 127.0.0.1:{given}/"
    );
    let is_told = |text: &str| text.contains(&advice);
    assert!(within(PATIENCE, || is_told(&service.log())), "order {order}: {}", service.log());
    assert!(within(PATIENCE, || is_told(&kafka(&service))), "{}", kafka(&service));
    let hint = "look at security.protocol";
    assert!(!service.log().contains(hint) && !kafka(&service).contains(hint));
}
