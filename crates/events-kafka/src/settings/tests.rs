//! The configuration of the clients that settings lead to, and the problems of wrong settings.

use super::*;

fn settings(properties: &[(&str, &str)]) -> KafkaSettings {
    KafkaSettings {
        bootstrap_servers: vec!["127.0.0.1:1".to_owned()],
        topic: "order.events".to_owned(),
        properties: pairs(properties).collect(),
        ..KafkaSettings::default()
    }
}

fn problems(settings: &KafkaSettings) -> Vec<(String, String)> {
    let error = settings.prepare().unwrap_err();
    error.problems.into_iter().map(|problem| (problem.key, problem.reason)).collect()
}

#[track_caller]
fn refused(properties: &[(&str, &str)], about: &str) {
    let found = problems(&settings(properties));
    let [(key, reason)] = found.as_slice() else { panic!("{found:?}") };
    assert!(properties.iter().any(|(given, _)| given == key), "{key}");
    assert!(reason.contains(about), "{reason}");
}

#[test]
fn without_properties_the_guarantees_hold() {
    let prepared = settings(&[]).prepare().unwrap();
    for (key, value) in GUARANTEES {
        assert_eq!(prepared.producer.get(key), Some(*value));
    }
    assert_eq!(prepared.delivery_timeout, Duration::from_secs(15));
    assert_eq!(prepared.client.get("enable.idempotence"), None);
    assert_eq!(prepared.producer.get("allow.auto.create.topics"), None);
}

#[test]
fn brokers_do_not_create_topics_when_the_service_does() {
    let create_topics = Some(CreateTopics::default());
    let prepared = KafkaSettings { create_topics, ..settings(&[]) }.prepare().unwrap();
    assert_eq!(prepared.producer.get("allow.auto.create.topics"), Some("false"));
}

#[test]
fn properties_override_the_defaults_under_any_of_their_names() {
    let given = [("compression.codec", "snappy"), ("message.timeout.ms", "2000")];
    let prepared = settings(&given).prepare().unwrap();
    assert_eq!(prepared.producer.get("compression.type"), Some("snappy"));
    assert_eq!(prepared.producer.get("compression.codec"), None);
    assert_eq!(prepared.delivery_timeout, Duration::from_secs(2));
}

#[test]
fn properties_that_the_guarantees_rest_on_cannot_be_changed() {
    refused(&[("acks", "1")], "always all");
    refused(&[("request.required.acks", "0")], "always all");
    refused(&[("enable.idempotence", "false")], "always true");
    refused(&[("partitioner", "random")], "murmur2_random");
    refused(&[("partitioner.class", "x.Y")], "partition");
    refused(&[("transactional.id", "a")], "not used");
    settings(&[("acks", "-1"), ("enable.idempotence", "true")]).prepare().unwrap();
}

#[test]
fn wrong_properties_are_named_all_at_once_without_their_values() {
    let found = problems(&settings(&[
        ("no.such.thing", "hunter2"),
        ("linger.ms", "hunter3"),
        ("compression.type", "hunter4"),
        ("debug", "broker,hunter5"),
        ("plugin.library.paths", "hunter6"),
        ("delivery.timeout.ms", "0"),
    ]));
    let keys: Vec<_> = found.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "compression.type",
            "debug",
            "linger.ms",
            "no.such.thing",
            "plugin.library.paths",
            "delivery.timeout.ms"
        ]
    );
    assert!(!format!("{found:?}").contains("hunter"), "{found:?}");
}

#[test]
fn addresses_and_topic_are_needed() {
    let found = problems(&KafkaSettings::default());
    let keys: Vec<_> = found.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["bootstrap.servers", "topic"]);
}

#[test]
fn java_spells_protocols_in_capitals() {
    for protocol in ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] {
        let security_protocol = Some(protocol.to_owned());
        let prepared = KafkaSettings { security_protocol, ..settings(&[]) }.prepare().unwrap();
        assert_eq!(prepared.producer.get("security.protocol").unwrap(), protocol.to_lowercase());
    }
    let security_protocol = Some("TLS".to_owned());
    let found = problems(&KafkaSettings { security_protocol, ..settings(&[]) });
    assert_eq!(found[0].0, "security.protocol");
}

#[test]
fn javas_sasl_settings_become_a_user_and_a_password() {
    let module = "org.apache.kafka.common.security.scram.ScramLoginModule";
    let jaas = format!("{module} required username=\"shop\" password=\"hunter2\";");
    let settings = settings(&[
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.jaas.config", &jaas),
        ("ssl.endpoint.identification.algorithm", ""),
    ]);
    let prepared = settings.prepare().unwrap();
    assert_eq!(prepared.producer.get("sasl.username"), Some("shop"));
    assert_eq!(prepared.producer.get("sasl.password"), Some("hunter2"));
    assert_eq!(prepared.producer.get("ssl.endpoint.identification.algorithm"), Some("none"));
    for text in [format!("{settings:?}"), format!("{prepared:?}")] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    crate::KafkaPublisher::new(&settings).unwrap();
}

#[cfg(feature = "vendored")]
#[test]
fn the_authorities_of_the_system_are_looked_for_unless_others_are_named() {
    let none = settings(&[]).prepare().unwrap();
    for config in [&none.client, &none.producer] {
        assert_eq!(config.get("ssl.ca.location"), Some("probe"));
    }
    let named = settings(&[("ssl.ca.location", "/ca.pem")]).prepare().unwrap();
    for config in [&named.client, &named.producer] {
        assert_eq!(config.get("ssl.ca.location"), Some("/ca.pem"));
    }
}

#[test]
fn pem_stores_are_translated_and_java_keystores_refused_with_what_to_do() {
    let prepared = settings(&[
        ("ssl.truststore.type", "PEM"),
        ("ssl.truststore.location", "/ca.pem"),
        ("ssl.keystore.type", "pem"),
        ("ssl.keystore.location", "/me.pem"),
    ]);
    let prepared = prepared.prepare().unwrap();
    assert_eq!(prepared.producer.get("ssl.ca.location"), Some("/ca.pem"));
    assert_eq!(prepared.producer.get("ssl.certificate.location"), Some("/me.pem"));
    assert_eq!(prepared.producer.get("ssl.key.location"), Some("/me.pem"));
    refused(&[("ssl.truststore.location", "/ca.jks")], "ssl.ca.location");
    refused(&[("ssl.truststore.location", "/ca.pem")], "ssl.truststore.type=PEM");
    refused(&[("ssl.keystore.type", "JKS"), ("ssl.keystore.location", "/me.jks")], "PKCS12");
}

#[test]
fn properties_that_only_javas_client_knows_have_no_effect() {
    let given = [
        ("key.serializer", "org.apache.kafka.common.serialization.StringSerializer"),
        ("spring.json.add.type.headers", "false"),
    ];
    assert_eq!(settings(&given).check().unwrap(), given.map(|(key, _)| key));
}

#[test]
fn settings_that_do_not_fit_together_are_refused_at_the_start() {
    let settings = settings(&[("security.protocol", "SASL_PLAINTEXT")]);
    let error = crate::KafkaPublisher::new(&settings).unwrap_err();
    let error = error.to_string();
    assert!(error.starts_with("sasl.mechanism: ") && error.contains("GSSAPI"), "{error}");
}
