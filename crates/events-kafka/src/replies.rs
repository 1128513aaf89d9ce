//! Takes the replies to the commands of sagas: a consumer of their topic that gives each to the use case, and keeps the offset of
//! one only when its effect is in the database. What was not kept comes again, and changes nothing then.
//!
//! Replies are taken in batches of what has arrived: those of one order in their order, all orders at once. While the database is
//! out, the partitions are paused, and the consumer stays in its group. A reply may be passed, because its command is sent again
//! and answered again: one that cannot be read, and one whose order alone cannot be written.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{self, Poll, Waker};
use std::time::Duration;

use order_app::ports::StoreError;
use order_app::sagas::Sagas;
use order_domain::OrderId;
use order_events::saga::Reply;
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{Consumer as _, ConsumerContext, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;

use crate::monitor::{Monitor, Traffic};
use crate::producer::without_values;
use crate::settings::{KafkaSettings, SettingsError};

/// The most replies that are taken at once.
const BATCH: usize = 64;
/// The first pause after a failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The pause after an error of the client.
const AFTER_ERROR: Duration = Duration::from_secs(1);

/// Receives replies over Kafka.
#[derive(Debug)]
pub struct KafkaReplies {
    config: ClientConfig,
    topic: String,
    monitor: Arc<Monitor>,
    unreadable: AtomicU64,
}

/// Receives librdkafka's callbacks.
struct Context(Arc<Monitor>);

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, kind: &str, line: &str) {
        self.0.log(level, kind, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if let Some(code) = error.rdkafka_error_code() {
            self.0.failed(code, reason);
        }
    }
}

impl ConsumerContext for Context {}

type Consumer = StreamConsumer<Context>;

/// Replies that wait to be taken: those of each order, in their order.
type Waiting = BTreeMap<OrderId, VecDeque<Reply>>;

impl KafkaReplies {
    /// Makes a receiver for a topic, as a member of a group. No broker is asked, and no client started.
    ///
    /// # Errors
    /// When the settings are wrong; all problems that can be found are reported at once.
    pub fn new(settings: &KafkaSettings, group: &str, topic: &str) -> Result<Self, SettingsError> {
        let (config, _) = settings.consumer(group)?;
        let servers = config.get("bootstrap.servers").unwrap_or_default();
        let monitor = Arc::new(Monitor::new(servers, Traffic::Replies));
        Ok(Self { config, topic: topic.to_owned(), monitor, unreadable: AtomicU64::new(0) })
    }

