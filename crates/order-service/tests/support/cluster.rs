//! The cluster of three brokers that `deploy/stack up kafka1 kafka2 kafka3` starts: members are killed
//! and started again, or halted; a test has topics of its own there, or on another broker, and reads one as a whole.

#![expect(dead_code, reason = "each test binary uses its part of this")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use order_app::ports::Entropy as _;
use order_testkit::RandomEntropy;
use order_testkit::audit::{Message, print_of};
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::support::eventually;

pub(crate) const BROKERS: [&str; 3] = ["kafka1", "kafka2", "kafka3"];
/// Of each topic that a test reads as a whole.
pub(crate) const PARTITIONS: i32 = 6;
const MINIMUM: &str = "min.insync.replicas";
const LARGEST: &str = "max.message.bytes";
/// A broker that has just started needs a while until it answers for every partition.
const PATIENCE: Duration = Duration::from_mins(2);

/// A variable of a broker in `deploy/stack env`.
fn told(broker: &str, what: &str) -> String {
    let environment = stack(&["env", broker]);
    let name = format!("STACK_{}_{what}=", broker.to_uppercase());
    let line = environment.lines().find_map(|line| line.split(&name).nth(1));
    line.expect("start the cluster with `deploy/stack up kafka1 kafka2 kafka3`").to_owned()
}

/// Runs `deploy/stack` and returns its output.
fn stack(arguments: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/stack");
    let output = Command::new(script).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let hint = "start the cluster with `deploy/stack up kafka1 kafka2 kafka3`";
    assert!(output.status.success(), "deploy/stack {arguments:?}: {said}; {hint}");
    String::from_utf8(output.stdout).unwrap()
}

/// The addresses of all brokers, for `bootstrap.servers`.
pub(crate) fn servers() -> String {
    BROKERS.map(|broker| told(broker, "URL")).join(",")
}

/// The main process of a broker, which may be halted.
pub(crate) fn process(broker: &str) -> u32 {
    told(broker, "PID").parse().unwrap()
}

/// Killed brokers; they are started again when this is dropped.
pub(crate) struct Killed<'a>(&'a [&'a str]);

impl<'a> Killed<'a> {
    pub(crate) fn now(brokers: &'a [&'a str]) -> Self {
        let killed = Self(brokers);
        stack(&[&["kill"], brokers].concat());
        killed
    }
}

impl Drop for Killed<'_> {
    fn drop(&mut self) {
        stack(&[&["up"], self.0].concat());
    }
}

/// A topic of a test's own, removed when dropped.
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) servers: String,
    admin: AdminClient<DefaultClientContext>,
    runtime: tokio::runtime::Runtime,
}

impl Topic {
    /// Creates a topic on all three brokers; two of them confirm each write.
    pub(crate) fn new() -> Self {
        Self::taking("1000000")
    }

    /// Creates a topic that accepts batches up to this many bytes.
    pub(crate) fn taking(largest: &str) -> Self {
        Self::on(servers(), PARTITIONS, 3, &[(MINIMUM, "2"), (LARGEST, largest)])
    }

    /// Creates a topic and waits until it is listed: a consumer that subscribes before looks again only seconds later.
    pub(crate) fn on(
        servers: String,
        partitions: i32,
        replicas: i32,
        settings: &[(&str, &str)],
    ) -> Self {
        let name = format!("test-{:032x}", RandomEntropy.bits());
        let admin = ClientConfig::new().set("bootstrap.servers", &servers).create().unwrap();
        let topic = Self { name, servers, admin, runtime: tokio::runtime::Runtime::new().unwrap() };
        let new = NewTopic::new(&topic.name, partitions, TopicReplication::Fixed(replicas));
        let new = settings.iter().fold(new, |new, (name, value)| new.set(name, value));
        let options = AdminOptions::new().request_timeout(Some(PATIENCE));
        let created = topic.runtime.block_on(topic.admin.create_topics([&new], &options));
        assert!(
            created.as_ref().is_ok_and(|all| all[0].is_ok()),
            "{created:?}; start Kafka with `deploy/stack up kafka kafka1 kafka2 kafka3`"
        );
        let leaders = || {
            let found = topic.admin.inner().fetch_metadata(Some(&topic.name), PATIENCE).unwrap();
            let partitions = found.topics()[0].partitions().iter();
            partitions.filter(|partition| partition.leader() >= 0).count()
        };
        assert!(eventually(|| leaders() == usize::try_from(partitions).unwrap()));
        topic
    }

    /// Accepts batches up to this many bytes from now on.
    pub(crate) fn take(&self, largest: &str) {
        let change = AlterConfig::new(ResourceSpecifier::Topic(&self.name))
            .set(MINIMUM, "2")
            .set(LARGEST, largest);
        let altered = self.admin.alter_configs([&change], &AdminOptions::new());
        assert!(self.runtime.block_on(altered).unwrap()[0].is_ok());
    }

    /// Reads the whole topic.
    pub(crate) fn read(&self) -> Vec<Message> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.servers)
            .set("group.id", &self.name)
            .set("enable.auto.commit", "false")
            .set("check.crcs", "true")
            .create()
            .unwrap();
        let mut from = TopicPartitionList::new();
        let mut ends = BTreeMap::new();
        for partition in 0..PARTITIONS {
            from.add_partition_offset(&self.name, partition, Offset::Beginning).unwrap();
            let marks = consumer.fetch_watermarks(&self.name, partition, PATIENCE).unwrap();
            assert_eq!(marks.0, 0, "nothing of the topic was removed");
            ends.insert(partition, marks.1);
        }
        consumer.assign(&from).unwrap();
        let mut all = Vec::new();
        let mut last = Instant::now();
        ends.retain(|_, end| *end > 0);
        while !ends.is_empty() {
            assert!(last.elapsed() < PATIENCE, "{ends:?} were not reached");
            let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
            // A broker that does not answer now answers soon.
            let Ok(message) = message else { continue };
            last = Instant::now();
            if ends.get(&message.partition()) == Some(&(message.offset() + 1)) {
                ends.remove(&message.partition());
            }
            all.push(as_read(&message));
        }
        all
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        let gone = self.admin.delete_topics(&[&self.name], &AdminOptions::new());
        let _ = self.runtime.block_on(gone);
    }
}

fn as_read(message: &BorrowedMessage<'_>) -> Message {
    let headers = message.headers().expect("every event has headers");
    let header = |name: &str| {
        let header = headers.iter().find(|header| header.key == name);
        String::from_utf8(header.unwrap().value.unwrap().to_vec()).unwrap()
    };
    let key = std::str::from_utf8(message.key().unwrap()).unwrap();
    assert_eq!(header("ce_subject"), key);
    let all =
        headers.iter().flat_map(|header| [header.key.as_bytes(), header.value.unwrap_or(b"\0")]);
    Message {
        partition: message.partition(),
        offset: message.offset(),
        id: header("ce_id").replace('-', ""),
        order: key.parse().unwrap(),
        sequence: header("ce_sequence").parse().unwrap(),
        kind: header("ce_type"),
        body: print_of([message.payload().unwrap()]),
        headers: print_of(all),
    }
}
