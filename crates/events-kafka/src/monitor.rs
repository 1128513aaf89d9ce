//! What is known of the brokers and topics, for health, and what of it is worth a line in the log:
//! a change once, the rest of what librdkafka says at most once a minute for each kind.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel as Level;
use rdkafka::types::RDKafkaErrorCode as Code;

/// What a failure is about that is about no setting.
const CONNECTION: &str = "connections";
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
    last_failure: Option<Failure>,
    /// What the last line about unreachable brokers was about.
    told: &'static str,
    said: HashMap<String, Instant>,
}

/// Why a broker was not reached.
#[derive(Debug, Clone)]
struct Failure {
    /// The settings to look at, where it is about settings.
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
                 ssl.ca.location), which must be of who signed the brokers' own",
            ),
            // librdkafka's suspicion, in its words.
            _ if reason.contains("PLAINTEXT broker listener") || hangs_up_at_once(reason) => Some(
                "look at security.protocol, which must be the listener's: a broker hangs up on \
                 whoever speaks another",
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
    fn is_news(&mut self, kind: &str) -> bool {
        let now = Instant::now();
        let last = self.said.get(kind);
        let news = last.is_none_or(|at| now.saturating_duration_since(*at) >= SAME_AGAIN);
        if news {
            self.said.insert(kind.to_owned(), now);
        }
        news
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

    /// librdkafka says that something is wrong with a connection, or with all of them. The latter
    /// it says once: when the cause changes while all are down, such as from no answer to a wrong
    /// password, only the connections tell.
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
        let another = state.told != kind && state.is_news(kind);
        let news = another || !was_down;
        state.told = if news { kind } else { state.told };
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
        // A broker that hangs up, as one does that expects TLS, is no error to librdkafka.
        if kind == "FAIL" && matches!(level, Level::Info | Level::Notice | Level::Warning) {
            self.failed(Code::BrokerTransportFailure, without_thread(line));
        }
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
        self.lock().is_news(kind)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a broker has refused the client's certificate, or that it has none. With TLS 1.3 it says so
/// when the client takes the connection to stand, so that it is no error of TLS to librdkafka.
fn is_about_our_certificate(reason: &str) -> bool {
    reason.contains("SSL alert number")
        && ["bad certificate", "certificate", "unsupported certificate", "unknown ca"]
            .iter()
            .any(|alert| reason.contains(&format!("alert {alert}")))
}

/// Whether a broker has closed a connection on the first question, as one does that expects TLS, or on
/// the next one, as one does that expects a password.
fn hangs_up_at_once(reason: &str) -> bool {
    let Some((what, when)) = reason.rsplit_once(" (after ") else { return false };
    let is_soon = when.split_once("ms in state ").is_some_and(|(millis, state)| {
        let millis: u32 = millis.parse().unwrap_or(u32::MAX);
        state.starts_with("APIVERSION_QUERY") || (state.starts_with("UP") && millis < 2000)
    });
    is_soon && ["Disconnected", "reset by peer"].iter().any(|end| what.contains(end))
}

/// librdkafka begins its lines with `[thrd:NAME]: `.
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
        monitor.failed(Code::BrokerTransportFailure, "a:1: Connection refused");
        monitor.failed(Code::AllBrokersDown, "1/1 brokers are down");
        assert_eq!(monitor.health().broker, refused);
    }

    #[test]
    fn a_new_cause_is_told_while_brokers_are_unreachable_and_names_the_settings() {
        let monitor = Monitor::default();
        let told = || monitor.lock().told;
        let why = || match monitor.health().broker {
            BrokerState::Unreachable(why) => why,
            state => panic!("{state:?}"),
        };
        monitor.failed(Code::BrokerTransportFailure, "a:1: Connection refused");
        monitor.failed(Code::AllBrokersDown, "1/1 brokers are down");
        assert_eq!((why().as_str(), told()), ("a:1: Connection refused", CONNECTION));
        monitor.failed(Code::Authentication, "a:1: invalid credentials");
        assert!(why().contains("sasl.jaas.config") && why().ends_with("invalid credentials"));
        assert!(told().contains("sasl.jaas.config"));
        // Not each time that another broker says the other thing.
        monitor.failed(Code::BrokerTransportFailure, "b:1: Connection refused");
        monitor.failed(Code::SSL, "a:1: certificate verify failed");
        assert!(why().contains("ssl.truststore.location") && told().contains("ssl.truststore"));
        monitor.failed(Code::Authentication, "a:1: invalid credentials");
        assert!(told().contains("ssl.truststore"));
        let hung_up = "a:1: Disconnected: closed by peer (after 2ms in state APIVERSION_QUERY)";
        monitor.failed(Code::BrokerTransportFailure, hung_up);
        assert!(why().starts_with("look at security.protocol"), "{}", why());
        monitor.reached();
        monitor.failed(Code::AllBrokersDown, "1/1 brokers are down");
        assert_eq!(why(), "1/1 brokers are down", "what was before is over");
    }

    #[test]
    fn what_a_broker_says_of_our_certificate_is_told_from_what_we_say_of_its() {
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
        // What we say of theirs.
        let verify = "a:1: SSL handshake failed: certificate verify failed, alert unknown ca";
        assert!(!is_about_our_certificate(verify));
    }

    #[test]
    fn a_connection_that_lasted_was_of_the_right_kind() {
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
    fn a_broker_that_hangs_up_is_heard_of_by_the_log_alone() {
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
    fn one_kind_of_line_is_news_once_a_minute() {
        let monitor = Monitor::default();
        assert!(monitor.is_news("FATAL"));
        assert!(!monitor.is_news("FATAL"));
        assert!(monitor.is_news("CONFWARN"));
    }
}