    /// How many messages could not be read.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        self.unreadable.load(Ordering::Relaxed)
    }

    /// Takes replies until `stop` is done. Then it finishes what it is at, keeps the offsets of that, and leaves the group. A client
    /// that fails for good is replaced.
    pub async fn run(&self, sagas: &Sagas, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            let taken = match self.consumer().await {
                Ok(consumer) => {
                    let taken = self.take_all(&consumer, sagas, stop.as_mut()).await;
                    // It commits what is stored and leaves the group, which takes a while.
                    let _ = spawn_blocking(move || drop(consumer)).await;
                    taken
                }
                Err(error) => Err(error),
            };
            let Err(failure) = taken else { return };
            tracing::error!(failure, "the client for replies has failed, and is replaced");
            tokio::select! { () = &mut stop => return, () = sleep(LONGEST_PAUSE) => {} }
        }
    }

    /// Starts a client. That reads files and starts threads.
    async fn consumer(&self) -> Result<Consumer, String> {
        let context = Context(Arc::clone(&self.monitor));
        let (config, topic) = (self.config.clone(), self.topic.clone());
        let start = move || -> KafkaResult<Consumer> {
            let consumer: Consumer = config.create_with_context(context)?;
            consumer.subscribe(&[&topic])?;
            Ok(consumer)
        };
        let started = spawn_blocking(start).await.map_err(|error| error.to_string())?;
        started.map_err(|error| without_values(&error))
    }

    /// # Errors
    /// Why the client cannot go on.
    async fn take_all(
        &self,
        consumer: &Consumer,
        sagas: &Sagas,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(), String> {
        // What arrived while the database was out.
        let mut held = VecDeque::new();
        loop {
            let mut batch = Vec::new();
            while batch.len() < BATCH
                && let Some(message) = held.pop_front().or_else(|| arrived(consumer))
            {
                batch.push(message);
            }
            if batch.is_empty() {
                let message = tokio::select! {
                    biased;
                    () = &mut stop => return Ok(()),
                    message = consumer.recv() => message,
                };
                match message {
                    Ok(message) => held.push_back(message),
                    Err(error) => {
                        self.bear(consumer, &error)?;
                        tokio::select! { () = &mut stop => return Ok(()), () = sleep(AFTER_ERROR) => {} }
                    }
                }
                continue;
            }
            self.monitor.delivered();
            let mut waiting = Waiting::new();
            for reply in batch.iter().filter_map(|message| self.read(message)) {
                waiting.entry(reply.order_id).or_default().push_back(reply);
            }
            let taking = self.take(consumer, sagas, waiting, &mut held, stop.as_mut());
            if taking.await == Taken::Stopped {
                return Ok(());
            }
            keep(consumer, &batch);
        }
    }

    /// Takes a batch, however long the database is out.
    async fn take<'a>(
        &self,
        consumer: &'a Consumer,
        sagas: &Sagas,
        mut waiting: Waiting,
        held: &mut VecDeque<BorrowedMessage<'a>>,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Taken {
        let (mut tries, mut pause) = (0_u32, FIRST_PAUSE);
        loop {
            let answers = tries > 0 && sagas.ping().await.is_ok();
            let failure = attempt(sagas, &mut waiting).await;
            let Some(error) = failure else { break };
            tries = tries.saturating_add(1);
            if answers {
                for order in waiting.keys() {
                    tracing::warn!(
                        order.id = order.get(),
                        ?error,
                        "a reply was not taken; its command is sent again"
                    );
                }
                break;
            }
            if tries == 2 {
                tracing::warn!(?error, "replies wait for the database");
            }
            tokio::select! {
                () = &mut stop => return Taken::Stopped,
                () = self.hold(consumer, held, pause) => {}
            }
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
        if tries > 0 {
            self.pause(consumer, false);
        }
        Taken::All
    }

    /// Waits, and stays a member of the group meanwhile, which takes that it is polled. A partition that comes in this time is not
    /// paused yet, and may bring messages.
    async fn hold<'a>(
        &self,
        consumer: &'a Consumer,
        held: &mut VecDeque<BorrowedMessage<'a>>,
        pause: Duration,
    ) {
        self.pause(consumer, true);
        let mut end = pin!(sleep(pause));
        loop {
            tokio::select! {
                () = &mut end => return,
                message = consumer.recv() => match message {
                    Ok(message) => {
                        held.push_back(message);
                        self.pause(consumer, true);
                    }
                    Err(error) => tracing::debug!(%error, "nothing can be received"),
                }
            }
        }
    }

    fn pause(&self, consumer: &Consumer, pauses: bool) {
        let done = consumer
            .assignment()
            .and_then(|all| if pauses { consumer.pause(&all) } else { consumer.resume(&all) });
        if let Err(error) = done {
            tracing::debug!(topic = self.topic, %error, pauses, "partitions were not paused or resumed");
        }
    }

    /// Bears an error after which the client tries again by itself: no broker is reached, the topic does not exist yet.
    ///
    /// # Errors
    /// When it does not try again.
    fn bear(&self, consumer: &Consumer, error: &KafkaError) -> Result<(), String> {
        if let Some((_, why)) = consumer.client().fatal_error() {
            return Err(why);
        }
        self.monitor.not_received(&error.to_string());
        Ok(())
    }

    fn read(&self, message: &BorrowedMessage<'_>) -> Option<Reply> {
        let reply = Reply::decode(headers(message), message.payload());
        let reply = reply.inspect_err(|error| {
            self.unreadable.fetch_add(1, Ordering::Relaxed);
            let (topic, partition, offset) = (&self.topic, message.partition(), message.offset());
            tracing::warn!(topic, partition, offset, %error, "a reply cannot be read; passed");
        });
        reply.ok()
    }
}

/// How taking a batch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    All,
    /// By the stop; what is left comes again.
    Stopped,
}

/// Gives all replies to the use case: the orders at once, and the replies of each until one fails. Takes out what was taken, and
/// answers with a failure, if there was one.
async fn attempt(sagas: &Sagas, waiting: &mut Waiting) -> Option<StoreError> {
    let mut orders = JoinSet::new();
    for (order, mut replies) in std::mem::take(waiting) {
        let sagas = sagas.clone();
        orders.spawn(async move {
            while let Some(reply) = replies.front() {
                if let Err(error) = sagas.reply(reply).await {
                    return Err((order, replies, error));
                }
                replies.pop_front();
            }
            Ok(())
        });
    }
    let mut failure = None;
    while let Some(order) = orders.join_next().await {
        match order {
            Ok(Ok(())) => {}
            Ok(Err((order, replies, error))) => {
                waiting.insert(order, replies);
                failure = Some(error);
            }
            // The panic was logged where it happened. The command is sent again.
            Err(error) => tracing::error!(%error, "a reply was not taken"),
        }
    }
    failure
}

/// Marks a batch as taken; the client commits that every second, and before a partition goes.
fn keep(consumer: &Consumer, batch: &[BorrowedMessage<'_>]) {
    for message in batch {
        if let Err(error) = consumer.store_offset_from_message(message) {
            // The partition is another member's by now, which gets the reply again.
            tracing::debug!(%error, partition = message.partition(), "an offset is not kept");
        }
    }
}

/// A message that is there already.
fn arrived(consumer: &Consumer) -> Option<BorrowedMessage<'_>> {
    let mut next = pin!(consumer.recv());
    match next.as_mut().poll(&mut task::Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(message)) => Some(message),
        // An error comes again, or the client has got over it.
        Poll::Ready(Err(_)) | Poll::Pending => None,
    }
}

/// The headers of a message, as the decoder takes them. One whose name is not UTF-8 is left out: the client panics at it, which is
/// only seen in the log, and no known header has such a name.
fn headers<'a>(message: &'a BorrowedMessage<'_>) -> impl Iterator<Item = (&'a str, &'a [u8])> {
    message.headers().into_iter().flat_map(|headers| {
        let get = move |index| catch_unwind(AssertUnwindSafe(|| headers.try_get(index))).ok()?;
        let headers = (0..headers.count()).filter_map(get);
        headers.map(|header| (header.key, header.value.unwrap_or_default()))
    })
}
