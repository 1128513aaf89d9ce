//! The saga's settings, and what is judged of the consumer that takes its replies.

use order_events::saga::{INVENTORY_TOPIC, PAYMENT_TOPIC, REPLY_TOPIC};

use super::*;
use crate::settings::tests::Case;

#[test]
fn the_topics_are_those_of_the_contract() {
    let topics = Case::new().loaded().settings.sagas.topics;
    let [inventory, payment, replies] =
        [INVENTORY_TOPIC, PAYMENT_TOPIC, REPLY_TOPIC].map(str::to_owned);
    assert_eq!(topics, SagaTopics { inventory, payment, replies });
}

#[test]
fn the_times_are_those_of_a_service_without_settings() {
    assert_eq!(Case::new().loaded().settings.sagas.policy, SagaPolicy::default());
}

#[test]
fn a_saga_has_a_way_to_its_participants_or_the_start_stops() {
    let on = || Case::new().option("order.saga.enabled", "true");
    let said = on().refused();
    assert!(said.contains("order.saga.enabled") && said.contains("needs brokers"), "{said}");
    let embedded = on().option("order.saga.transport", "embedded").loaded().settings.sagas;
    assert!(embedded.policy.begins && embedded.transport == SagaTransport::Embedded);
    let brokers = || on().option("spring.kafka.bootstrap-servers", "localhost:1");
    assert!(brokers().loaded().settings.sagas.policy.begins);
}

/// Keys of the consumer with values that it cannot honour.
const NOT_HONOURED: [(&str, &str); 5] = [
    ("spring.kafka.consumer.security.protocol", "TLS"),
    ("spring.kafka.consumer.bootstrap-servers", "kafka"),
    ("spring.kafka.consumer.ssl.bundle", "kafka"),
    ("spring.kafka.consumer.ssl.trust-store-location", "/trust.jks"),
    ("spring.kafka.consumer.properties.enable.auto.commit", "true"),
];

fn with_brokers() -> Case {
    Case::new().option("spring.kafka.bootstrap-servers", "localhost:1")
}

#[test]
fn wrong_settings_of_the_consumer_stop_the_start_where_sagas_begin_over_kafka() {
    for (key, value) in NOT_HONOURED {
        let case = with_brokers().option(key, value).option("order.saga.enabled", "true");
        let said = case.refused();
        assert!(said.contains(key) && !said.contains('\n'), "{key}: {said}");
        let case = case.option("order.saga.transport", "embedded");
        assert!(case.loaded().settings.sagas.policy.begins, "{key}");
    }
}

#[test]
fn where_no_saga_begins_one_warning_names_all_settings_that_the_consumer_cannot_honour() {
    let case =
        NOT_HONOURED.iter().fold(with_brokers(), |case, (key, value)| case.option(key, value));
    let loaded = case.loaded();
    let [warning] = &loaded.warnings[..] else { panic!("{:?}", loaded.warnings) };
    // The client judges its properties when brokers and protocol can be read.
    let (typed, _) = NOT_HONOURED.split_at(3);
    assert!(typed.iter().all(|(key, _)| warning.contains(key)), "{warning}");
    let problems = loaded.settings.kafka.of_consumer().unwrap_err().to_string();
    assert!(typed.iter().all(|(key, _)| problems.contains(key)), "{problems}");
    for (key, value) in NOT_HONOURED {
        let warnings = with_brokers().option(key, value).loaded().warnings;
        let [warning] = &warnings[..] else { panic!("{warnings:?}") };
        assert!(warning.contains(key), "{warning}");
    }
}

#[test]
fn what_is_wrong_for_every_client_is_told_once() {
    let case = with_brokers().option("order.saga.enabled", "true");
    let said = case.option("spring.kafka.properties.no.such.property", "1").refused();
    assert_eq!(said.matches("no.such.property").count(), 1, "{said}");
}

#[test]
fn each_topic_has_one_kind_of_message() {
    for (key, value) in [
        ("order.saga.payment-topic", "inventory.commands"),
        ("order.saga.reply-topic", "payment.commands"),
        ("order.saga.reply-topic", "a b"),
    ] {
        assert!(Case::new().option(key, value).refused().contains(key), "{key}={value}");
    }
}

#[test]
fn the_consumer_is_set_as_spring_sets_it() {
    let kafka = |options: &[(&str, &str)]| {
        let case = Case::new().option("spring.kafka.bootstrap-servers", "a:1");
        let case = options.iter().fold(case, |case, (key, value)| case.option(key, value));
        case.loaded().settings.kafka
    };
    let plain = kafka(&[("spring.application.name", "orders")]);
    assert_eq!(
        (plain.group.as_str(), plain.of_consumer().unwrap().bootstrap_servers.len()),
        ("orders", 1)
    );
    let own = kafka(&[
        ("spring.kafka.consumer.group-id", "g"),
        ("spring.kafka.consumer.bootstrap-servers", "b:1,c:1"),
        ("spring.kafka.producer.properties.linger.ms", "1"),
    ]);
    let consumer = own.of_consumer().unwrap();
    assert_eq!((own.group.as_str(), consumer.bootstrap_servers.len()), ("g", 2));
    assert!(consumer.properties.is_empty() && own.of_producers("t").properties.len() == 1);
}

#[test]
fn a_deadline_of_nothing_is_none() {
    assert_eq!(deadline("0"), Ok(Duration::ZERO));
    assert_eq!(deadline("2s"), Ok(Duration::from_secs(2)));
    for wrong in ["999ms", "31d", "-1s", "never"] {
        assert_eq!(deadline(wrong), Err(Fault::SHAPE), "{wrong}");
    }
}
