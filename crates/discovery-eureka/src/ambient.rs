//! The clock and the randomness that this crate is given, so that tests can hold both still.

use std::fmt;
use std::sync::Arc;

/// A source of random bits. They spread retries, so that instances which failed together do not
/// return together.
pub type Random = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The wall clock and randomness.
#[derive(Clone)]
pub struct Ambient {
    /// Milliseconds since 1970: of two registrations, Eureka believes the newer one. Time-outs and
    /// pauses do not depend on it.
    pub now_millis: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// Random bits.
    pub random: Random,
}

impl fmt::Debug for Ambient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ambient").finish_non_exhaustive()
    }
}
