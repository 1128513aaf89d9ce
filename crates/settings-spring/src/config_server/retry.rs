//! How often a config server is asked again, and the pauses in between.

use std::time::Duration;

use crate::values::{self, Read};

/// How often to ask, and the pauses in between.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Retry {
    /// All attempts, the first included.
    pub(super) attempts: u32,
    /// The pause after the first attempt.
    pub(super) first_pause: Duration,
    /// How many times as long each further pause is.
    pub(super) multiplier: f64,
    /// The longest pause.
    pub(super) longest_pause: Duration,
}

impl Retry {
    /// The pause after an attempt, the first of which is 1; `None` after the last.
    pub(super) fn pause(&self, attempt: u32) -> Option<Duration> {
        let grown = |times: u32| {
            let factor = self.multiplier.powi(i32::try_from(times).unwrap_or(i32::MAX));
            // What overflows is longer than the longest pause.
            let pause = Duration::try_from_secs_f64(self.first_pause.as_secs_f64() * factor);
            pause.unwrap_or(Duration::MAX).min(self.longest_pause)
        };
        (attempt < self.attempts).then(|| grown(attempt.saturating_sub(1)))
    }
}

/// How often to ask.
pub(super) fn attempts(text: &str) -> Read<u32> {
    values::number(text, 1..=1_000)
}

/// A pause between two attempts.
pub(super) fn pause(text: &str) -> Read<Duration> {
    values::duration(text, Duration::from_millis(1)..=Duration::from_hours(1))
}

/// How many times as long each further pause is.
pub(super) fn multiplier(text: &str) -> Read<f64> {
    values::number(text, 1.0..=10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_as_springs_do() {
        let retry = Retry {
            attempts: 6,
            first_pause: Duration::from_secs(1),
            multiplier: 1.1,
            longest_pause: Duration::from_millis(1_400),
        };
        let pauses: Vec<_> = (1..=6).map(|n| retry.pause(n).map(|p| p.as_millis())).collect();
        assert_eq!(pauses, [Some(1_000), Some(1_100), Some(1_210), Some(1_331), Some(1_400), None]);
        assert_eq!(
            Retry { attempts: u32::MAX, ..retry }.pause(u32::MAX - 1),
            Some(retry.longest_pause)
        );
    }
}
