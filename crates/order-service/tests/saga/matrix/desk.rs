//! The participants of the matrix: the test itself. It takes every command from the two topics as it arrives, answers none by
//! itself, and sends the replies that trials want.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use order_events::saga::{Command, CommandType, Reason, Reply, Verdict};
use order_events::{Message, Word};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{BorrowedMessage, Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::metadata::MetadataPartition;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tokio::runtime::Runtime;

use super::stage::PATIENCE;
use crate::scene::Topics;
use crate::until;

/// The source of commands and sink of replies.
pub(super) struct Desk {
    arrived: Arc<Arrived>,
    reader: Option<JoinHandle<()>>,
    /// Asks for offsets.
    asking: BaseConsumer,
    producer: FutureProducer,
    /// Waits a second for more to send together.
    gathering: FutureProducer,
    runtime: Runtime,
    commands: [String; 2],
    replies: String,
    replied: AtomicUsize,
}

/// What has arrived.
#[derive(Default)]
struct Arrived {
    commands: Mutex<Vec<Command>>,
    /// The next offset of each partition.
    next: Mutex<BTreeMap<(String, i32), i64>>,
    /// Messages that are no commands.
    unreadable: Mutex<Vec<String>>,
    closed: AtomicBool,
}

/// Where a reply is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    partition: i32,
    offset: i64,
}

impl Desk {
    /// Takes commands from their beginning on.
    pub(super) fn open(topics: &Topics) -> Self {
        let mut config = ClientConfig::new();
        // Of this group, it only asks what the service has committed.
        config.set("bootstrap.servers", &topics.replies.servers).set("group.id", topics.group());
        config.set("enable.auto.commit", "false");
        let commands = [&topics.inventory, &topics.payment].map(|topic| topic.name.clone());
        let (arrived, asking) = (Arc::<Arrived>::default(), config.create().unwrap());
        let reading: BaseConsumer = config.create().unwrap();
        let mut all = TopicPartitionList::new();
        for topic in &commands {
            for partition in partitions(&asking, topic) {
                all.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
            }
        }
        reading.assign(&all).unwrap();
        let reader = {
            let arrived = Arc::clone(&arrived);
            std::thread::spawn(move || arrived.read(&reading))
        };
        // As Java's clients and the service choose a partition; uncompressed, so that a gate can see what passes.
        let producer = config.set("partitioner", "murmur2_random").create().unwrap();
        Self {
            arrived,
            reader: Some(reader),
            asking,
            producer,
            gathering: config.set("linger.ms", "1000").create().unwrap(),
            runtime: Runtime::new().unwrap(),
            commands,
            replies: topics.replies.name.clone(),
            replied: AtomicUsize::new(0),
        }
    }

    /// Every attempt of a command that has arrived, in the order of arrival.
    pub(super) fn attempts(&self, order: i64, kind: CommandType) -> Vec<Command> {
        let unreadable = locked(&self.arrived.unreadable);
        assert!(unreadable.is_empty(), "{unreadable:?}");
        let is_it =
            |command: &&Command| command.order_id.get() == order && command.task.kind() == kind;
        locked(&self.arrived.commands).iter().filter(is_it).cloned().collect()
    }

    /// Waits for this attempt of a command or a later one. All attempts are the same command.
    pub(super) fn arrival(&self, order: i64, kind: CommandType, attempt: u32) -> Command {
        let mut found = None;
        let is_there = || {
            let all = self.attempts(order, kind);
            assert!(all.windows(2).all(|two| two[0].id == two[1].id), "{all:?}");
            assert!(all.windows(2).all(|two| two[0].task == two[1].task), "{all:?}");
            found = all.into_iter().find(|command| command.attempt >= attempt);
            found.is_some()
        };
        assert!(until(PATIENCE, is_there), "attempt {attempt} of {kind} for order {order}");
        found.unwrap()
    }

    /// Waits until everything that the topics have by now has arrived here.
    pub(super) fn catches_up(&self) {
        for topic in &self.commands {
            for partition in partitions(&self.asking, topic) {
                let marks = self.asking.fetch_watermarks(topic, partition, PATIENCE);
                let (_, end) = marks.unwrap();
                let key = (topic.clone(), partition);
                let has_read = || locked(&self.arrived.next).get(&key).copied() >= Some(end);
                assert!(end == 0 || until(PATIENCE, has_read), "{topic} up to {end}");
            }
        }
    }

