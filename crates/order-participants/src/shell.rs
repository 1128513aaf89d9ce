//! A participant on Kafka: takes commands in batches, decides each batch in one transaction of its file,
//! then replies, and commits the offset of a command once all that it sends for it is at the broker.
//! It may be stopped or killed at any moment: what was not committed comes again, and gets the same
//! reply.

mod window;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use futures_util::{FutureExt as _, future::BoxFuture};
use order_events::Message;
use order_events::saga::{Command, Reply};
use rdkafka::ClientConfig;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::types::RDKafkaErrorCode;
use tokio::time::{Instant, sleep, sleep_until};

use crate::rules::Rules;
use crate::store::Store;
use window::{Ticket, Windows};

/// Between two attempts, when the broker or the file does not answer.
const PAUSE: Duration = Duration::from_secs(1);
/// How many commands are decided in one transaction.
const BATCH: usize = 256;
/// How many commands may wait for their replies to be sent; above it no more are taken.
const MOST_OPEN: usize = 10_000;
/// How long a stop waits for the broker to confirm replies that are under way.
const LAST_REPLIES: Duration = Duration::from_secs(5);
/// How long a send may take before it is tried again.
const SEND_TIMEOUT_MS: &str = "10000";
/// How often the topic for a reply may refuse it.
const MOST_REFUSALS: u32 = 5;

/// Where a participant finds what it works with.
#[derive(Debug, Clone)]
pub struct Place {
    /// The brokers.
    pub brokers: String,
    /// The topic of its commands.
    pub topic: String,
    /// Its consumer group.
    pub group: String,
    /// Settings of librdkafka that go before ours.
    pub properties: Vec<(String, String)>,
}

impl Place {
    /// The settings of a client.
    #[must_use]
    pub fn client(&self, settings: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers).set("reconnect.backoff.max.ms", "1000");
        for (name, value) in settings {
            config.set(*name, *value);
        }
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        config
    }

    /// A consumer of the topic in the group, from the beginning on.
    ///
    /// # Errors
    /// When librdkafka does not take a setting.
    pub fn consumer(&self) -> anyhow::Result<StreamConsumer> {
        let settings = [
            ("group.id", self.group.as_str()),
            ("auto.offset.reset", "earliest"),
            // Committed in the background is what is stored here, and at once when a partition goes.
            ("enable.auto.commit", "true"),
            ("auto.commit.interval.ms", "1000"),
            ("enable.auto.offset.store", "false"),
            // A killed member is replaced after 6 s instead of 45.
            ("session.timeout.ms", "6000"),
            ("heartbeat.interval.ms", "2000"),
            ("topic.metadata.refresh.interval.ms", "5000"),
        ];
        let consumer: StreamConsumer = self
            .client(&settings)
            .create()
            .context("the settings of the Kafka client are wrong")?;
        consumer.subscribe(&[&self.topic])?;
        Ok(consumer)
    }

    /// Says that the participant has its file and its clients; `deploy/stack` waits for this line.
    pub(crate) fn log_ready(&self, participant: &str) {
        let Self { brokers, topic, group, .. } = self;
        tracing::info!(participant, brokers, topic, group, process = std::process::id(), "ready");
    }

    /// A producer that confirms what all replicas have. It is not idempotent, because such a producer
    /// has errors after which it sends nothing more; a message may go twice instead, which the
    /// contract allows.
    ///
    /// # Errors
    /// When librdkafka does not take a setting.
    pub fn producer(&self) -> anyhow::Result<FutureProducer> {
        let settings = [
            ("acks", "all"),
            ("partitioner", "murmur2_random"),
            ("message.timeout.ms", SEND_TIMEOUT_MS),
        ];
        self.client(&settings).create().context("the settings of the Kafka client are wrong")
    }
}

/// The headers of a message from Kafka, as the decoders take them. One whose name is not UTF-8 is left
/// out: rdkafka panics at it, which is only seen in the log, and no known header has such a name.
pub fn headers<'a>(message: &'a BorrowedMessage<'_>) -> impl Iterator<Item = (&'a str, &'a [u8])> {
    message.headers().into_iter().flat_map(|headers| {
        let get = move |index| catch_unwind(AssertUnwindSafe(|| headers.try_get(index))).ok()?;
        let headers = (0..headers.count()).filter_map(get);
        headers.map(|header| (header.key, header.value.unwrap_or_default()))
    })
}

