//! On a real broker that wants TLS and a password and knows rights: what is right works, and what is
//! wrong is told with the setting to look at, and without the password.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use events_kafka::{BrokerState, CreateTopics, KafkaPublisher, KafkaSettings, TopicsState};
use order_app::ports::EventPublisher as _;
use order_testkit::OwnBroker;

use super::rig::{
    a_topic, an_event, assert_confirmed, events, ids, permanent, publisher_to_new, read_ids,
    settings, transient, until,
};

const SOON: Duration = Duration::from_secs(20);
/// Topics that begin so may be written, and not created.
const PREFIX: &str = "open.";

/// As Java's client is told.
fn jaas(module: &str, password: &str) -> String {
    let user = OwnBroker::USER;
    format!(
        "org.apache.kafka.common.security.{module} required username=\"{user}\" password=\"{password}\";"
    )
}

fn scram(password: &str) -> String {
    jaas("scram.ScramLoginModule", password)
}

/// What is right, but for what a case says.
fn properties<'a>(
    authority: &'a Path,
    jaas: &'a str,
    but: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let mut all = vec![
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.jaas.config", jaas),
        ("ssl.truststore.type", "PEM"),
        ("ssl.truststore.location", authority.to_str().unwrap()),
        ("delivery.timeout.ms", "2000"),
    ];
    all.retain(|(key, _)| !but.iter().any(|(other, _)| other == key));
    all.extend(but);
    all
}

/// A topic that the user may write.
async fn an_open_topic(broker: &OwnBroker) -> String {
    let topic = format!("{PREFIX}{}", a_topic());
    publisher_to_new(&broker.plain(), &topic, 2).await;
    topic
}

/// Publishing works, and the topics are found.
async fn works(broker: &OwnBroker, settings: KafkaSettings) {
    let topic = settings.topic.clone();
    let publisher = KafkaPublisher::new(&settings).unwrap();
    let all = events(5);
    assert_confirmed(&publisher.publish(&all).await, 5);
    tokio::time::timeout(SOON, publisher.check_topics()).await.unwrap();
    let health = publisher.health();
    assert_eq!((health.broker, health.topics), (BrokerState::Reachable, TopicsState::Present));
    assert_eq!(read_ids(&broker.plain(), &topic), ids(&all));
}

/// Nothing is published, the events wait, and the reason has these words.
async fn says(case: &str, settings: KafkaSettings, words: &[&str]) {
    let publisher = KafkaPublisher::new(&settings).unwrap();
    let why = || match publisher.health().broker {
        BrokerState::Unreachable(why) => why,
        state => format!("{state:?}"),
    };
    let told = until(|| words.iter().all(|word| why().contains(word)), SOON).await;
    assert!(told, "{case}: {words:?} are not all in {:?}", why());
    assert!(!why().contains(OwnBroker::PASSWORD), "{}", why());
    let results = publisher.publish(&events(2)).await;
    assert_eq!(transient(&results), 2, "{case}: {results:?}");
    assert!(!format!("{results:?}").contains(OwnBroker::PASSWORD));
}

/// An authority that has nothing to do with the broker.
fn another_authority(folder: &Path) -> std::path::PathBuf {
    let file = folder.join("other.pem");
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-subj", "/CN=another authority", "-keyout", "/dev/null", "-out"])
        .arg(&file)
        .output();
    assert!(made.unwrap().status.success());
    file
}

async fn right_settings_work(broker: &OwnBroker) {
    let authority = broker.authority();
    let server = broker.secure();
    let right = scram(OwnBroker::PASSWORD);
    let topic = an_open_topic(broker).await;
    works(broker, settings(&server, &topic, &properties(&authority, &right, &[]))).await;
    // The other mechanism, and librdkafka's own names.
    let plain = jaas("plain.PlainLoginModule", OwnBroker::PASSWORD);
    let topic = an_open_topic(broker).await;
    let but = [("sasl.mechanism", "PLAIN")];
    works(broker, settings(&server, &topic, &properties(&authority, &plain, &but))).await;
    let own = [
        ("security.protocol", "sasl_ssl"),
        ("sasl.mechanisms", "SCRAM-SHA-512"),
        ("sasl.username", OwnBroker::USER),
        ("sasl.password", OwnBroker::PASSWORD),
        ("ssl.ca.location", authority.to_str().unwrap()),
    ];
    let topic = an_open_topic(broker).await;
    works(broker, settings(&server, &topic, &own)).await;
}

