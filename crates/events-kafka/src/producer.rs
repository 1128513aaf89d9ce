//! librdkafka's producer, and its replacement after a fatal error.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{
    BaseRecord, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer,
};
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::batch::Ticket;
use crate::message::Message;
use crate::monitor::Monitor;
use crate::refusal::DeliveryError;

/// The least time between two replacements: a client without the right to write fails each time.
const REPLACE_AT_MOST_EVERY: Duration = Duration::from_millis(500);
/// How long a client that is replaced may still report outcomes.
const LAST_REPORTS: Duration = Duration::from_secs(1);

/// One client of librdkafka with its threads.
pub(crate) struct Producer {
    client: ThreadedProducer<Context>,
}

/// Receives librdkafka's callbacks, on the thread that polls the client.
struct Context {
    monitor: Arc<Monitor>,
    spent: AtomicBool,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, kind: &str, line: &str) {
        self.monitor.log(level, kind, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(Code::Fatal) => self.spend(reason),
            Some(code) => self.monitor.failed(code, reason),
            None => {}
        }
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        match result {
            Ok(_) => {
                self.monitor.delivered();
                ticket.report(None);
            }
            Err((error, _)) => ticket.report(Some(code_of(error))),
        }
    }
}

impl Context {
    fn spend(&self, reason: &str) {
        if !self.spent.swap(true, Ordering::Relaxed) {
            tracing::error!(reason, "the Kafka client has failed for good and is replaced");
        }
    }
}

fn code_of(error: &KafkaError) -> Code {
    error.rdkafka_error_code().unwrap_or(Code::Unknown)
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("spent", &self.is_spent()).finish_non_exhaustive()
    }
}

impl Producer {
    /// Starts a client. No broker is asked yet, but files are read and threads started.
    pub(crate) fn start(config: &ClientConfig, monitor: &Arc<Monitor>) -> KafkaResult<Self> {
        let context = Context { monitor: Arc::clone(monitor), spent: AtomicBool::new(false) };
        Ok(Self { client: config.create_with_context(context)? })
    }

    /// Hands one message over. Its ticket is settled here, or by a report.
    pub(crate) fn send(&self, topic: &str, value: &[u8], message: Message, ticket: Ticket) {
        let record = BaseRecord::with_opaque_to(topic, Box::new(ticket))
            .key(&message.key)
            .payload(value)
            .headers(message.headers);
        if let Err((error, record)) = self.client.send(record) {
            let code = code_of(&error);
            if code == Code::Fatal {
                self.client.client().context().spend("it takes no more messages");
            }
            record.delivery_opaque.settle(Err(DeliveryError::NotTaken(code)));
        }
    }

    /// Makes the client report all outstanding messages as purged, and marks it as spent, because
    /// its numbering of messages then has a gap.
    pub(crate) fn give_up(&self) {
        self.client.client().context().spend("it does not report what came of messages");
        self.client.purge(PurgeConfig::default().queue().inflight());
    }

    /// Ends the client on a thread of its own, because that takes a while. Messages under way may
    /// still be reported; the others are purged.
    pub(crate) fn retire(self: Arc<Self>) {
        let end = move || {
            let flushed = self.client.flush(LAST_REPORTS);
            tracing::debug!(?flushed, "a Kafka client ends");
            // Purges the rest, and waits for the client's threads.
            drop(self);
        };
        if let Err(error) = thread::Builder::new().name("kafka client end".to_owned()).spawn(end) {
            tracing::warn!(%error, "no thread to end a Kafka client on; it was dropped");
        }
    }

    /// Whether the client has failed for good. Asks librdkafka as well, because a message's report
    /// may come before the callback that tells of the fatal error.
    fn is_spent(&self) -> bool {
        let client = self.client.client();
        if let Some((_, reason)) = client.fatal_error() {
            client.context().spend(&reason);
        }
        client.context().spent.load(Ordering::Relaxed)
    }
}

/// The producer in use; replaced when it is spent.
#[derive(Debug)]
pub(crate) struct Producers {
    config: ClientConfig,
    monitor: Arc<Monitor>,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    producer: Option<Arc<Producer>>,
    started: Instant,
}

impl Producers {
    /// Starts the first producer, so that wrong settings are found now.
    pub(crate) fn start(config: ClientConfig, monitor: Arc<Monitor>) -> KafkaResult<Self> {
        let producer = Some(Arc::new(Producer::start(&config, &monitor)?));
        let current = Mutex::new(Current { producer, started: Instant::now() });
        Ok(Self { config, monitor, current })
    }

    /// The producer to use now; replaces a spent one first.
    ///
    /// # Errors
    /// Why no client could be started.
    pub(crate) async fn current(&self) -> Result<Arc<Producer>, String> {
        let mut current = self.current.lock().await;
        if let Some(producer) = current.producer.take_if(|producer| producer.is_spent()) {
            producer.retire();
        }
        if let Some(producer) = &current.producer {
            return Ok(Arc::clone(producer));
        }
        if let Some(pause) = REPLACE_AT_MOST_EVERY.checked_sub(current.started.elapsed()) {
            tokio::time::sleep(pause).await;
        }
        current.started = Instant::now();
        let producer = self.another(self.config.clone()).await?;
        current.producer = Some(Arc::clone(&producer));
        Ok(producer)
    }

    /// Another producer, which sends each message in a batch of its own. The caller ends it, with
    /// [`Producer::retire`].
    pub(crate) async fn one_by_one(&self) -> Result<Arc<Producer>, String> {
        let mut config = self.config.clone();
        config.set("batch.num.messages", "1");
        self.another(config).await
    }

    async fn another(&self, config: ClientConfig) -> Result<Arc<Producer>, String> {
        let monitor = Arc::clone(&self.monitor);
        let start = move || Producer::start(&config, &monitor);
        let started = tokio::task::spawn_blocking(start).await;
        let started = started.map_err(|error| error.to_string())?;
        started.map(Arc::new).map_err(|error| without_values(&error))
    }
}

/// The text of an error without the value of a setting, which may be a secret.
pub(crate) fn without_values(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, _, key, _) => format!("{key} is not allowed"),
        error => error.to_string(),
    }
}