/// Headers as Kafka's client takes them.
#[must_use]
pub fn to_headers(message: &Message) -> OwnedHeaders {
    message.headers().fold(OwnedHeaders::new(), |headers, (key, value)| {
        headers.insert(Header { key, value: Some(value) })
    })
}

/// Something to be sent for a command.
#[derive(Debug, Clone)]
struct Outgoing {
    topic: String,
    key: String,
    headers: OwnedHeaders,
    value: Vec<u8>,
    ticket: Ticket,
    /// How often its topic has refused it.
    refusals: u32,
}

type Sent = BoxFuture<'static, Result<Ticket, Outgoing>>;

/// A participant while it runs.
struct Participant {
    topic: String,
    rules: Rules,
    store: Store,
    producer: FutureProducer,
    windows: Windows,
    /// What waits for its time; the number keeps two of one time apart.
    waiting: BTreeMap<(Instant, u64), Outgoing>,
    number: u64,
    under_way: FuturesUnordered<Sent>,
}

/// Runs a participant until `stop` ends.
///
/// # Errors
/// When the settings of the client are wrong, or its consumer cannot go on.
pub async fn run(
    place: &Place,
    rules: Rules,
    store: Store,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let consumer = place.consumer()?;
    let mut participant = Participant {
        topic: place.topic.clone(),
        rules,
        store,
        producer: place.producer()?,
        windows: Windows::default(),
        waiting: BTreeMap::new(),
        number: 0,
        under_way: FuturesUnordered::new(),
    };
    place.log_ready(rules.role.as_str());
    let mut stop = std::pin::pin!(stop);
    loop {
        let next = participant.waiting.keys().next().map(|(at, _)| *at);
        tokio::select! {
            biased;
            () = &mut stop => break,
            Some(sent) = participant.under_way.next() => participant.sent(&consumer, sent),
            () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                participant.send_due();
            }
            message = consumer.recv(), if participant.windows.open() < MOST_OPEN => match message {
                Ok(first) => {
                    let mut batch = vec![first];
                    while let Some(Ok(message)) = more(&consumer, batch.len()) {
                        batch.push(message);
                    }
                    tokio::select! {
                        () = &mut stop => break,
                        () = participant.take(&consumer, &batch) => {}
                    }
                }
                Err(error) => {
                    bear(&consumer, &error)?;
                    tokio::select! { () = &mut stop => break, () = sleep(PAUSE) => {} }
                }
            },
        }
    }
    let last = async {
        while let Some(sent) = participant.under_way.next().await {
            participant.sent(&consumer, sent);
        }
    };
    // Dropping the consumer commits what is stored, and leaves the group.
    let all = tokio::time::timeout(LAST_REPLIES, last).await.is_ok();
    tracing::info!(all_confirmed = all, "stopped");
    Ok(())
}

/// Bears an error of a consumer: the broker is down, or the topic does not exist yet, and the client tries
/// again by itself.
///
/// # Errors
/// When it does not, because another process has its `group.instance.id`, for instance.
pub(crate) fn bear(consumer: &StreamConsumer, error: &KafkaError) -> anyhow::Result<()> {
    if let Some((_, why)) = consumer.client().fatal_error() {
        bail!("the consumer cannot go on: {why}");
    }
    tracing::warn!(%error, "nothing can be received");
    Ok(())
}

/// What has arrived already.
fn more(consumer: &StreamConsumer, taken: usize) -> Option<KafkaResult<BorrowedMessage<'_>>> {
    if taken < BATCH { consumer.recv().now_or_never() } else { None }
}

