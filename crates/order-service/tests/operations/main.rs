//! The operations on events, over the management port and from the command line, with the real program,
//! a real broker and each database: an order that the broker refuses is parked, looked at, published
//! again or skipped. Replays are in `replays.rs`, arguments of the command line in `arguments.rs`, and sagas in `sagas.rs`.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test"
)]

mod arguments;
mod replays;
mod sagas;
mod shop;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use order_app::ports::Entropy as _;
use order_testkit::RandomEntropy;
use order_testkit::databases::{self, Database, Scratch};
use rdkafka::ClientConfig;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use reqwest::StatusCode;
use reqwest::blocking::Response;
use serde_json::{Value, json};

use crate::support::{Service, brokers, client, eventually};

/// The limit of a topic in bytes: an event of the poisoned order is larger, all others are far smaller.
const SMALL: &str = "6000";
const LARGE: &str = "1000000";

/// A new topic with a limit for the size of its messages.
struct Topic {
    name: String,
    admin: AdminClient<DefaultClientContext>,
    runtime: tokio::runtime::Runtime,
}

impl Topic {
    fn new(largest: &str) -> Self {
        let name = format!("operations-{:032x}", RandomEntropy.bits());
        let admin = ClientConfig::new().set("bootstrap.servers", brokers()).create().unwrap();
        let topic = Self { name, admin, runtime: tokio::runtime::Runtime::new().unwrap() };
        let new = NewTopic::new(&topic.name, 3, TopicReplication::Fixed(1))
            .set("max.message.bytes", largest);
        let created = topic.admin.create_topics([&new], &AdminOptions::new());
        let created = topic.runtime.block_on(created);
        assert!(
            created.as_ref().is_ok_and(|all| all[0].is_ok()),
            "{created:?}; start Kafka with `deploy/stack up kafka`, or name yours in \
             STACK_KAFKA_URL"
        );
        topic
    }

    fn allow(&self, largest: &str) {
        let change = AlterConfig::new(ResourceSpecifier::Topic(&self.name))
            .set("max.message.bytes", largest);
        let altered = self.admin.alter_configs([&change], &AdminOptions::new());
        assert!(self.runtime.block_on(altered).unwrap()[0].is_ok());
    }

    fn reader(&self) -> Reader {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers())
            .set("group.id", &self.name)
            .set("auto.offset.reset", "earliest")
            .create()
            .unwrap();
        consumer.subscribe(&[&self.name]).unwrap();
        Reader { consumer, sequences: BTreeMap::new(), replays: 0, events: 0 }
    }
}

/// Reads a topic.
struct Reader {
    consumer: BaseConsumer,
    /// The sequences of each order, without repetitions.
    sequences: BTreeMap<i64, Vec<i64>>,
    /// The messages that were marked as replays.
    replays: usize,
    events: usize,
}

impl Reader {
    /// Reads what is there now.
    fn read(&mut self) {
        while let Some(Ok(message)) = self.consumer.poll(Duration::from_millis(200)) {
            let header = |name: &str| {
                let header = message.headers().unwrap().iter().find(|header| header.key == name);
                header.map(|header| String::from_utf8(header.value.unwrap().to_vec()).unwrap())
            };
            self.events += 1;
            self.replays += usize::from(header("ce_replay").as_deref() == Some("true"));
            let order = header("ce_subject").unwrap().parse().unwrap();
            let sequence = header("ce_sequence").unwrap().parse().unwrap();
            let seen = self.sequences.entry(order).or_default();
            if !seen.contains(&sequence) {
                seen.push(sequence);
            }
        }
    }

    /// Reads until the events of an order are there.
    fn until(&mut self, order: i64, expected: &[i64]) {
        let arrived = eventually(|| {
            self.read();
            self.sequences.get(&order).is_some_and(|seen| seen == expected)
        });
        assert!(arrived, "{expected:?} of {order}; there is {:?}", self.sequences);
    }
}

/// A service with a management port, and the options that it was started with.
struct Instance {
    service: Service,
    management: String,
    options: Vec<String>,
}