    /// A reply of its own, with what the command gives.
    pub(super) fn reply(&self, command: &Command, verdict: Verdict) -> Reply {
        let mut reply = Reply::to(command, "/desk", verdict);
        let number = self.replied.fetch_add(1, Ordering::Relaxed);
        reply.id = format!("{}-{number}-{verdict}", command.id);
        match verdict {
            Verdict::Done => reply.reference = Some(format!("R-{}", command.order_id)),
            Verdict::Rejected => reply.reason = Some(Word::Known(refusal(command.task.kind()))),
            Verdict::Failed => reply.detail = Some("try again later".to_owned()),
        }
        reply
    }

    /// Sends a reply, and waits until the broker has it.
    pub(super) fn send(&self, reply: &Reply) -> Place {
        let message = reply.encode().unwrap();
        let record = FutureRecord::to(&self.replies).key(message.key()).payload(message.value());
        let sent = self.producer.send(record.headers(to_headers(&message)), PATIENCE);
        let sent = self.runtime.block_on(sent).unwrap();
        Place { partition: sent.partition, offset: sent.offset }
    }

    /// Sends replies in one batch of records, as a participant may that decides many commands at once. So they also arrive
    /// together: the service finds all of them when it looks for replies.
    pub(super) fn send_together(&self, replies: &[Reply]) {
        let messages: Vec<_> = replies.iter().map(|reply| reply.encode().unwrap()).collect();
        let on_their_way: Vec<_> = messages
            .iter()
            .map(|message| {
                // Of a topic's partitions, any will do: the earlier replies of these orders are taken.
                let record = FutureRecord::to(&self.replies).partition(0).key(message.key());
                let record = record.payload(message.value()).headers(to_headers(message));
                self.gathering.send_result(record).map_err(|(error, _)| error).unwrap()
            })
            .collect();
        for sent in on_their_way {
            assert!(self.runtime.block_on(sent).unwrap().is_ok());
        }
    }

    /// Says that a command is done.
    pub(super) fn done(&self, command: &Command) -> Place {
        self.send(&self.reply(command, Verdict::Done))
    }

    /// Waits until the service has taken a reply for good: until its group has committed the offset.
    pub(super) fn until_taken(&self, reply: Place) {
        let Place { partition, offset } = reply;
        let is_taken = || {
            let mut asked = TopicPartitionList::new();
            asked.add_partition(&self.replies, partition);
            let known = self.asking.committed_offsets(asked, PATIENCE).unwrap();
            matches!(known.elements()[0].offset(), Offset::Offset(next) if next > offset)
        };
        assert!(until(PATIENCE, is_taken), "{reply:?} is taken");
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.arrived.closed.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Arrived {
    fn read(&self, consumer: &BaseConsumer) {
        while !self.closed.load(Ordering::Relaxed) {
            // A broker that does not answer now answers soon.
            let Some(Ok(message)) = consumer.poll(Duration::from_millis(20)) else { continue };
            match Command::decode(headers(&message), message.payload()) {
                Ok(command) => locked(&self.commands).push(command),
                Err(error) => locked(&self.unreadable).push(error.to_string()),
            }
            let key = (message.topic().to_owned(), message.partition());
            locked(&self.next).insert(key, message.offset() + 1);
        }
    }
}

/// Why the business says no to a command.
pub(super) const fn refusal(kind: CommandType) -> Reason {
    match kind {
        CommandType::Reserve => Reason::OutOfStock,
        CommandType::Authorize => Reason::PaymentFailed,
        _ => Reason::NotDone,
    }
}

fn to_headers(message: &Message) -> OwnedHeaders {
    message.headers().fold(OwnedHeaders::new(), |headers, (key, value)| {
        headers.insert(Header { key, value: Some(value) })
    })
}

fn headers<'a>(message: &'a BorrowedMessage<'_>) -> impl Iterator<Item = (&'a str, &'a [u8])> {
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    headers.map(|header| (header.key, header.value.unwrap_or_default()))
}

fn partitions(consumer: &BaseConsumer, topic: &str) -> Vec<i32> {
    let found = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
    found.topics()[0].partitions().iter().map(MetadataPartition::id).collect()
}

/// What a trial that failed leaves behind is of use to the others.
fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
