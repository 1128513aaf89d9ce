//! Takes the replies to the commands of sagas: a consumer of their topic that gives each to the use case, and keeps the offset of
//! one only when its effect is in the database. What was not kept comes again, and changes nothing then.
//!
//! Replies are taken in batches of what has arrived: those of one order in their order, all orders at once. While the database is
//! out, the partitions are paused, and the consumer stays in its group. A reply may be passed, because its command is sent again
//! and answered again: one that cannot be read, and one whose order alone cannot be written.

use std::collections::{BTreeMap, VecDeque};
use std::future::ready;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{self, Poll, Waker};
use std::time::Duration;

use chrono::{DateTime, Utc};
use order_app::ports::{Clock, StoreError};
use order_app::sagas::Sagas;
use order_domain::OrderId;
use order_events::saga::Reply;
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, Rebalance, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;

use crate::monitor::{Monitor, Traffic};
use crate::producer::without_values;
use crate::settings::{KafkaSettings, SettingsError};

/// The most replies that are taken at once.
const BATCH: usize = 256;
/// The first pause after a failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often a reply is tried while the database answers and nothing shows that another order can be written.
const MOST_TRIES: u32 = 6;
/// The pause after an error of the client.
const AFTER_ERROR: Duration = Duration::from_secs(1);

/// Receives replies over Kafka.
pub struct KafkaReplies {
    config: ClientConfig,
    topic: String,
    receipt: Arc<Receipt>,
    unreadable: AtomicU64,
}

/// What is known of receiving, on whichever client.
struct Receipt {
    monitor: Monitor,
    clock: Arc<dyn Clock>,
    /// Since when replies are taken, as far as is known; or why not.
    since: Mutex<Result<DateTime<Utc>, String>>,
}

impl Receipt {
    /// Replies are taken.
    fn goes_on(&self) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        if since.is_err() {
            *since = Ok(self.clock.now());
        }
    }

    /// They are not.
    fn stands_still(&self, reason: &str) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Err(reason.to_owned());
    }
}

/// Receives librdkafka's callbacks.
struct Context(Arc<Receipt>);

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, kind: &str, line: &str) {
        self.0.monitor.log(level, kind, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if let Some(code) = error.rdkafka_error_code() {
            self.0.monitor.failed(code, reason);
        }
    }
}

impl ConsumerContext for Context {
    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, change: &Rebalance<'_>) {
        if let Rebalance::Assign(partitions) = change {
            // One that was paused when it went comes back paused. `hold` pauses again what brings a message.
            if let Err(error) = consumer.resume(partitions) {
                tracing::debug!(%error, "partitions were not resumed");
            }
            self.0.goes_on();
        }
    }
}

type Consumer = StreamConsumer<Context>;

/// Replies that wait to be taken: those of each order, in their order.
type Waiting = BTreeMap<OrderId, VecDeque<Reply>>;

impl KafkaReplies {
    /// Makes a receiver for a topic, as a member of a group. No broker is asked.
    ///
    /// # Errors
    /// When the settings are wrong; all problems that can be found are reported at once.
    pub fn new(
        settings: &KafkaSettings,
        group: &str,
        topic: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SettingsError> {
        let (config, _) = settings.consumer(group)?;
        // Some settings are looked at only when a client starts: files, passwords, what does not fit together.
        let mut trial = config.clone();
        trial.set_log_level(RDKafkaLogLevel::Emerg);
        let trial: KafkaResult<BaseConsumer> = trial.create();
        drop(trial.map_err(|error| SettingsError::of_client(&error))?);
        let servers = config.get("bootstrap.servers").unwrap_or_default();
        let monitor = Monitor::new(servers, Traffic::Replies);
        let since = Mutex::new(Err("no broker has said yet".to_owned()));
        let receipt = Arc::new(Receipt { monitor, clock, since });
        Ok(Self { config, topic: topic.to_owned(), receipt, unreadable: AtomicU64::new(0) })
    }

    /// Since when replies are taken, UTC; or why they are not.
    ///
    /// # Errors
    /// A reason for operators.
    pub fn works_since(&self) -> Result<DateTime<Utc>, String> {
        self.receipt.since.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
            // It is replaced. Where a right is missing, the next one fails in the same way.
            self.receipt.stands_still(&failure);
            self.receipt.monitor.not_received(&failure);
            tokio::select! { () = &mut stop => return, () = sleep(LONGEST_PAUSE) => {} }
        }
    }

