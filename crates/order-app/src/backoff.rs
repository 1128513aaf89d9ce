//! Pauses between attempts: up to twice as long each time, up to a bound, and random within that
//! (full jitter), so that callers who failed together do not try again together.

use std::time::Duration;

use crate::ports::Entropy;

/// How pauses grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The longest pause after the first failure.
    pub first: Duration,
    /// The longest pause ever.
    pub longest: Duration,
}

impl Backoff {
    /// A random pause, given how many failures came before the latest one.
    pub fn pause(&self, before: u32, entropy: &dyn Entropy) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(before));
        let longest = doubled.min(self.longest);
        let part = u32::try_from(entropy.bits() & 0xFFFF).unwrap_or(0);
        longest.saturating_mul(part).checked_div(0x1_0000).unwrap_or(longest)
    }
}
