//! The measurements of a topic for `deploy/bench relay`, and the plain producer that it compares the
//! relay with. Prints lines of numbers; times are microseconds.
//!
//!   topic BROKERS create NAME PARTITIONS
//!   topic BROKERS watch NAME COUNT      waits for COUNT messages; prints how many were there at the
//!                                       first look that found any, and the time from then on
//!   topic BROKERS copy FROM TO COUNT    sends COUNT messages of one topic to another, all at once and
//!                                       with the service's settings; prints the time until all are
//!                                       confirmed, and their bytes
//!   topic BROKERS follow NAME           prints the time of each event and of its arrival, until its
//!                                       input ends

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "it is a program that measures, and prints what it measures"
)]

use std::error::Error;
use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Headers as _, Message as _, OwnedMessage};
use rdkafka::metadata::MetadataPartition;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

type Outcome = Result<(), Box<dyn Error>>;

const WAIT: Duration = Duration::from_secs(30);
const BRIEFLY: Duration = Duration::from_millis(100);

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [brokers, "create", name, partitions] => create(brokers, name, partitions.parse()?),
        [brokers, "watch", name, count] => watch(brokers, name, count.parse()?),
        [brokers, "copy", from, to, count] => copy(brokers, from, to, count.parse()?),
        [brokers, "follow", name] => follow(brokers, name),
        _ => Err("see the first lines of its source for the arguments".into()),
    }
}

fn create(brokers: &str, name: &str, partitions: i32) -> Outcome {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create()?;
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let created = runtime.block_on(admin.create_topics([&topic], &AdminOptions::new()))?;
    created
        .into_iter()
        .try_for_each(|topic| topic.map(drop).map_err(|(_, why)| why.to_string()))?;
    Ok(())
}

fn consumer(brokers: &str) -> Result<BaseConsumer, KafkaError> {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "measure")
        .set("enable.auto.commit", "false")
        .create()
}

fn partitions(consumer: &BaseConsumer, name: &str) -> Result<Vec<i32>, KafkaError> {
    let metadata = consumer.fetch_metadata(Some(name), WAIT)?;
    let topic = metadata.topics().iter().find(|topic| topic.name() == name);
    let partitions =
        topic.map(|topic| topic.partitions().iter().map(MetadataPartition::id).collect());
    Ok(partitions.unwrap_or_default())
}

fn from(
    consumer: &BaseConsumer,
    name: &str,
    offset: Offset,
) -> Result<TopicPartitionList, KafkaError> {
    let mut all = TopicPartitionList::new();
    for partition in partitions(consumer, name)? {
        all.add_partition_offset(name, partition, offset)?;
    }
    Ok(all)
}

fn watch(brokers: &str, name: &str, count: i64) -> Outcome {
    let consumer = consumer(brokers)?;
    let partitions = partitions(&consumer, name)?;
    let mut first: Option<(i64, Instant)> = None;
    loop {
        let mut there: i64 = 0;
        for partition in &partitions {
            let (_, high) = consumer.fetch_watermarks(name, *partition, WAIT)?;
            there = there.saturating_add(high);
        }
        if there > 0 {
            let (at_first, since) = *first.get_or_insert_with(|| (there, Instant::now()));
            if there >= count {
                println!("{at_first} {}", since.elapsed().as_micros());
                return Ok(());
            }
        }
        // Each look costs the broker time.
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Counts confirmed and failed messages.
#[derive(Clone, Default)]
struct Confirmations(Arc<[AtomicUsize; 2]>);

impl ClientContext for Confirmations {}

impl ProducerContext for Confirmations {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let [confirmed, failed] = &*self.0;
        let which = if result.is_ok() { confirmed } else { failed };
        which.fetch_add(1, Ordering::Relaxed);
    }
}

fn copy(brokers: &str, source: &str, to: &str, count: usize) -> Outcome {
    let messages = first_of(brokers, source, count)?;
    let bytes: usize = messages.iter().filter_map(|message| Some(message.payload()?.len())).sum();
    let confirmations = Confirmations::default();
    // The service's properties, from `settings.rs`.
    let producer: BaseProducer<Confirmations> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("linger.ms", "0")
        .set("compression.type", "lz4")
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("partitioner", "murmur2_random")
        .set("queue.buffering.max.messages", "50000")
        .set("queue.buffering.max.kbytes", "65536")
        .create_with_context(confirmations.clone())?;
    // Finds the broker before the time begins: the relay has found it, too.
    let _ = producer.client().fetch_metadata(Some(to), WAIT)?;
    let begin = Instant::now();
    for message in &messages {
        let mut record = BaseRecord::to(to).payload(message.payload().unwrap_or_default());
        if let Some(headers) = message.headers() {
            record = record.headers(headers.clone());
        }
        record = record.key(message.key().unwrap_or_default());
        while let Err((error, unsent)) = producer.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            producer.poll(BRIEFLY);
            record = unsent;
        }
        producer.poll(Duration::ZERO);
    }
    producer.flush(WAIT)?;
    let took = begin.elapsed();
    let [confirmed, failed] = &*confirmations.0;
    if confirmed.load(Ordering::Relaxed) != count || failed.load(Ordering::Relaxed) != 0 {
        return Err("not everything was confirmed".into());
    }
    println!("{} {bytes}", took.as_micros());
    Ok(())
}

fn first_of(brokers: &str, name: &str, count: usize) -> Result<Vec<OwnedMessage>, Box<dyn Error>> {
    let consumer = consumer(brokers)?;
    consumer.assign(&from(&consumer, name, Offset::Beginning)?)?;
    let mut messages = Vec::with_capacity(count);
    let mut last = Instant::now();
    while messages.len() < count {
        if let Some(message) = consumer.poll(BRIEFLY) {
            messages.push(message?.detach());
            last = Instant::now();
        } else if last.elapsed() > WAIT {
            return Err(format!("there are only {} messages", messages.len()).into());
        }
    }
    Ok(messages)
}

fn follow(brokers: &str, name: &str) -> Outcome {
    let consumer = consumer(brokers)?;
    let mut at_their_ends = TopicPartitionList::new();
    for partition in partitions(&consumer, name)? {
        let (_, high) = consumer.fetch_watermarks(name, partition, WAIT)?;
        at_their_ends.add_partition_offset(name, partition, Offset::Offset(high))?;
    }
    consumer.assign(&at_their_ends)?;
    let over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&over);
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        told.store(true, Ordering::Relaxed);
    });
    println!("ready");
    // Printed at the end: a full pipe would hold up the measurement.
    let mut came = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let Some(message) = consumer.poll(BRIEFLY) else { continue };
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
        let message = message?;
        let time = message.headers().and_then(|headers| {
            headers.iter().find(|header| header.key == "ce_time").and_then(|header| header.value)
        });
        came.push((std::str::from_utf8(time.unwrap_or_default())?.to_owned(), now));
    }
    for (taken, now) in came {
        println!("{taken} {now}");
    }
    Ok(())
}