    /// Starts a client. That reads files and starts threads.
    async fn consumer(&self) -> Result<Consumer, String> {
        let context = Context(Arc::clone(&self.receipt));
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
            // Also while replies keep coming.
            tokio::select! { biased; () = &mut stop => return Ok(()), () = ready(()) => {} }
            let mut batch = Vec::new();
            while batch.len() < BATCH {
                match held.pop_front().map(Ok).or_else(|| arrived(consumer)) {
                    Some(Ok(message)) => batch.push(message),
                    Some(Err(error)) => drop(self.bears(&error)?),
                    None => break,
                }
            }
            is_well(consumer)?;
            if batch.is_empty() {
                let message = tokio::select! {
                    biased;
                    () = &mut stop => return Ok(()),
                    message = consumer.recv() => message,
                };
                match message {
                    Ok(message) => held.push_back(message),
                    Err(error) if self.bears(&error)? => {}
                    Err(_) => {
                        tokio::select! { () = &mut stop => return Ok(()), () = sleep(AFTER_ERROR) => {} }
                    }
                }
                continue;
            }
            self.receipt.monitor.delivered();
            self.receipt.goes_on();
            let mut waiting = Waiting::new();
            for reply in batch.iter().filter_map(|message| self.read(message)) {
                waiting.entry(reply.order_id).or_default().push_back(reply);
            }
            if self.take(consumer, sagas, waiting, &mut held, stop.as_mut()).await?
                == Taken::Stopped
            {
                return Ok(());
            }
            keep(consumer, &batch);
        }
    }

    /// Takes a batch, however long the database is out.
    ///
    /// # Errors
    /// Why the client cannot go on.
    async fn take<'a>(
        &self,
        consumer: &'a Consumer,
        sagas: &Sagas,
        mut waiting: Waiting,
        held: &mut VecDeque<BorrowedMessage<'a>>,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<Taken, String> {
        let (mut tries, mut pause, mut others_can) = (0_u32, FIRST_PAUSE, false);
        loop {
            let answers = tries > 0 && sagas.ping().await.is_ok();
            let before = waiting.len();
            let failure = attempt(sagas, &mut waiting).await;
            let Some(error) = failure else { break };
            tries = tries.saturating_add(1);
            others_can |= waiting.len() < before;
            // A database that reads and does not write answers, too.
            if answers && (others_can || tries >= MOST_TRIES) {
                let orders = waiting.len();
                tracing::warn!(
                    orders,
                    ?error,
                    "replies were not taken; their commands are sent again"
                );
                break;
            }
            if !others_can {
                self.receipt.stands_still("the database is out");
            }
            if tries == 2 {
                tracing::warn!(?error, "replies wait for the database");
            }
            tokio::select! {
                () = &mut stop => return Ok(Taken::Stopped),
                held = self.hold(consumer, held, pause) => held?,
            }
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
        if tries > 0 {
            self.pause(consumer, false);
            self.receipt.goes_on();
        }
        Ok(Taken::All)
    }

    /// Waits, and stays a member of the group meanwhile, which takes that it is polled. A partition that comes in this time is not
    /// paused yet, and may bring messages.
    ///
    /// # Errors
    /// Why the client cannot go on.
    async fn hold<'a>(
        &self,
        consumer: &'a Consumer,
        held: &mut VecDeque<BorrowedMessage<'a>>,
        pause: Duration,
    ) -> Result<(), String> {
        self.pause(consumer, true);
        let mut end = pin!(sleep(pause));
        loop {
            tokio::select! {
                () = &mut end => return is_well(consumer),
                message = consumer.recv() => match message {
                    Ok(message) => {
                        held.push_back(message);
                        self.pause(consumer, true);
                    }
                    Err(error) => drop(self.bears(&error)?),
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

    /// Whether an error is of one broker among others, which the client's own callback has told of. The log tells of others.
    ///
    /// # Errors
    /// A right is missing, which the client says once: only another client says whether it is there by now.
    fn bears(&self, error: &KafkaError) -> Result<bool, String> {
        match error.rdkafka_error_code() {
            Some(Code::BrokerTransportFailure | Code::Resolve | Code::AllBrokersDown) => Ok(true),
            Some(Code::GroupAuthorizationFailed) => {
                let group = self.config.get("group.id").unwrap_or_default();
                Err(format!("no right Read on the group {group}"))
            }
            Some(Code::TopicAuthorizationFailed) => {
                Err(format!("no right Read on the topic {}", self.topic))
            }
            _ => {
                self.receipt.monitor.not_received(&error.to_string());
                Ok(false)
            }
        }
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

/// A message, or an error, that is there already.
fn arrived(consumer: &Consumer) -> Option<KafkaResult<BorrowedMessage<'_>>> {
    let mut next = pin!(consumer.recv());
    match next.as_mut().poll(&mut task::Context::from_waker(Waker::noop())) {
        Poll::Ready(next) => Some(next),
        Poll::Pending => None,
    }
}

/// # Errors
/// Why the client cannot go on: another process has its place in the group, for instance.
fn is_well(consumer: &Consumer) -> Result<(), String> {
    consumer.client().fatal_error().map_or(Ok(()), |(_, why)| Err(why))
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
