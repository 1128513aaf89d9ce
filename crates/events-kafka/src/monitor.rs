//! The health of brokers and topics, and what of it is logged: each change once, and every other
//! line of librdkafka at most once a minute for each kind.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel as Level;
use rdkafka::types::RDKafkaErrorCode as Code;

/// The subject of a warning about a failure that no setting causes.
const CONNECTION: &str = "connections";
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

/// Shared by all clients of one publisher, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Monitor {
    /// Lets each delivery report do without the lock.
    reachable: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    health: KafkaHealth,
    last_failure: Option<Failure>,
    /// The subject of the last warning about unreachable brokers.
    warned_of: &'static str,
    /// When the last line of each kind was logged.
    logged: HashMap<String, Instant>,
}

/// Why a broker was not reached.
#[derive(Debug, Clone)]
struct Failure {
    /// The settings to look at, if a setting may cause it.
    advice: Option<&'static str>,
    reason: String,
}

impl Failure {
    fn of(code: Code, reason: &str) -> Self {
        let advice = match code {
            Code::Authentication => Some(
                "look at sasl.mechanism, and at user and password in sasl.jaas.config (or \
                 sasl.username and sasl.password)",
            ),
            _ if is_about_our_certificate(reason) => Some(
                "look at the client's certificate in ssl.keystore.location (or \
                 ssl.certificate.location): the brokers do not take it, or want one",
            ),
            Code::SSL => Some(
                "look at security.protocol, and at the certificates in ssl.truststore.location (or \
                 ssl.ca.location), which must be of the authority that signed the brokers' own",
            ),
            // The first is librdkafka's own suspicion.
            _ if reason.contains("PLAINTEXT broker listener") || hangs_up_at_once(reason) => Some(
                "look at security.protocol, which must be the listener's: a broker hangs up on a \
                 client that speaks another",
            ),
            _ => None,
        };
        Self { advice, reason: reason.to_owned() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.advice {
            Some(advice) => write!(f, "{advice}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
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
    pub(crate) fn health(&self) -> KafkaHealth {
        self.lock().health.clone()
    }

    /// A broker has answered.
    pub(crate) fn reached(&self) {
        if self.reachable.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut state = self.lock();
        state.last_failure = None;
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
        let failure = match state.last_failure.take_if(|_| are_down) {
            Some(known) => known,
            None => Failure::of(code, reason),
        };
        let reason = failure.to_string();
        let kind = failure.advice.unwrap_or(CONNECTION);
        state.last_failure = Some(failure);
        if !are_down && !was_down {
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
            tracing::warn!(reason, "no Kafka broker is reached; events wait in the outbox");
        }
    }

    /// Records the state of the topics.
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

    /// Takes a line of librdkafka's log. Its kinds are few and fixed.
    pub(crate) fn log(&self, level: Level, kind: &str, line: &str) {
        // A broker that expects TLS hangs up, which is no error to librdkafka.
        if kind == "FAIL" && matches!(level, Level::Info | Level::Notice | Level::Warning) {
            self.failed(Code::BrokerTransportFailure, without_thread(line));
        }
        // `failed` and `reached` log what matters about connections.
        let level = if matches!(kind, "FAIL" | "ERROR") { Level::Debug } else { level };
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

/// Whether a broker has refused the client's certificate, or the lack of one. With TLS 1.3 it does so
/// when the client already takes the connection to stand, so librdkafka reports no error of TLS.
fn is_about_our_certificate(reason: &str) -> bool {
    reason.contains("SSL alert number")
        && ["bad certificate", "certificate", "unsupported certificate", "unknown ca"]
            .iter()
            .any(|alert| reason.contains(&format!("alert {alert}")))
}

/// Whether a broker has closed a connection at the first request, as one does that expects TLS, or at
/// the next one, as one does that expects a password.
fn hangs_up_at_once(reason: &str) -> bool {
    let Some((what, when)) = reason.rsplit_once(" (after ") else { return false };
    let is_soon = when.split_once("ms in state ").is_some_and(|(millis, state)| {
        let millis: u32 = millis.parse().unwrap_or(u32::MAX);
        state.starts_with("APIVERSION_QUERY") || (state.starts_with("UP") && millis < 2000)
    });
    is_soon && ["Disconnected", "reset by peer"].iter().any(|end| what.contains(end))
}

/// A line of librdkafka without the `[thrd:NAME]: ` that it begins with.
fn without_thread(line: &str) -> &str {
    match line.strip_prefix("[thrd:").and_then(|rest| rest.split_once("]: ")) {
        Some((_, line)) => line,
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_are_unreachable_from_the_loss_of_the_last_one_until_one_answers() {
        let monitor = Monitor::default();
        assert_eq!(monitor.health().broker, BrokerState::Unknown);
        monitor.failed(Code::BrokerTransportFailure, "a:1: Connection refused");
        assert_eq!(monitor.health().broker, BrokerState::Unknown);
        monitor.failed(Code::AllBrokersDown, "1/1 brokers are down");
        let refused = BrokerState::Unreachable("a:1: Connection refused".to_owned());
        assert_eq!(monitor.health().broker, refused);
        monitor.reached();
        assert_eq!(monitor.health().broker, BrokerState::Reachable);
        monitor.failed(Code::BrokerTransportFailure, "a:1: Connection refused");
        monitor.failed(Code::AllBrokersDown, "1/1 brokers are down");
        assert_eq!(monitor.health().broker, refused);
    }

    #[test]
    fn a_new_cause_is_logged_while_brokers_are_unreachable_and_names_the_settings() {
        let monitor = Monitor::default();
        let warned_of = || monitor.lock().warned_of;
        let why = || match monitor.health().broker {
            BrokerState::Unreachable(why) => why,
            state => panic!("{state:?}"),
        };
        monitor.failed(Code::BrokerTransportFailure, "a:1: Connection refused");
        monitor.failed(Code::AllBrokersDown, "1/1 brokers are down");
        assert_eq!((why().as_str(), warned_of()), ("a:1: Connection refused", CONNECTION));
        monitor.failed(Code::Authentication, "a:1: invalid credentials");
        assert!(why().contains("sasl.jaas.config") && why().ends_with("invalid credentials"));
        assert!(warned_of().contains("sasl.jaas.config"));
        // Not again each time that brokers report different causes in turn.
        monitor.failed(Code::BrokerTransportFailure, "b:1: Connection refused");
        monitor.failed(Code::SSL, "a:1: certificate verify failed");
        assert!(
            why().contains("ssl.truststore.location") && warned_of().contains("ssl.truststore")
        );
        monitor.failed(Code::Authentication, "a:1: invalid credentials");
        assert!(warned_of().contains("ssl.truststore"));
        let hung_up = "a:1: Disconnected: closed by peer (after 2ms in state APIVERSION_QUERY)";
        monitor.failed(Code::BrokerTransportFailure, hung_up);
        assert!(why().starts_with("look at security.protocol"), "{}", why());
        monitor.reached();
        monitor.failed(Code::AllBrokersDown, "1/1 brokers are down");
        assert_eq!(why(), "1/1 brokers are down", "the earlier cause is forgotten");
    }

    #[test]
    fn a_refusal_of_our_certificate_differs_from_our_refusal_of_the_brokers() {
        let alert =
            |what| format!("a:1: Receive failed: error:0A: SSL routines::{what}: SSL alert");
        for (what, is_ours) in [
            ("sslv3 alert bad certificate", true),
            ("sslv3 alert certificate unknown", true),
            ("tlsv1 alert unknown ca", true),
            ("tlsv13 alert certificate required", true),
            ("sslv3 alert unsupported certificate", true),
            ("tlsv1 alert protocol version", false),
        ] {
            assert_eq!(is_about_our_certificate(&format!("{} number 1", alert(what))), is_ours);
        }
        // Our refusal of the broker's.
        let verify = "a:1: SSL handshake failed: certificate verify failed, alert unknown ca";
        assert!(!is_about_our_certificate(verify));
    }

    #[test]
    fn a_connection_that_lasted_had_the_right_protocol() {
        for reason in [
            "a:1: Disconnected: closed by peer (after 51234ms in state UP)",
            "a:1: Connect to 127.0.0.1:1 failed: Connection refused (after 1ms in state CONNECT)",
            "a:1: ApiVersionRequest failed: Timed out (after 5000ms in state APIVERSION_QUERY)",
            "1/1 brokers are down",
        ] {
            assert!(!hangs_up_at_once(reason), "{reason}");
        }
    }

    #[test]
    fn a_broker_that_hangs_up_shows_in_the_log_of_librdkafka_alone() {
        let monitor = Monitor::default();
        let line =
            "[thrd:a:1/bootstrap]: a:1/bootstrap: Disconnected: by peer (after 3ms in state UP)";
        monitor.log(Level::Info, "FAIL", line);
        assert_eq!(monitor.health().broker, BrokerState::Unknown);
        monitor.failed(Code::AllBrokersDown, "1/1 brokers are down");
        let BrokerState::Unreachable(why) = monitor.health().broker else { panic!("unreachable") };
        assert!(why.starts_with("look at security.protocol"), "{why}");
        assert!(
            why.ends_with(": a:1/bootstrap: Disconnected: by peer (after 3ms in state UP)"),
            "{why}"
        );
    }

    #[test]
    fn a_line_of_one_kind_is_logged_once_a_minute() {
        let monitor = Monitor::default();
        assert!(monitor.is_due("FATAL"));
        assert!(!monitor.is_due("FATAL"));
        assert!(monitor.is_due("CONFWARN"));
    }
}
