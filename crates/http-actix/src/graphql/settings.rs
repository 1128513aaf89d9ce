//! What a GraphQL document may ask for, and what the schema shows of itself.

use std::time::Duration;

use super::documents::Documents;
use super::guard::Limits;

/// How GraphQL is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphqlSettings {
    /// What one document may ask for.
    pub limits: Limits,
    /// The most bytes of a document.
    pub max_document: usize,
    /// The most values in lists of one answer; see [`GraphqlSettings::DEFAULT_VALUES`].
    pub max_values: usize,
    /// Which documents are taken.
    pub documents: Documents,
    /// After how long a silent stream sends a sign of life.
    pub keep_alive: Duration,
    /// What a `WebSocket` waits for.
    pub socket: SocketSettings,
    /// Whether documents may ask for the schema.
    pub introspection: bool,
    /// Whether the schema has what a gateway needs to join it with others. It tells the whole schema, also without
    /// introspection.
    pub federation: bool,
    /// Whether the schema is served as text, too.
    pub printer: bool,
}

/// What a `WebSocket` waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketSettings {
    /// How long a client may take for its first message.
    pub init_timeout: Duration,
    /// How often it is asked for a sign of life; one that gives none until the next time is gone.
    pub keep_alive: Duration,
}

impl GraphqlSettings {
    /// Values of list entries by default: a hundred orders of ten lines with every field.
    pub const DEFAULT_VALUES: usize = 20_000;
}

impl Default for GraphqlSettings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            max_document: 64 << 10,
            max_values: Self::DEFAULT_VALUES,
            documents: Documents::Any,
            keep_alive: Duration::from_secs(15),
            socket: SocketSettings::default(),
            introspection: true,
            federation: false,
            printer: false,
        }
    }
}

impl Default for SocketSettings {
    fn default() -> Self {
        Self { init_timeout: Duration::from_secs(3), keep_alive: Duration::from_secs(15) }
    }
}
