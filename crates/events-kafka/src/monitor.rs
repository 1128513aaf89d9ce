//! What is known of the brokers and topics, for health, and what of it is worth a line in the log:
//! a change once, the rest of what librdkafka says at most once a minute for each kind.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel as Level;
use rdkafka::types::RDKafkaErrorCode as Code;

const SAME_AGAIN: Duration = Duration::from_mins(1);

/// How Kafka does, as seen from here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KafkaHealth {
    /// The brokers.
    pub broker: BrokerState,
    /// The topics, as far as `KafkaPublisher::check_topics` has come.
    pub topics: TopicsState,
}

/// Whether brokers are reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum BrokerState {
    /// Nothing has been tried yet.
    #[default]
    Unknown,
    /// The last that was heard of them was good.
    Reachable,
    /// None is reached; the reason is for operators.
    Unreachable(String),
}

/// Whether the topics are there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TopicsState {
    /// No broker has said yet.
    #[default]
    Unknown,
    /// All of them are.
    Present,
    /// Something is amiss; the reason is for operators.
    Amiss(String),
}

/// Shared by all clients of one publisher, however often they are replaced.
#[derive(Debug, Default)]
pub(crate) struct Monitor {
    /// Spares each delivery report the lock.
    reachable: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    health: KafkaHealth,
    last_failure: String,
    said: HashMap<String, Instant>,
}

impl Monitor {
    pub(crate) fn health(&self) -> KafkaHealth {
        self.lock().health.clone()
    }

    /// A broker has answered.
    pub(crate) fn reached(&self) {
        if self.reachable.swap(true, Ordering::Relaxed) {
            return;
        }
        let before = std::mem::replace(&mut self.lock().health.broker, BrokerState::Reachable);
        if matches!(before, BrokerState::Unreachable(_)) {
            tracing::info!("Kafka is reached again");
        }
    }

    /// librdkafka says that something is wrong with a connection, or with all of them.
    pub(crate) fn failed(&self, code: Code, reason: &str) {
        let mut state = self.lock();
        if code != Code::AllBrokersDown {
            reason.clone_into(&mut state.last_failure);
            return;
        }
        let reason = match state.last_failure.as_str() {
            "" => reason.to_owned(),
            known => known.to_owned(),
        };
        self.reachable.store(false, Ordering::Relaxed);
        let news = !matches!(state.health.broker, BrokerState::Unreachable(_));
        state.health.broker = BrokerState::Unreachable(reason.clone());
        drop(state);
        if news {
            tracing::warn!(reason, "no Kafka broker is reached; events wait in the outbox");
        }
    }

    /// What was found out about the topics.
    pub(crate) fn topics(&self, found: TopicsState) {
        let before = std::mem::replace(&mut self.lock().health.topics, found.clone());
        match found {
            TopicsState::Amiss(reason) if before != TopicsState::Amiss(reason.clone()) => {
                tracing::error!(reason, "the topics for events are not as they should be");
            }
            TopicsState::Present if matches!(before, TopicsState::Amiss(_)) => {
                tracing::info!("the topics for events are there now");
            }
            _ => {}
        }
    }

    /// A line of librdkafka's own log. Its kinds are few and fixed.
    pub(crate) fn log(&self, level: Level, kind: &str, line: &str) {
        // Failing connections: `failed` and `reached` tell what matters of them.
        let level = if matches!(kind, "FAIL" | "ERROR") { Level::Debug } else { level };
        match level {
            Level::Debug => tracing::debug!(target: "librdkafka", kind, "{line}"),
            _ if !self.is_news(kind) => tracing::debug!(target: "librdkafka", kind, "{line}"),
            Level::Info | Level::Notice => tracing::info!(target: "librdkafka", kind, "{line}"),
            Level::Warning => tracing::warn!(target: "librdkafka", kind, "{line}"),
            _ => tracing::error!(target: "librdkafka", kind, "{line}"),
        }
    }

    fn is_news(&self, kind: &str) -> bool {
        let now = Instant::now();
        let mut state = self.lock();
        let last = state.said.get(kind);
        let news = last.is_none_or(|at| now.saturating_duration_since(*at) >= SAME_AGAIN);
        if news {
            state.said.insert(kind.to_owned(), now);
        }
        news
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_are_unreachable_when_all_of_them_are_and_until_one_answers() {
        let monitor = Monitor::default();
        assert_eq!(monitor.health().broker, BrokerState::Unknown);
        monitor.failed(Code::BrokerTransportFailure, "a:1: Connection refused");
        assert_eq!(monitor.health().broker, BrokerState::Unknown);
        monitor.failed(Code::AllBrokersDown, "1/1 brokers are down");
        let refused = BrokerState::Unreachable("a:1: Connection refused".to_owned());
        assert_eq!(monitor.health().broker, refused);
        monitor.reached();
        assert_eq!(monitor.health().broker, BrokerState::Reachable);
        monitor.failed(Code::AllBrokersDown, "1/1 brokers are down");
        assert_eq!(monitor.health().broker, refused);
    }

    #[test]
    fn one_kind_of_line_is_news_once_a_minute() {
        let monitor = Monitor::default();
        assert!(monitor.is_news("FATAL"));
        assert!(!monitor.is_news("FATAL"));
        assert!(monitor.is_news("CONFWARN"));
    }
}
