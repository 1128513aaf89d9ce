//! On a real broker with TLS, passwords and rights: right settings work, and wrong ones are reported
//! with the setting to look at, and without the password.

use std::path::{Path, PathBuf};
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
const KEY_PASSWORD: &str = "open-sesame";
/// The prefix of topics that may be written but not created.
const PREFIX: &str = "open.";

/// `sasl.jaas.config`, as for Java's client.
fn jaas(module: &str, password: &str) -> String {
    let user = OwnBroker::USER;
    format!(
        "org.apache.kafka.common.security.{module} required username=\"{user}\" password=\"{password}\";"
    )
}

fn scram(password: &str) -> String {
    jaas("scram.ScramLoginModule", password)
}

/// The right properties, with some replaced.
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
        ("delivery.timeout.ms", "4000"),
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

/// Demands that publishing works and the topics are found.
async fn works(broker: &OwnBroker, settings: KafkaSettings) {
    let topic = settings.topic.clone();
    let publisher = KafkaPublisher::new(&settings).unwrap();
    // The first connection may take longer than a message may.
    tokio::time::timeout(SOON, publisher.check_topics()).await.unwrap();
    let all = events(5);
    assert_confirmed(&publisher.publish(&all).await, 5);
    let health = publisher.health();
    assert_eq!((health.broker, health.topics), (BrokerState::Reachable, TopicsState::Present));
    assert_eq!(read_ids(&broker.plain(), &topic), ids(&all));
}

/// Demands that publishing fails for now, and that the reason contains these words.
async fn reports(case: &str, settings: KafkaSettings, words: &[&str]) {
    let publisher = KafkaPublisher::new(&settings).unwrap();
    let why = || match publisher.health().broker {
        BrokerState::Unreachable(why) => why,
        state => format!("{state:?}"),
    };
    let told = until(|| words.iter().all(|word| why().contains(word)), SOON).await;
    assert!(told, "{case}: {words:?} are not all in {:?}", why());
    let results = publisher.publish(&events(2)).await;
    assert_eq!(transient(&results), 2, "{case}: {results:?}");
    let said = format!("{} {results:?}", why());
    for secret in [OwnBroker::PASSWORD, KEY_PASSWORD] {
        assert!(!said.contains(secret), "{said}");
    }
}

/// An authority unknown to the broker.
fn another_authority(folder: &Path) -> PathBuf {
    let file = folder.join("other.pem");
    let key = file.with_extension("key");
    let new =
        ["-nodes", "-subj", "/CN=another authority", "-keyout", key.to_str().unwrap(), "-out"];
    new_certificate(&new, &file);
    file
}

/// A client's key, encrypted with a password, and its certificate, signed by an authority.
fn a_client(authority: &Path, folder: &Path) -> PathBuf {
    let signed_by = authority.file_stem().unwrap().to_str().unwrap();
    let file = folder.join(format!("client-of-{signed_by}.pem"));
    let key = authority.with_extension("key");
    let pass = format!("pass:{KEY_PASSWORD}");
    let subject = format!("/{}", OwnBroker::CLIENT);
    let new = ["-passout", &pass, "-subj", &subject, "-addext", "basicConstraints=CA:FALSE"];
    let by = ["-CA", authority.to_str().unwrap(), "-CAkey", key.to_str().unwrap()];
    let to = ["-keyout", file.to_str().unwrap(), "-out"];
    new_certificate(&[&new[..], &by, &to].concat(), &file);
    file
}

fn new_certificate(how: &[&str], file: &Path) {
    let new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
    openssl(&[&new[..], how, &[file.to_str().unwrap()]].concat());
}

/// The same key and certificate as PKCS #12.
fn as_pkcs12(client: &Path) -> PathBuf {
    let file = client.with_extension("p12");
    let pass = format!("pass:{KEY_PASSWORD}");
    let (from, to) = (client.to_str().unwrap(), file.to_str().unwrap());
    let how = ["-export", "-in", from, "-passin", &pass, "-out", to, "-passout", &pass];
    openssl(&[&["pkcs12"][..], &how].concat());
    file
}

