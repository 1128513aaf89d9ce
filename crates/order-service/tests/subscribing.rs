//! The example subscriber as a newcomer runs it, beside the real service and a real broker: it prints
//! every change of each order in sequence, asks the service for missed events, and after a stop
//! continues where it was.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test"
)]

mod support;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use crate::support::{PATIENCE, Service, brokers, eventually, fresh_folder, send_signal};
use order_app::ports::Entropy as _;
use order_testkit::RandomEntropy;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};

/// Builds the example, as `cargo run --example` does, and returns its path.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        // With `--workspace`, cargo reuses what the tests have compiled already.
        let built = Command::new(env!("CARGO"))
            .args(["build", "--workspace", "--example", "subscriber", "--locked", "--quiet"])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
            .status();
        assert!(built.unwrap().success(), "the example does not compile");
        Path::new(env!("CARGO_BIN_EXE_order-service")).with_file_name("examples/subscriber")
    })
}

/// A running subscriber; killed when dropped.
struct Subscriber {
    child: Child,
    folder: PathBuf,
}

impl Subscriber {
    fn start(folder: &Path, topic: &str, service: &str) -> Self {
        let told = File::options().create(true).append(true).open(folder.join("told")).unwrap();
        let child = Command::new(program())
            .args(["--brokers", &brokers(), "--topic", topic, "--group", topic])
            .args(["--service", service])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stderr(told.try_clone().unwrap())
            .stdout(told)
            .spawn()
            .unwrap();
        Self { child, folder: folder.to_owned() }
    }

    /// Everything that it and its predecessors in this folder have printed.
    fn told(&self) -> String {
        std::fs::read_to_string(self.folder.join("told")).unwrap()
    }

    fn waits_for(&self, line: &str) {
        assert!(eventually(|| self.told().contains(line)), "no {line:?} in:\n{}", self.told());
    }

    /// Ctrl-C.
    fn interrupt(&mut self) {
        send_signal("INT", self.child.id());
        assert!(self.child.wait().unwrap().success());
        assert!(self.told().trim_end().ends_with("stopped"), "{}", self.told());
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How many messages the group has committed.
fn committed(topic: &str) -> i64 {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers())
        .set("group.id", topic)
        .create()
        .unwrap();
    let mut all = TopicPartitionList::new();
    for partition in
        consumer.fetch_metadata(Some(topic), PATIENCE).unwrap().topics()[0].partitions()
    {
        all.add_partition(topic, partition.id());
    }
    let offsets = consumer.committed_offsets(all, PATIENCE).unwrap();
    let offset = |offset| if let Offset::Offset(offset) = offset { offset } else { 0 };
    offsets.elements().iter().map(|element| offset(element.offset())).sum()
}

/// Sends a message that is not an event.
fn disturb(topic: &str) {
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", brokers()).create().unwrap();
    producer.send(BaseRecord::to(topic).key("1").payload("not an event")).unwrap();
    producer.flush(PATIENCE).unwrap();
}

#[test]
fn the_example_prints_every_change_in_sequence_and_continues_after_a_stop() {
    let topic = format!("subscribed-{:032x}", RandomEntropy.bits());
    let kafka = format!("--spring.kafka.bootstrap-servers={}", brokers());
    let service = Service::start(&[&kafka, &format!("--order.events.topic={topic}")]);
    service.wait_until_ready();
    let order = service.placed(42);
    let id = &order["id"];
    let folder = fresh_folder();

    let mut subscriber = Subscriber::start(&folder, &topic, &service.base);
    subscriber.waits_for(&format!("order {id}: version 1, PENDING, 149.97 USD\n"));
    service.move_to(&order, "CONFIRMED");
    subscriber.waits_for(&format!("order {id}: version 2, CONFIRMED (was PENDING), 149.97 USD\n"));
    disturb(&topic);
    subscriber.waits_for("set aside");
    subscriber.interrupt();
    assert_eq!(committed(&topic), 3, "the three messages that it has handled");

    // An order changes while it is away. Later it is killed before it commits its offsets.
    service.move_to(&order, "IN_PROGRESS");
    let subscriber = Subscriber::start(&folder, &topic, &service.base);
    subscriber.waits_for(&format!("order {id}: version 3, IN_PROGRESS (was CONFIRMED)"));
    drop(subscriber);
    service.move_to(&order, "DELIVERED");
    let subscriber = Subscriber::start(&folder, &topic, &service.base);
    subscriber.waits_for(&format!("order {id}: version 4, DELIVERED (was IN_PROGRESS)"));
    for version in 1..=4 {
        let line = format!("order {id}: version {version}, ");
        assert_eq!(subscriber.told().matches(&line).count(), 1, "{}", subscriber.told());
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_example_fetches_missed_events_from_the_service() {
    let number = RandomEntropy.bits();
    let (before, topic) = (format!("before-{number:032x}"), format!("after-{number:032x}"));
    let kafka = format!("--spring.kafka.bootstrap-servers={}", brokers());
    let folder = fresh_folder();
    // The first two events go to a topic that the subscriber does not read.
    let at = |topic: &str| {
        let database = format!("--spring.datasource.url=sqlite://{}/orders.db", folder.display());
        let service =
            Service::start(&[&kafka, &format!("--order.events.topic={topic}"), &database]);
        service.wait_until_ready();
        service
    };
    let service = at(&before);
    let order = service.placed(42);
    service.move_to(&order, "CONFIRMED");
    disturb(&before); // creates the topic if no event was published yet
    service.signal("TERM");
    assert!(service.wait().success());
    drop(service);

    let service = at(&topic);
    service.move_to(&order, "IN_PROGRESS");
    let subscriber = Subscriber::start(&fresh_folder(), &topic, &service.base);
    let id = &order["id"];
    subscriber.waits_for(&format!("order {id}: 2 missed events were fetched from the service"));
    let told = subscriber.told();
    let order_of = |version: i64| told.find(&format!("order {id}: version {version}, ")).unwrap();
    assert!(order_of(1) < order_of(2) && order_of(2) < order_of(3), "{told}");
    std::fs::remove_dir_all(&subscriber.folder).unwrap();
}
