//! The health of brokers and topics, and what of it is logged: each change once, and every other
//! line of librdkafka at most once a minute for each kind.

mod failure;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel as Level;
use rdkafka::types::RDKafkaErrorCode as Code;

use failure::{Failure, Known};

/// The least time between two lines of one kind.
const AT_MOST_EVERY: Duration = Duration::from_mins(1);

/// The health of Kafka as this process sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KafkaHealth {
    /// The brokers.
    pub broker: BrokerState,
    /// The topics, as `KafkaPublisher::check_topics` has last found them.
    pub topics: TopicsState,
}

/// Whether brokers are reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum BrokerState {
    /// No connection has been tried yet.
    #[default]
    Unknown,
    /// A broker has answered since the last time that none was reached.
    Reachable,
    /// No broker is reached; the reason is for operators.
    Unreachable(String),
}

/// Whether the topics exist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TopicsState {
    /// No broker has answered yet.
    #[default]
    Unknown,
    /// All of them exist.
    Present,
    /// A topic is missing, or cannot be seen or created; the reason is for operators.
    Amiss(String),
}

/// What travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traffic {
    Events,
    Commands,
    Replies,
}

impl Traffic {
    const fn topics(self) -> &'static str {
        match self {
            Self::Events => "the topics for events",
            Self::Commands | Self::Replies => "the topics of sagas",
        }
    }

    /// What comes of it while no broker is reached.
    const fn waits(self) -> &'static str {
        match self {
            Self::Events => "events wait in the outbox",
            Self::Commands => "commands are sent again when they are due",
            Self::Replies => "replies wait at the brokers",
        }
    }
}

/// Shared by all clients of one publisher, sender or receiver, one after the other.
#[derive(Debug)]
pub(crate) struct Monitor {
    traffic: Traffic,
    /// Lets each delivery report do without the lock.
    reachable: AtomicBool,
    outages: AtomicU64,
    since: Instant,
    /// When a message was confirmed last: milliseconds after `since`, and one.
    delivered: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    health: KafkaHealth,
    known: Known,
    last_failure: Option<Failure>,
    /// The subject of the last warning about unreachable brokers.
    warned_of: &'static str,
    /// When the last line of each kind was logged.
    logged: HashMap<String, Instant>,
}

impl State {
    /// Whether a line of this kind is due, which it then counts as logged.
    fn is_due(&mut self, kind: &str) -> bool {
        let now = Instant::now();
        let last = self.logged.get(kind);
        let due = last.is_none_or(|at| now.saturating_duration_since(*at) >= AT_MOST_EVERY);
        if due {
            self.logged.insert(kind.to_owned(), now);
        }
        due
    }
}

impl Monitor {
    /// Of brokers that are asked first at these addresses (`bootstrap.servers`).
    pub(crate) fn new(bootstrap: &str, traffic: Traffic) -> Self {
        let known = Known { bootstrap: failure::servers(bootstrap), ..Known::default() };
        let state = Mutex::new(State { known, ..State::default() });
        let (reachable, outages) = (AtomicBool::new(false), AtomicU64::new(0));
        let (since, delivered) = (Instant::now(), AtomicU64::new(0));
        Self { traffic, reachable, outages, since, delivered, state }
    }

    /// How often it was seen that no message arrives: all brokers were lost, or messages were not delivered while no other was.
    pub(crate) fn outages(&self) -> u64 {
        self.outages.load(Ordering::Relaxed)
    }

    /// Messages were not delivered, for which the client has tried this long. Where others were, it is their partition or topic
    /// that is out.
    pub(crate) fn undelivered(&self, messages: usize, tried: Duration, reason: &str) {
        let last = self.delivered.load(Ordering::Relaxed);
        let ago = self.elapsed().saturating_sub(last);
        if last == 0 || u128::from(ago) > tried.as_millis() {
            self.outages.fetch_add(1, Ordering::Relaxed);
        }
        self.unsent(messages, reason);
    }

