//! The management port: a server of its own for operators, behind the same edge as the main one.
//! It serves the actuator, which the main port has as well, and the operations that change
//! something, which exist here alone. What an operation does is decided behind the traits and use
//! cases that it is given; who may reach the port is a matter of its address.

use std::sync::Arc;

use async_trait::async_trait;
use order_app::operations::Operations;

/// What the management port serves beside the actuator.
#[derive(Clone, Default)]
pub struct Management {
    /// Reads the settings again; without it there is no such operation.
    pub refresh: Option<Arc<dyn Refresh>>,
    /// What may be done about events.
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
    /// Where settings come from that could be done without and did not answer: what they gave before
    /// still applies. Each entry says why, without secrets.
    pub not_answered: Vec<String>,
}

/// Why a refresh has changed nothing.
#[derive(Debug)]
pub enum RefreshRefused {
    /// Another one is running.
    Running,
    /// The new settings are wrong: each entry says of one what, without secrets.
    Invalid(Vec<String>),
    /// Where settings come from does not answer. The cause is for the log.
    Unavailable(Box<dyn std::error::Error + Send + Sync>),
}
