//! The service may not read the replies: the brokers refuse it the group, and then the topic. Health and log name the right that is
//! missing, orders wait for longer than they may, and none expires by it. When the rights are granted, the service takes the replies
//! without a restart. That the time is in force shows by an order whose reservation inventory does not answer.

use std::time::Duration;

use libtest_mimic::Trial;
use order_testkit::OwnBroker;
use order_testkit::databases::{Database, Scratch, count};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::participants::Participant;
use crate::scene::Topics;
use crate::support::{Service, an_order};
use crate::{trial, until};

/// The time for an order, in seconds.
const DEADLINE: u32 = 4;
/// It counts only after replies are taken for two of these: enough to take all of them.
const RESEND_AFTER: &str = "--order.saga.resend-after=5s";
/// The product whose reservations the participant does not answer.
const UNANSWERED: i64 = 408;
const SOON: Duration = Duration::from_mins(1);
/// What the log says of a right that is missing, at most once a minute.
const SAID: &str = "messages are not received";

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("rights::a_missing_right_to_read_expires_no_order", || {
        let broker = OwnBroker::new();
        broker.start();
        nothing_expires(&broker);
    })]
}

fn nothing_expires(broker: &OwnBroker) {
    let shop = Shop::on(broker);
    let Shop { service, topics, .. } = &shop;
    let inventory = Participant::start("inventory", &topics.inventory, &[]);
    let payment = Participant::start("payment", &topics.payment, &[]);
    for _ in 0..10 {
        shop.place(7);
    }
    let group = format!("no right Read on the group {}", topics.group());
    assert!(until(SOON, || shop.tells(&group)), "{}", service.log());
    assert!(until(SOON, || shop.are_all_old()), "time passes");
    assert_eq!(shop.counted("PENDING"), 10, "none has expired");
    broker.grant_group(&topics.group());
    let topic = format!("no right Read on the topic {}", topics.replies.name);
    assert!(until(SOON, || shop.tells(&topic)), "{}", service.log());
    assert_eq!(shop.counted("PENDING"), 10, "none has expired");
    let said = service.log().matches(SAID).count();
    assert!((1..=2).contains(&said), "the log says it {said} times: {}", service.log());
    assert!(!service.log().contains(OwnBroker::PASSWORD));

    broker.grant(&topics.replies.name, &["Read", "Describe"]);
    let unanswered = shop.place(UNANSWERED);
    let settled = || (shop.counted("CONFIRMED"), shop.counted("CANCELLED")) == (10, 1);
    assert!(until(SOON, settled), "{}", service.log());
    let expired: Value = service.get(&format!("/orders/{unanswered}")).json().unwrap();
    assert_eq!(expired["cancelReason"], json!("EXPIRED"), "that one alone: {expired}");
    drop((inventory, payment));
    service.signal("TERM");
    assert_eq!(service.wait().code(), Some(0), "{}", service.log());
}

/// A service with a database and topics of its own.
struct Shop {
    service: Service,
    topics: Topics,
    scratch: Scratch,
    runtime: Runtime,
}

impl Shop {
    fn on(broker: &OwnBroker) -> Self {
        let (scratch, topics) = (Database::Postgres.scratch(), Topics::on(&broker.plain()));
        let mut settings = topics.settings(&scratch.url, &broker.plain());
        settings.extend(reading_with_a_password(broker));
        let details = "--management.endpoint.health.show-details=always".to_owned();
        let deadline = format!("--order.saga.deadline={DEADLINE}s");
        settings.extend([deadline, RESEND_AFTER.to_owned(), details]);
        let settings: Vec<_> = settings.iter().map(String::as_str).collect();
        let service = Service::start(&settings);
        service.wait_until_ready();
        Self { service, topics, scratch, runtime: Runtime::new().unwrap() }
    }

    fn place(&self, product: i64) -> i64 {
        let mut order = an_order(1);
        order["items"][0]["productId"] = product.into();
        let placed = self.service.post("/orders", &order);
        assert_eq!(placed.status(), StatusCode::CREATED);
        placed.json::<Value>().unwrap()["id"].as_i64().unwrap()
    }

    /// Whether health says why replies are not taken.
    fn tells(&self, why: &str) -> bool {
        let health: Value = self.service.get("/actuator/health").json().unwrap();
        let sagas = &health["components"]["sagas"];
        sagas["status"] == "DOWN" && sagas["details"]["repliesAreTaken"] == format!("no: {why}")
    }

    /// How many orders are in a status.
    fn counted(&self, status: &str) -> i64 {
        let of = format!("orders WHERE status = '{status}'");
        self.runtime.block_on(count(&self.scratch.url, &of)).unwrap()
    }

    /// Whether every order has waited for twice the time that it has.
    fn are_all_old(&self) -> bool {
        let young = format!(
            "sagas WHERE created_at > timezone('UTC', now()) - interval '{} seconds'",
            2 * DEADLINE
        );
        self.runtime.block_on(count(&self.scratch.url, &young)).unwrap() == 0
    }
}

/// Settings of the consumer alone, for the listener that checks rights.
fn reading_with_a_password(broker: &OwnBroker) -> [String; 4] {
    let jaas = format!(
        "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"{}\" password=\"{}\";",
        OwnBroker::USER,
        OwnBroker::PASSWORD
    );
    [
        format!("--spring.kafka.consumer.bootstrap-servers={}", broker.password_alone()),
        "--spring.kafka.consumer.security.protocol=SASL_PLAINTEXT".to_owned(),
        "--spring.kafka.consumer.properties.sasl.mechanism=SCRAM-SHA-512".to_owned(),
        format!("--spring.kafka.consumer.properties.sasl.jaas.config={jaas}"),
    ]
}