impl Participant {
    /// Decides a batch, and hands over what is sent for it.
    async fn take(&mut self, consumer: &StreamConsumer, batch: &[BorrowedMessage<'_>]) {
        let mut commands = Vec::new();
        let mut tickets = Vec::new();
        for message in batch {
            let ticket = self.windows.take(message.partition(), message.offset());
            match Command::decode(headers(message), message.payload()) {
                Ok(command) => {
                    commands.push(command);
                    tickets.push(ticket);
                }
                Err(error) => {
                    let (partition, offset) = (message.partition(), message.offset());
                    tracing::warn!(partition, offset, %error, "a command cannot be read; passed");
                    self.finish(consumer, ticket);
                }
            }
        }
        let replies = loop {
            match self.store.settle_all(&self.rules, &commands) {
                Ok(replies) => break replies,
                Err(error) => {
                    tracing::error!(%error, "the file cannot be used; trying again");
                    sleep(PAUSE).await;
                }
            }
        };
        for ((command, ticket), reply) in commands.iter().zip(tickets).zip(replies) {
            self.answer(consumer, command, ticket, reply);
        }
        self.send_due();
    }

    /// Plans what is sent for a command.
    fn answer(
        &mut self,
        consumer: &StreamConsumer,
        command: &Command,
        ticket: Ticket,
        reply: Option<Reply>,
    ) {
        let (order, attempt) = (command.order_id, command.attempt);
        let verdict = reply.as_ref().map_or("silence", |reply| reply.verdict.as_str());
        tracing::info!(%order, command = %command.task.kind(), attempt, verdict, "decided");
        let sendings = self.rules.script.sendings(command.id, attempt);
        let message = reply.map(|reply| reply.encode()).transpose();
        let message = message.unwrap_or_else(|error| {
            tracing::error!(%error, "a reply cannot be written");
            None
        });
        let Some(message) = message.filter(|_| !sendings.is_empty()) else {
            return self.finish(consumer, ticket);
        };
        self.windows.expect(ticket, sendings.len());
        let now = Instant::now();
        for sending in sendings {
            let value = if sending.garbage { b"{garbage" } else { message.value() };
            let outgoing = Outgoing {
                topic: command.reply_to.clone(),
                key: message.key().to_owned(),
                headers: to_headers(&message),
                value: value.to_vec(),
                ticket,
                refusals: 0,
            };
            self.wait(now.checked_add(sending.after).unwrap_or(now), outgoing);
        }
    }

    fn wait(&mut self, until: Instant, outgoing: Outgoing) {
        self.number = self.number.wrapping_add(1);
        self.waiting.insert((until, self.number), outgoing);
    }

    /// Sends whatever has waited long enough.
    fn send_due(&mut self) {
        let now = Instant::now();
        while let Some(first) = self.waiting.first_entry().filter(|first| first.key().0 <= now) {
            let outgoing = first.remove();
            let producer = self.producer.clone();
            self.under_way.push(send(producer, outgoing).boxed());
        }
    }

    /// Counts a confirmed message, or sends it again later.
    fn sent(&mut self, consumer: &StreamConsumer, sent: Result<Ticket, Outgoing>) {
        match sent {
            Ok(ticket) => self.finish(consumer, ticket),
            Err(outgoing) => {
                let now = Instant::now();
                self.wait(now.checked_add(PAUSE).unwrap_or(now), outgoing);
            }
        }
    }

    /// One message less for a command; commits the offsets of all that are finished up to here.
    fn finish(&mut self, consumer: &StreamConsumer, ticket: Ticket) {
        let Some(offset) = self.windows.finish(ticket) else { return };
        if let Err(error) = consumer.store_offset(&self.topic, ticket.partition, offset) {
            // The partition is another member's by now, which gets the command again.
            tracing::debug!(%error, partition = ticket.partition, "an offset is not kept");
        }
    }
}

async fn send(producer: FutureProducer, outgoing: Outgoing) -> Result<Ticket, Outgoing> {
    let record = FutureRecord::to(&outgoing.topic)
        .key(&outgoing.key)
        .payload(&outgoing.value)
        .headers(outgoing.headers.clone());
    let Err((error, _)) = producer.send(record, Duration::ZERO).await else {
        return Ok(outgoing.ticket);
    };
    let topic = outgoing.topic.as_str();
    let refusals = outgoing.refusals.saturating_add(u32::from(is_refusal(&error)));
    if refusals >= MOST_REFUSALS {
        // The topic is named by the command, which must not hold up those behind it for ever. The
        // service has no reply, and asks again.
        tracing::error!(%error, topic, "a reply was refused {refusals} times; passed");
        return Ok(outgoing.ticket);
    }
    tracing::warn!(%error, topic, "a reply was not taken; trying again");
    Err(Outgoing { refusals, ..outgoing })
}

/// Whether the topic refuses a message, rather than that no broker takes it now. The topic may be about
/// to be made.
fn is_refusal(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::InvalidTopic
                | RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::MessageSizeTooLarge
        )
    )
}
