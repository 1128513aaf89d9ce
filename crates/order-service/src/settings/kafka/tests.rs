//! Whose setting goes first, under which names complaints come, and what brokers and files may be written as.

use super::*;

/// What is set by Spring's names, and by the client's own.
type Given<'a> = (&'a [(&'static str, &'a str)], &'a [(&'a str, &'a str)]);

fn kafka(layers: [Given<'_>; 2]) -> Kafka {
    let secret = |text: &str| SecretString::from(text);
    let names = [&NAMES, &producer::NAMES];
    let layers = [0, 1].map(|at| Layer {
        spring: layers[at].0.iter().map(|(name, value)| (*name, secret(value))).collect(),
        properties: layers[at]
            .1
            .iter()
            .map(|(name, value)| ((*name).to_owned(), secret(value)))
            .collect(),
        names: names[at],
    });
    let client = Client {
        servers: vec!["a:1".to_owned()],
        protocol: Protocol::SaslSsl,
        named_by: &producer::SERVERS,
        disagrees: false,
        layers,
    };
    let (producers, consumer) = (client.clone(), Ok(client));
    Kafka { producers, consumer, group: "orders".to_owned(), create_topics: None }
}

#[test]
fn as_in_spring_a_property_wins_over_the_key_that_stands_for_it_and_producers_over_all() {
    let client = kafka([
        (
            &[("ssl.truststore.type", "JKS"), ("ssl.truststore.location", "/ca.pem")],
            &[("ssl.truststore.type", "PEM"), ("linger.ms", "1"), ("client.id", "a")],
        ),
        (&[("client.id", "b")], &[("linger.ms", "2")]),
    ])
    .of_producers("t");
    let expected = [
        ("client.id", "b"),
        ("linger.ms", "2"),
        ("ssl.truststore.location", "/ca.pem"),
        ("ssl.truststore.type", "PEM"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(client.properties, BTreeMap::from(expected));
    assert_eq!(client.security_protocol.as_deref(), Some("SASL_SSL"));
}

#[test]
fn complaints_have_the_names_by_which_things_were_set() {
    let kafka = kafka([
        (
            &[("ssl.truststore.location", "/a"), ("ssl.keystore.location", "/b")],
            &[("ssl.keystore.location", "/c")],
        ),
        (&[("ssl.key.password", "p")], &[("linger.ms", "1")]),
    ]);
    for (key, name) in [
        ("ssl.truststore.location", "spring.kafka.ssl.trust-store-location"),
        ("ssl.keystore.location", "spring.kafka.properties.ssl.keystore.location"),
        ("ssl.key.password", "spring.kafka.producer.ssl.key-password"),
        ("linger.ms", "spring.kafka.producer.properties.linger.ms"),
        ("bootstrap.servers", "spring.kafka.producer.bootstrap-servers"),
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
fn a_broker_may_have_its_protocol_before_it() {
    let ssl = Some(Protocol::Ssl);
    for (text, expected) in [
        ("kafka:9092", Ok((None, "kafka:9092"))),
        ("SSL://kafka:9092", Ok((ssl, "kafka:9092"))),
        ("ssl://[::1]:1", Ok((ssl, "[::1]:1"))),
        ("http://kafka:9092", Err(Fault::SHAPE)),
        ("SSL://kafka", Err(Fault::SHAPE)),
    ] {
        let read = broker(text);
        let read = read.as_ref().map(|b| (b.protocol, b.address.as_str()));
        assert_eq!(read, expected.as_ref().copied(), "{text}");
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
