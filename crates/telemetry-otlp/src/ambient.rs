//! What the crate is given instead of reaching for it: the time, random bits, and names.

use std::error::Error;

use chrono::{DateTime, Utc};

/// What the process lends to its telemetry.
#[derive(Debug, Clone, Copy)]
pub struct Ambient {
    /// The time.
    pub now: fn() -> DateTime<Utc>,
    /// Random bits, for the ids of spans.
    pub random: fn() -> u128,
    /// An error with its causes, as one line.
    pub causes: fn(&(dyn Error + 'static)) -> String,
    /// The target of the `tracing` spans that are steps of a trace. They are recorded, and do not
    /// show in log lines.
    pub trace_target: &'static str,
}

/// Whose telemetry it is.
#[derive(Debug, Clone)]
pub struct Service {
    /// The program, such as the name of its crate.
    pub program: &'static str,
    /// The version of the program.
    pub version: &'static str,
    /// The name of the service.
    pub name: String,
    /// Which of its instances.
    pub instance: String,
}

/// Time stands still, and an error's causes are told by a word, for tests.
#[cfg(test)]
pub(crate) const FOR_TESTS: Ambient = Ambient {
    now: || DateTime::UNIX_EPOCH,
    random: || u128::MAX,
    causes: |error| format!("{error} and its causes"),
    trace_target: "traces",
};