async fn wrong_settings_are_named(broker: &OwnBroker) {
    let (authority, server) = (broker.authority(), broker.secure());
    let right = scram(OwnBroker::PASSWORD);
    let another = another_authority(authority.ancestors().nth(3).unwrap());
    let topic = an_open_topic(broker).await;
    let with = |server: &str, authority: &Path, jaas: &str, but: &[(&str, &str)]| {
        settings(server, &topic, &properties(authority, jaas, but))
    };
    let wrong = scram(&format!("not-{}", OwnBroker::PASSWORD));
    let wrong_plain = jaas("plain.PlainLoginModule", &format!("not-{}", OwnBroker::PASSWORD));
    let by_name = server.replace("127.0.0.1", "localhost");
    let password = ["sasl.jaas.config", "sasl.password"];
    let certificates = ["ssl.truststore.location", "certificate verify failed"];
    let (plain, mechanism) = ([("sasl.mechanism", "PLAIN")], [("sasl.mechanism", "SCRAM-SHA-256")]);
    let (no_tls, nothing) =
        ([("security.protocol", "SASL_PLAINTEXT")], [("security.protocol", "PLAINTEXT")]);
    let no_password = [("security.protocol", "SSL")];
    let protocol = ["look at security.protocol"];
    tokio::join!(
        says("password", with(&server, &authority, &wrong, &[]), &password),
        says("password, PLAIN", with(&server, &authority, &wrong_plain, &plain), &password),
        says(
            "mechanism",
            with(&server, &authority, &right, &mechanism),
            &["look at sasl.mechanism", "PLAIN"]
        ),
        says("authority", with(&server, &another, &right, &[]), &certificates),
        says("name", with(&by_name, &authority, &right, &[]), &certificates),
        says("no TLS", with(&server, &authority, &right, &no_tls), &protocol),
        says("no password", with(&server, &authority, &right, &no_password), &protocol),
        says("neither", with(&server, &authority, &right, &nothing), &protocol),
        says("TLS where there is none", with(&broker.plain(), &authority, &right, &[]), &protocol),
    );
}

async fn rights_are_respected_and_named(broker: &OwnBroker) {
    let (authority, right) = (broker.authority(), scram(OwnBroker::PASSWORD));
    let all = properties(&authority, &right, &[]);
    let create_topics = Some(CreateTopics::default());
    let amiss = async |topic: &str, word: &str| {
        let settings = settings(&broker.secure(), topic, &all);
        let publisher = KafkaPublisher::new(&KafkaSettings { create_topics, ..settings }).unwrap();
        let why = || match publisher.health().topics {
            TopicsState::Amiss(why) => why,
            state => format!("{state:?}"),
        };
        tokio::select! {
            () = publisher.check_topics() => panic!("all is well with {topic}"),
            told = until(|| why().contains(topic) && why().contains(word), SOON) => {
                assert!(told, "{topic} and {word} are not in {:?}", why());
            }
        }
        publisher
    };
    let missing = format!("{PREFIX}{}", a_topic());
    let closed = a_topic();
    publisher_to_new(&broker.plain(), &closed, 1).await;
    let (publisher, other) =
        tokio::join!(amiss(&missing, "no right Create"), amiss(&closed, "no right Describe"));
    let results = publisher.publish(&events(1)).await;
    assert_eq!(transient(&results), 1, "it may be created yet: {results:?}");
    let results = other.publish(&[an_event(1, 1)]).await;
    assert_eq!(permanent(&results), 1, "{results:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_passwords_and_rights_work_or_say_what_is_wrong() {
    let start = || {
        let broker = OwnBroker::new();
        broker.start();
        broker.grant(PREFIX, &["Write", "Describe"]);
        broker
    };
    let broker = tokio::task::spawn_blocking(start).await.unwrap();
    tokio::join!(
        right_settings_work(&broker),
        wrong_settings_are_named(&broker),
        rights_are_respected_and_named(&broker)
    );
    tokio::task::spawn_blocking(|| drop(broker)).await.unwrap();
}