impl Instance {
    fn start(database: &Scratch, topic: &Topic) -> Self {
        let options = vec![
            format!("--spring.datasource.url={}", database.url),
            format!("--spring.kafka.bootstrap-servers={}", brokers()),
            format!("--order.events.topic={}", topic.name),
        ];
        let mut all: Vec<_> = options.iter().map(String::as_str).collect();
        all.push("--management.server.port=0");
        let service = Service::start(&all);
        service.wait_until_ready();
        let management = format!("{}/actuator/events", service.operators().unwrap());
        Self { service, management, options }
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Response {
        let method = method.parse().unwrap();
        let url = format!("{}{path}", self.management);
        let request = client().request(method, url);
        let request = if body.is_null() { request } else { request.json(body) };
        request.send().unwrap()
    }

    fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, &Value::Null);
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().unwrap()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.ask("POST", path, body);
        assert_eq!(answer.status(), StatusCode::ACCEPTED, "{path}");
        answer.json().unwrap()
    }

    fn is_parked(&self, order: i64) -> bool {
        self.ask("GET", &format!("/parked/{order}"), &Value::Null).status() == StatusCode::OK
    }

    /// An order that is taken from PENDING to DELIVERED.
    fn delivered(&self, body: &Value) -> i64 {
        let order = self.place(body);
        for status in ["CONFIRMED", "IN_PROGRESS", "DELIVERED"] {
            let path = format!("/orders/{order}/status");
            let moved = self.service.put(&path, &json!({ "status": status }));
            assert!(moved.status().is_success());
        }
        order
    }

    fn place(&self, body: &Value) -> i64 {
        let answer = self.service.post("/orders", body);
        assert_eq!(answer.status(), StatusCode::CREATED);
        answer.json::<Value>().unwrap()["id"].as_i64().unwrap()
    }

    /// The command line, on the same database and brokers.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_order-service"));
        command.arg("events").args(arguments).args(&self.options).stdin(Stdio::null());
        command.current_dir(std::env::temp_dir());
        command
    }

    fn tell(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What the command line prints as JSON.
    fn told(&self, arguments: &[&str]) -> Value {
        let output = self.tell(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn small() -> Value {
    support::an_order(42)
}

/// Texts that cannot be compressed.
fn poisoned() -> Value {
    let name = || format!("{:032x}{:032x}", RandomEntropy.bits(), RandomEntropy.bits());
    let item =
        |product| json!({"productId": product, "name": name(), "quantity": 1, "unitPrice": "1.00"});
    json!({"customerId": 42, "items": (1..=100).map(item).collect::<Vec<_>>()})
}

#[test]
fn a_poisoned_order_waits_alone_and_is_published_when_it_can_be() {
    for database in Database::ALL {
        let (scratch, topic) = (database.scratch(), Topic::new(SMALL));
        let instance = Instance::start(&scratch, &topic);
        let before = instance.delivered(&small());
        let poisoned = instance.delivered(&poisoned());
        let after = instance.delivered(&small());
        let mut reader = topic.reader();
        reader.until(before, &[1, 2, 3, 4]);
        reader.until(after, &[1, 2, 3, 4]);
        assert!(eventually(|| instance.is_parked(poisoned)), "{}", instance.service.log());
        assert_eq!(reader.sequences.get(&poisoned), None);

        let found = instance.get(&format!("/parked/{poisoned}"));
        assert_eq!((&found["sequence"], &found["attempts"]), (&json!(1), &json!(1)));
        assert!(found["reason"].as_str().unwrap().to_lowercase().contains("size"), "{found}");
        assert_eq!(found["events"].as_array().unwrap().len(), 4);
        let id = poisoned.to_string();
        let listed = instance.told(&["parked", "list", "--json"]);
        assert_eq!(listed["orders"][0]["orderId"], poisoned);
        assert_eq!(instance.told(&["parked", "show", &id, "--json"])["events"], found["events"]);
        let overview = instance.told(&["backlog", "--json"]);
        assert_eq!(overview["parkedOrders"], 1);
        assert_eq!(instance.get("")["parkedOrders"], 1);

        // As long as the limit stays, a redrive parks the order again.
        assert!(instance.tell(&["parked", "redrive", &id]).status.success());
        let attempts = || instance.get(&format!("/parked/{poisoned}"))["attempts"].as_i64();
        assert!(eventually(|| attempts() == Some(2)), "{}", instance.service.log());

        topic.allow(LARGE);
        instance.post("/parked/redrive", &Value::Null);
        reader.until(poisoned, &[1, 2, 3, 4]);
        assert!(eventually(|| !instance.is_parked(poisoned)));
        assert_eq!(reader.replays, 0);
        let late = instance.tell(&["parked", "redrive", &id]);
        assert_eq!(late.status.code(), Some(3), "{late:?}");
        let said = String::from_utf8(late.stderr).unwrap();
        assert_eq!(said, format!("order-service: order {poisoned} is not parked\n"));
        // The operations that change something are on the management port alone.
        for path in ["/actuator/events", "/actuator/events/parked", "/actuator/refresh"] {
            assert_eq!(instance.service.get(path).status(), StatusCode::NOT_FOUND, "{path}");
            let posted = instance.service.post(&format!("{path}/redrive"), &json!({}));
            assert_eq!(posted.status(), StatusCode::NOT_FOUND);
        }
        instance.service.signal("TERM");
        assert_eq!(instance.service.wait().code(), Some(0), "{}", instance.service.log());
    }
}

#[test]
fn an_event_that_cannot_be_published_is_skipped_with_a_reason() {
    for database in Database::ALL {
        let (scratch, topic) = (database.scratch(), Topic::new(SMALL));
        let instance = Instance::start(&scratch, &topic);
        let order = instance.place(&poisoned());
        let lines = json!({"items": small()["items"]});
        let replaced = instance.service.put(&format!("/orders/{order}"), &lines);
        assert!(replaced.status().is_success());
        assert!(eventually(|| instance.is_parked(order)), "{}", instance.service.log());
        let id = order.to_string();
        let skip = ["parked", "skip", &id, "--sequence", "1", "--reason", "too large for anybody"];
        for _ in 0..2 {
            let skipped = instance.tell(&skip);
            assert!(skipped.status.success(), "{skipped:?}");
        }
        let mut reader = topic.reader();
        reader.until(order, &[2]);
        assert!(eventually(|| !instance.is_parked(order)));
        let skipped = instance.get("/skipped");
        assert_eq!(skipped["events"].as_array().unwrap().len(), 1);
        assert_eq!(skipped["events"][0]["reason"], "too large for anybody");
        assert_eq!(skipped, instance.told(&["parked", "skipped", "--json"]));
        let reasonless = instance.tell(&["parked", "skip", &id, "--reason", " "]);
        assert_eq!(reasonless.status.code(), Some(2), "{reasonless:?}");
    }
}

/// What an operator sees of an event whose stored data is no JSON: its order waits alone with the
/// reason, goes on when the row is mended, and goes on without the event when that is skipped.
#[test]
fn an_event_that_cannot_be_read_is_parked_then_mended_or_skipped() {
    for database in Database::ALL {
        let (scratch, topic) = (database.scratch(), Topic::new(LARGE));
        // Without brokers, events get their positions and wait.
        let waiting = Service::on(&scratch.url);
        let placed = || waiting.placed(42)["id"].as_i64().unwrap();
        let [mended, skipped, whole] = [placed(), placed(), placed()];
        for order in [mended, skipped, whole] {
            waiting.move_to(&json!({"id": order}), "CONFIRMED");
        }
        // A killed one would keep its leases for a while.
        waiting.signal("TERM");
        assert_eq!(waiting.wait().code(), Some(0), "{}", waiting.log());
        let plant = |statement: &str| {
            let patience =
                if scratch.url.starts_with("sqlite") { "PRAGMA busy_timeout = 9999;" } else { "" };
            let statement = format!("{patience}{statement}");
            topic.runtime.block_on(databases::execute(&scratch.url, &statement)).unwrap();
        };
        plant(&format!(
            "CREATE TABLE kept AS SELECT data FROM outbox WHERE order_id = {mended} AND sequence = 1; \
             UPDATE outbox SET data = 'no JSON' WHERE order_id = {mended} AND sequence = 1; \
             UPDATE outbox SET context = '{{}}' WHERE order_id = {skipped} AND sequence = 1"
        ));
        let instance = Instance::start(&scratch, &topic);
        let mut reader = topic.reader();
        reader.until(whole, &[1, 2]);
        for (order, said) in [(mended, "data: "), (skipped, "context: ")] {
            assert!(eventually(|| instance.is_parked(order)), "{}", instance.service.log());
            let found = instance.get(&format!("/parked/{order}"));
            assert_eq!(found["sequence"], 1);
            assert!(found["reason"].as_str().unwrap().contains(said), "{found}");
            assert!(found["unreadable"].as_str().unwrap().starts_with("event 1: "), "{found}");
            assert_eq!(found["events"].as_array().unwrap().len(), 1, "the other one is shown");
            let shown = instance.tell(&["parked", "show", &order.to_string()]);
            let shown = String::from_utf8(shown.stdout).unwrap();
            assert!(shown.contains(said) && shown.contains("order.confirmed"), "{shown}");
            assert!(!shown.contains('{'), "a summary: {shown}");
            let history = instance.service.get(&format!("/orders/{order}/events"));
            assert_eq!(history.headers()["x-events-left-out"], "1");
            assert_eq!(history.json::<Value>().unwrap().as_array().unwrap().len(), 1);
        }
        assert_eq!(reader.sequences.keys().collect::<Vec<_>>(), [&whole], "nothing else is out");
        plant(&format!(
            "UPDATE outbox SET data = (SELECT data FROM kept) WHERE order_id = {mended} AND sequence = 1"
        ));
        assert!(instance.tell(&["parked", "redrive", &mended.to_string()]).status.success());
        reader.until(mended, &[1, 2]);
        let skip = ["parked", "skip", &skipped.to_string(), "--reason", "its context is lost"];
        assert!(instance.tell(&skip).status.success());
        reader.until(skipped, &[2]);
        assert!(eventually(|| !instance.is_parked(mended) && !instance.is_parked(skipped)));
    }
}