fn openssl(arguments: &[&str]) {
    let done = Command::new("openssl").args(arguments).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
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
    // Within a network that is trusted.
    let topic = an_open_topic(broker).await;
    let but = [("security.protocol", "SASL_PLAINTEXT")];
    let with = properties(&authority, &right, &but);
    works(broker, settings(&broker.password_alone(), &topic, &with)).await;
}

/// Where a broker wants a certificate of the client.
async fn client_certificates_are_shown(broker: &OwnBroker, folder: &Path) {
    let (authority, server) = (broker.authority(), broker.mutual());
    let topic = an_open_topic(broker).await;
    let with = |keys: &[(&str, &str)]| {
        let mut all = vec![
            ("security.protocol", "SSL"),
            ("ssl.truststore.type", "PEM"),
            ("ssl.truststore.location", authority.to_str().unwrap()),
            ("delivery.timeout.ms", "2000"),
        ];
        all.extend(keys);
        settings(&server, &topic, &all)
    };
    let [client, stranger] = [true, false].map(|is_ours| {
        let signed_by = if is_ours { authority.clone() } else { another_authority(folder) };
        a_client(&signed_by, folder)
    });
    let pkcs12 = as_pkcs12(&client);
    let pem = |file| [("ssl.keystore.type", "PEM"), ("ssl.keystore.location", file)];
    let pem_with = |file, password| [&pem(file)[..], &[("ssl.key.password", password)]].concat();
    let right = pem_with(client.to_str().unwrap(), KEY_PASSWORD);
    let in_the_other_form = [
        ("ssl.keystore.type", "PKCS12"),
        ("ssl.keystore.location", pkcs12.to_str().unwrap()),
        ("ssl.keystore.password", KEY_PASSWORD),
    ];
    let advice = ["look at the client's certificate", "ssl.keystore.location"];
    let of_a_stranger = pem_with(stranger.to_str().unwrap(), KEY_PASSWORD);
    reports("a stranger's certificate", with(&of_a_stranger), &advice).await;
    reports("no certificate", with(&[]), &advice).await;
    // Wrong files are found before a broker is asked.
    let wrong = pem_with(client.to_str().unwrap(), "not-it");
    let error = KafkaPublisher::new(&with(&wrong)).unwrap_err().to_string();
    assert!(error.contains("ssl.key") && !error.contains("not-it"), "{error}");
    for keys in [&right[..], &in_the_other_form] {
        let topic = an_open_topic(broker).await;
        works(broker, KafkaSettings { topic, ..with(keys) }).await;
    }
}

async fn wrong_settings_are_reported(broker: &OwnBroker, folder: &Path) {
    let (authority, server) = (broker.authority(), broker.secure());
    let right = scram(OwnBroker::PASSWORD);
    let another = another_authority(folder);
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
        reports("password", with(&server, &authority, &wrong, &[]), &password),
        reports("password, PLAIN", with(&server, &authority, &wrong_plain, &plain), &password),
        reports(
            "mechanism",
            with(&server, &authority, &right, &mechanism),
            &["look at sasl.mechanism", "PLAIN"]
        ),
        reports("authority", with(&server, &another, &right, &[]), &certificates),
        reports("name", with(&by_name, &authority, &right, &[]), &certificates),
        reports("no TLS", with(&server, &authority, &right, &no_tls), &protocol),
        reports("no password", with(&server, &authority, &right, &no_password), &protocol),
        reports("neither", with(&server, &authority, &right, &nothing), &protocol),
        reports(
            "TLS where there is none",
            with(&broker.plain(), &authority, &right, &[]),
            &protocol
        ),
    );
}

async fn missing_rights_are_reported(broker: &OwnBroker) {
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
async fn tls_passwords_and_rights_work_or_report_what_is_wrong() {
    let start = || {
        let broker = OwnBroker::new();
        broker.start();
        broker.grant(PREFIX, &["Write", "Describe"]);
        broker
    };
    let broker = tokio::task::spawn_blocking(start).await.unwrap();
    let [certificates, others] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    tokio::join!(
        right_settings_work(&broker),
        client_certificates_are_shown(&broker, certificates.path()),
        wrong_settings_are_reported(&broker, others.path()),
        missing_rights_are_reported(&broker)
    );
    tokio::task::spawn_blocking(|| drop(broker)).await.unwrap();
}
