//! What this crate asks of its surroundings, so that tests can hold it still.

use std::fmt;
use std::sync::Arc;

/// The wall clock and randomness.
#[derive(Clone)]
pub struct Ambient {
    /// Milliseconds since 1970, which tell Eureka whose word is newer. Time-outs and pauses do not
    /// depend on it.
    pub now_millis: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// Random bits, which keep instances from trying again all at once.
    pub random: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl fmt::Debug for Ambient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ambient").finish_non_exhaustive()
    }
}
