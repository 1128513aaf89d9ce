//! What a failed connection tells operators: which settings to look at, and librdkafka's words without guesses that cannot
//! be right.

use std::fmt;

use rdkafka::types::RDKafkaErrorCode as Code;

/// The subject of a warning about a failure that no setting causes.
pub(super) const CONNECTION: &str = "connections";
/// The subject of a warning that has no cause yet.
const NO_CAUSE: &str = "all brokers";

/// Begins of what librdkafka guesses after a broker has hung up.
const GUESSES: [&str; 3] = [
    ": requesting ApiVersion: might be",
    ": verify that security.protocol",
    ": connecting to a PLAINTEXT broker listener?",
];

/// Why a broker was not reached.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    /// The settings to look at, if a setting may cause it.
    pub(super) advice: Option<&'static str>,
    /// librdkafka's words.
    reason: String,
    /// Whether it says only that all brokers are down.
    is_vague: bool,
}

/// What is known of the brokers when a connection fails.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// `bootstrap.servers`, each as `host:port`.
    pub(super) bootstrap: Vec<String>,
    /// Whether a broker has answered: then the listeners' security settings are ours.
    pub(super) answered: bool,
    /// Whether an event was confirmed: then the addresses that the brokers give are right.
    pub(super) delivered: bool,
}

impl Failure {
    pub(super) fn of(code: Code, reason: &str, known: &Known) -> Self {
        let hung_up = reason.contains("PLAINTEXT broker listener") || hangs_up_at_once(reason);
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
            _ if hung_up && !known.answered => Some(
                "look at security.protocol, which must be the listener's: a broker hangs up on a \
                 client that speaks another",
            ),
            _ if is_at_given_address(reason, known) => Some(
                "look at advertised.listeners of the brokers: a broker gives this address, and it is \
                 not reached from here",
            ),
            _ => None,
        };
        let reason = if known.answered { without_guess(reason) } else { reason.to_owned() };
        Self { advice, reason, is_vague: code == Code::AllBrokersDown }
    }

    /// What a warning about it is about: one warning a minute for each kind.
    pub(super) fn kind(&self) -> &'static str {
        match self.advice {
            Some(advice) => advice,
            None if self.is_vague => NO_CAUSE,
            None => CONNECTION,
        }
    }

    /// Whether the address that a broker gives was not reached.
    pub(super) fn is_of_given_address(&self) -> bool {
        self.advice.is_some_and(|advice| advice.contains("advertised.listeners"))
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

/// The servers of `bootstrap.servers`, without scheme, with port.
pub(super) fn servers(list: &str) -> Vec<String> {
    let server = |server: &str| {
        let server = server.trim();
        let server = server.split_once("://").map_or(server, |(_, server)| server);
        let has_port = server.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        if has_port { server.to_owned() } else { format!("{server}:9092") }
    };
    list.split(',').map(server).collect()
}

/// Whether a connection has failed to an address that brokers gave, and that no setting of ours names. Once an event
/// was confirmed, brokers that cannot be reached have stopped.
fn is_at_given_address(reason: &str, known: &Known) -> bool {
    let reason = ["ssl://", "sasl_plaintext://", "sasl_ssl://"]
        .iter()
        .find_map(|scheme| reason.strip_prefix(scheme))
        .unwrap_or(reason);
    let Some((broker, what)) = reason.split_once(": ") else { return false };
    // Brokers that have told their number; the others are `HOST:PORT/bootstrap`.
    let Some((address, number)) = broker.rsplit_once('/') else { return false };
    let is_given = number.parse::<u32>().is_ok();
    let fails = ["Connect to", "Failed to resolve", "Connection setup timed out"];
    is_given
        && !known.delivered
        && fails.iter().any(|fail| what.starts_with(fail))
        && !known.bootstrap.iter().any(|server| server == address)
}

/// librdkafka's words without what it guesses of security settings.
fn without_guess(reason: &str) -> String {
    let begin = GUESSES.iter().filter_map(|guess| reason.find(guess)).min();
    let Some((before, guess)) = begin.and_then(|begin| reason.split_at_checked(begin)) else {
        return reason.to_owned();
    };
    let after = guess.rfind(" (after ").and_then(|at| guess.get(at..)).unwrap_or_default();
    format!("{before}{after}")
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

#[cfg(test)]
mod tests;
