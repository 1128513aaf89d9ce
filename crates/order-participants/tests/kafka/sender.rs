//! The other side of a participant: sends commands, reads the replies, and knows what is committed.

use std::time::{Duration, Instant};

use order_domain::{OrderId, ProductId, Quantity};
use order_events::saga::{Command, Item, Reply, Task};
use order_participants::shell::{headers, to_headers};
use order_testkit::produce;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use uuid::Uuid;

use crate::{PARTITIONS, PATIENCE, a_topic, brokers, wait_for};

pub(crate) struct Sender {
    /// The topic of the commands.
    topic: String,
    pub(crate) reply_topic: String,
    replies: BaseConsumer,
    producer: FutureProducer,
}

impl Sender {
    /// Sends to a topic, and has a topic for replies of its own.
    pub(crate) fn to(topic: &str) -> Self {
        let reply_topic = a_topic("replies");
        let replies: BaseConsumer = client(&reply_topic).create().unwrap();
        replies.assign(&partitions(&reply_topic, Offset::Beginning)).unwrap();
        let producer = client(topic).create().unwrap();
        Self { topic: topic.to_owned(), reply_topic, replies, producer }
    }

    /// A reservation of a product that there is.
    pub(crate) fn reserve(&self, id: Uuid, order: i64) -> Command {
        let item =
            Item { product_id: ProductId::new(7).unwrap(), quantity: Quantity::new(3).unwrap() };
        let order = OrderId::new(order).unwrap();
        Command::new(id, order, Task::Reserve(vec![item]), "cause", "all", &self.reply_topic)
    }

    pub(crate) fn send(&self, command: &Command) {
        let message = command.encode().unwrap();
        let record = FutureRecord::to(&self.topic).key(message.key()).payload(message.value());
        wait_for(self.producer.send(record.headers(to_headers(&message)), PATIENCE)).unwrap();
    }

    /// Sends a command with one more header, whose name is no text.
    pub(crate) fn send_with_a_wrong_header(&self, command: &Command, partition: i32) {
        let message = command.encode().unwrap();
        let mut headers = vec![(&b"\xff\xfe"[..], &b"x"[..])];
        headers.extend(message.headers().map(|(name, value)| (name.as_bytes(), value)));
        let key_and_value = (message.key().as_bytes(), message.value());
        produce(&brokers(), (&self.topic, partition), key_and_value, &headers);
    }

    /// The next reply.
    pub(crate) fn reply(&self) -> Reply {
        self.reply_within(PATIENCE).expect("a reply")
    }

    /// The next reply, if one comes in time.
    pub(crate) fn reply_within(&self, time: Duration) -> Option<Reply> {
        let end = Instant::now() + time;
        loop {
            match self.replies.poll(end.saturating_duration_since(Instant::now())) {
                None => return None,
                Some(Ok(message)) => {
                    return Some(Reply::decode(headers(&message), message.payload()).unwrap());
                }
                // The broker was not there for a moment.
                Some(Err(_)) => {}
            }
        }
    }

    /// How many commands are committed for the group that is named as its topic.
    pub(crate) fn committed(&self) -> i64 {
        let consumer: BaseConsumer = client(&self.topic).create().unwrap();
        let all = partitions(&self.topic, Offset::Invalid);
        let committed = consumer.committed_offsets(all, PATIENCE).unwrap();
        committed
            .elements()
            .iter()
            .filter_map(|element| element.offset().to_raw())
            .map(|n| n.max(0))
            .sum()
    }
}

fn client(group: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers()).set("group.id", group);
    config.set("enable.auto.commit", "false").set("partitioner", "murmur2_random");
    config
}

fn partitions(topic: &str, offset: Offset) -> TopicPartitionList {
    let mut all = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        all.add_partition_offset(topic, partition, offset).unwrap();
    }
    all
}
