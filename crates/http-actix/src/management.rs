//! What the management port serves. It is a server of its own for operators, behind the same edge as
//! the main one, with the actuator of the main port, and with the operations that change something,
//! which the main port has not. The port's address decides which machines can reach it.

use std::sync::Arc;

use async_trait::async_trait;
use order_app::operations::Operations;

/// What the management port serves beside the actuator.
#[derive(Clone, Default)]
pub struct Management {
    /// Reads the settings again; without it, its route answers 404.
    pub refresh: Option<Arc<dyn Refresh>>,
    /// The operations on events; without them, their routes answer 404.
    pub operations: Option<Operations>,
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
