//! Pauses between attempts. Each is twice as long as the one before, up to a limit, and shorter by a
//! random part of up to one half, so that instances which failed together do not return together.

use std::time::Duration;

use crate::ambient::Random;

/// The longest first pause.
const FIRST: Duration = Duration::from_secs(1);

/// The pauses after failures in a row.
pub(crate) struct Backoff {
    random: Random,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(random: Random, longest: Duration) -> Self {
        Self { random, longest, failures: 0 }
    }

    /// Starts again with the shortest pause.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// The pause after one more failure.
    pub(crate) fn pause(&mut self) -> Duration {
        let doubled = FIRST.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        let half = doubled.min(self.longest).mul_f64(0.5);
        let part = u16::try_from((self.random)() & 0xFFFF).unwrap_or(0);
        half.saturating_add(half.mul_f64(f64::from(part) / 65_536.0))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn backoff(random: u64) -> Backoff {
        Backoff::new(Arc::new(move || random), Duration::from_secs(30))
    }

    #[test]
    fn pauses_double_up_to_the_limit_and_start_anew_after_a_success() {
        let mut backoff = backoff(u64::MAX);
        let seconds = |pause: Duration| pause.as_secs_f64().round();
        let pauses: Vec<_> = (0..8).map(|_| seconds(backoff.pause())).collect();
        assert_eq!(pauses, [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]);
        backoff.reset();
        assert!(backoff.pause() <= FIRST);
    }

    #[test]
    fn chance_takes_away_up_to_one_half() {
        assert_eq!(backoff(0).pause(), FIRST / 2);
        assert!(backoff(0x8000).pause() > FIRST / 2);
        assert!(backoff(0x8000).pause() < FIRST);
    }
}
