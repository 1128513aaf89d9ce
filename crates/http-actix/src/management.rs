//! What the management port serves. It is a server of its own for operators, behind the same edge as
//! the main one, with the actuator of the main port, and with the operations that change something,
//! which the main port has not. The port's address decides which machines can reach it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use order_app::operations::Operations;
use order_app::sagas::Sagas;

/// What the management port serves beside the actuator.
#[derive(Clone, Default)]
pub struct Management {
    /// Reads the settings again; without it, its route answers 404.
    pub refresh: Option<Arc<dyn Refresh>>,
    /// The operations on events; without them, their routes answer 404.
    pub operations: Option<Operations>,
    /// What operators do about sagas; without them, their routes answer 404.
    pub sagas: Option<Sagas>,
    /// The levels of the log; without them, their routes answer 404.
    pub loggers: Option<Arc<dyn Loggers>>,
    /// The metrics one by one; without them, their routes answer 404.
    pub metrics: Option<Arc<dyn Meters>>,
}

/// The levels of the log. Levels are written as in Spring (`DEBUG`), in upper case.
pub trait Loggers: Send + Sync {
    /// All loggers, the root first.
    fn all(&self) -> Vec<Logger>;
    /// Changes a level while the process runs; `None` gives the logger the level of the one around it.
    /// Returns whether there is such a level.
    fn change(&self, name: &str, level: Option<&str>) -> bool;
}

/// A logger and its level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logger {
    /// Its name; `ROOT` for all others.
    pub name: String,
    /// The level that is set for it.
    pub configured: Option<String>,
    /// The level that applies to it.
    pub effective: String,
}

/// The metrics at this moment.
pub trait Meters: Send + Sync {
    /// All metrics.
    fn all(&self) -> Vec<Meter>;
}

/// A metric with all its series.
#[derive(Debug, Clone, PartialEq)]
pub struct Meter {
    /// Its name.
    pub name: String,
    /// What it says.
    pub about: String,
    /// Its series, one for each set of tags.
    pub series: Vec<Series>,
}

/// The value of a metric for one set of tags.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The tags, by their names.
    pub tags: BTreeMap<String, String>,
    /// The value.
    pub value: Measured,
}

/// A value, by the kind of its metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measured {
    /// It only grows.
    Counter(f64),
    /// It goes up and down.
    Gauge(f64),
    /// Samples.
    Samples {
        /// How many there were.
        count: f64,
        /// What they come to.
        total: f64,
        /// The largest one of late.
        max: f64,
    },
}

/// Reads the settings again while the process runs.
///
/// Laws:
/// * A refresh changes everything that it can, or nothing.
/// * One that is refused has changed nothing.
/// * A caller that goes away does not leave it half done.
#[async_trait]
pub trait Refresh: Send + Sync {
    /// Applies what has changed and can be applied.
    async fn refresh(&self) -> Result<Refreshed, RefreshRefused>;
}

/// What a refresh came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refreshed {
    /// The keys whose values differ from those before it, sorted; applied or not.
    pub changed: Vec<String>,
    /// The keys whose values wait for a restart, since this refresh or an earlier one, sorted.
    pub needs_restart: Vec<String>,
    /// The optional sources of settings that did not answer: what they gave before still applies. Each
    /// entry says why, without secrets.
    pub not_answered: Vec<String>,
}

/// Why a refresh has changed nothing.
#[derive(Debug)]
pub enum RefreshRefused {
    /// Another one is running.
    Running,
    /// The new settings are wrong: an entry for each, without secrets.
    Invalid(Vec<String>),
    /// A required source of settings does not answer. The cause is for the log.
    Unavailable(Box<dyn std::error::Error + Send + Sync>),
}
