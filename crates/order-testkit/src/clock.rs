//! A clock that stands still until a test moves it.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use order_app::ports::Clock;

use crate::examples::noon;

/// A clock at the time that was set last; at first, noon of the examples.
#[derive(Debug)]
pub struct FixedClock(Mutex<DateTime<Utc>>);

impl FixedClock {
    /// Starts at a time.
    #[must_use]
    pub const fn at(now: DateTime<Utc>) -> Self {
        Self(Mutex::new(now))
    }

    /// Jumps to a time, also back.
    pub fn set(&self, now: DateTime<Utc>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Moves on, or back when `by` is negative.
    pub fn advance(&self, by: TimeDelta) {
        let then = self.now().checked_add_signed(by);
        self.set(then.expect("the clock stays inside the calendar"));
    }
}

impl Default for FixedClock {
    fn default() -> Self {
        Self::at(noon())
    }
}

impl Clock for FixedClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
