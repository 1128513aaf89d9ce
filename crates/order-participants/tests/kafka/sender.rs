//! The other side of a participant: sends commands, reads the replies, and knows what is committed.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use order_domain::{OrderId, ProductId, Quantity};
use order_events::saga::{Command, Item, Reply, Task};
use order_participants::shell::{headers, to_headers};
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

    /// Sends a command with one more header, whose name is no text: no client does it, so these are
    /// the bytes of a request to produce.
    pub(crate) fn send_with_a_wrong_header(&self, command: &Command, partition: i32) {
        let message = command.encode().unwrap();
        let mut headers = vec![(&b"\xff\xfe"[..], &b"x"[..])];
        headers.extend(message.headers().map(|(name, value)| (name.as_bytes(), value)));
        let batch = batch(message.key().as_bytes(), message.value(), &headers);
        let mut request = [0_u16.to_be_bytes(), 3_u16.to_be_bytes()].concat(); // produce, version 3
        request.extend(1_u32.to_be_bytes()); // the number of the request
        request.extend((-1_i16).to_be_bytes()); // no name of the client
        request.extend((-1_i16).to_be_bytes()); // no transaction
        request.extend((-1_i16).to_be_bytes()); // all replicas
        request.extend(10_000_u32.to_be_bytes()); // milliseconds
        request.extend(1_u32.to_be_bytes()); // topics
        request.extend(u16::try_from(self.topic.len()).unwrap().to_be_bytes());
        request.extend(self.topic.as_bytes());
        request.extend(1_u32.to_be_bytes()); // partitions
        request.extend(partition.to_be_bytes());
        request.extend(sized(&batch));
        let mut broker = TcpStream::connect(brokers()).unwrap();
        broker.write_all(&sized(&request)).unwrap();
        let mut length = [0; 4];
        broker.read_exact(&mut length).unwrap();
        let mut answer = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
        broker.read_exact(&mut answer).unwrap();
        // The number, one topic with its name, one partition with its number: then the error.
        let error = 4 + 4 + 2 + self.topic.len() + 4 + 4;
        assert_eq!(answer[error..error + 2], [0, 0], "the broker takes it");
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

fn sized(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    [&length.to_be_bytes()[..], bytes].concat()
}

/// One message as a batch of records, in the form of its second version.
fn batch(key: &[u8], value: &[u8], headers: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut record = vec![0, 0, 0]; // no attributes, no difference of time and offset
    for part in [key, value] {
        record.extend(varint(part.len()));
        record.extend(part);
    }
    record.extend(varint(headers.len()));
    for part in headers.iter().flat_map(|(name, value)| [name, value]) {
        record.extend(varint(part.len()));
        record.extend(*part);
    }
    let mut summed = vec![0; 2 + 4 + 8 + 8]; // attributes, difference of offsets, two times
    summed.extend([0xff; 8 + 2 + 4]); // no producer with a number
    summed.extend(1_u32.to_be_bytes());
    summed.extend(varint(record.len()));
    summed.extend(record);
    let mut rest = vec![0xff; 4]; // no epoch of the leader
    rest.push(2);
    rest.extend(crc32c(&summed).to_be_bytes());
    rest.extend(summed);
    [&[0; 8][..], &sized(&rest)].concat()
}

/// A length as a signed number of variable size.
fn varint(length: usize) -> Vec<u8> {
    let mut left = length * 2;
    let mut bytes = Vec::new();
    while left > 0x7f {
        bytes.push(u8::try_from(left & 0x7f).unwrap() | 0x80);
        left >>= 7;
    }
    bytes.push(u8::try_from(left).unwrap());
    bytes
}

fn crc32c(bytes: &[u8]) -> u32 {
    let step = |sum: u32| if sum & 1 == 1 { (sum >> 1) ^ 0x82f6_3b78 } else { sum >> 1 };
    !bytes.iter().fold(!0, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), |sum, _| step(sum)))
}