    /// Milliseconds since the monitor was made, and one.
    fn elapsed(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// Messages were not sent.
    pub(crate) fn unsent(&self, messages: usize, reason: &str) {
        if self.is_due("undelivered") {
            tracing::warn!(
                messages,
                reason,
                "messages were not delivered; {}",
                self.traffic.waits()
            );
        }
    }

    pub(crate) fn health(&self) -> KafkaHealth {
        self.lock().health.clone()
    }

    /// A broker has answered. That is no reason to forget why another one does not.
    pub(crate) fn answered(&self) {
        let mut state = self.lock();
        state.known.answered = true;
        let given = state.last_failure.as_ref().is_some_and(Failure::is_of_given_address);
        if !given {
            Self::reached(state);
        }
    }

    /// A broker has confirmed a message, or given one.
    pub(crate) fn delivered(&self) {
        self.delivered.store(self.elapsed(), Ordering::Relaxed);
        if self.reachable.load(Ordering::Relaxed) {
            return;
        }
        let mut state = self.lock();
        state.known.answered = true;
        state.known.delivered = true;
        state.last_failure = None;
        self.reachable.store(true, Ordering::Relaxed);
        Self::reached(state);
    }

    /// Messages are not received for now.
    pub(crate) fn not_received(&self, reason: &str) {
        if self.is_due("not received") {
            tracing::warn!(reason, "messages are not received; {}", self.traffic.waits());
        }
    }

    fn reached(mut state: MutexGuard<'_, State>) {
        let before = std::mem::replace(&mut state.health.broker, BrokerState::Reachable);
        drop(state);
        if matches!(before, BrokerState::Unreachable(_)) {
            tracing::info!("Kafka is reached again");
        }
    }

    /// A connection has failed, or (`AllBrokersDown`) the last one has. librdkafka reports the latter
    /// once: a cause that changes while all are down, such as from no answer to a wrong password,
    /// shows in the reports about single connections alone.
    pub(crate) fn failed(&self, code: Code, reason: &str) {
        let mut state = self.lock();
        let was_down = matches!(state.health.broker, BrokerState::Unreachable(_));
        let are_down = code == Code::AllBrokersDown;
        if are_down {
            self.outages.fetch_add(1, Ordering::Relaxed);
        }
        // The concrete reason stays: that all brokers are down says less.
        let failure = match state.last_failure.take_if(|_| are_down) {
            Some(concrete) => concrete,
            None => Failure::of(code, reason, &state.known),
        };
        let (reason, kind) = (failure.to_string(), failure.kind());
        let is_of_given_address = failure.is_of_given_address();
        state.last_failure = Some(failure);
        if !are_down && !was_down {
            // Where the address of the settings answers, brokers are not all down.
            let warns = is_of_given_address && state.is_due(kind);
            drop(state);
            if warns {
                tracing::warn!(reason, "a Kafka broker is not reached");
            }
            return;
        }
        self.reachable.store(false, Ordering::Relaxed);
        state.health.broker = BrokerState::Unreachable(reason.clone());
        let another = state.warned_of != kind && state.is_due(kind);
        let warns = another || !was_down;
        if warns {
            state.warned_of = kind;
        }
        drop(state);
        if warns {
            tracing::warn!(reason, "no Kafka broker is reached; {}", self.traffic.waits());
        }
    }

    /// Records the state of the topics.
    pub(crate) fn topics(&self, found: TopicsState) {
        let before = std::mem::replace(&mut self.lock().health.topics, found.clone());
        match found {
            TopicsState::Amiss(reason) if before != TopicsState::Amiss(reason.clone()) => {
                tracing::error!(reason, "{} are not as they should be", self.traffic.topics());
            }
            TopicsState::Present if matches!(before, TopicsState::Amiss(_)) => {
                tracing::info!("{} are there now", self.traffic.topics());
            }
            _ => {}
        }
    }

    /// Takes a line of librdkafka's log. Its kinds are few and fixed.
    pub(crate) fn log(&self, level: Level, kind: &str, line: &str) {
        // A broker that expects TLS hangs up, which is no error to librdkafka.
        if kind == "FAIL" && matches!(level, Level::Info | Level::Notice | Level::Warning) {
            self.failed(Code::BrokerTransportFailure, without_thread(line));
        }
        // Properties that are meant for producers are given to consumers, too, and the reverse.
        let is_for_others = kind == "CONFWARN" && line.contains("will be ignored by this");
        // `failed`, `answered` and `delivered` log what matters about connections.
        let is_known = matches!(kind, "FAIL" | "ERROR") || is_for_others;
        let level = if is_known { Level::Debug } else { level };
        match level {
            Level::Debug => tracing::debug!(target: "librdkafka", kind, "{line}"),
            _ if !self.is_due(kind) => tracing::debug!(target: "librdkafka", kind, "{line}"),
            Level::Info | Level::Notice => tracing::info!(target: "librdkafka", kind, "{line}"),
            Level::Warning => tracing::warn!(target: "librdkafka", kind, "{line}"),
            _ => tracing::error!(target: "librdkafka", kind, "{line}"),
        }
    }

    fn is_due(&self, kind: &str) -> bool {
        self.lock().is_due(kind)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line of librdkafka without the `[thrd:NAME]: ` that it begins with.
fn without_thread(line: &str) -> &str {
    match line.strip_prefix("[thrd:").and_then(|rest| rest.split_once("]: ")) {
        Some((_, line)) => line,
        None => line,
    }
}

#[cfg(test)]
mod tests;
