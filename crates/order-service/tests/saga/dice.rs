//! Choices that a seed decides.

use std::time::{Duration, Instant};

use order_app::ports::Entropy as _;
use order_testkit::SeededEntropy;

/// The source of a sequence of choices.
pub(crate) struct Dice(SeededEntropy);

impl Dice {
    /// The choices of one participant of a run: others of the same run have other numbers.
    pub(crate) const fn new(seed: u64, number: u64) -> Self {
        Self(SeededEntropy::new(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// A number below another one.
    pub(crate) fn below(&self, end: u64) -> u64 {
        let number = self.0.bits() % u128::from(end);
        u64::try_from(number).unwrap()
    }

    /// A time between two others.
    pub(crate) fn between(&self, [least, most]: [Duration; 2]) -> Duration {
        let span = u64::try_from(most.saturating_sub(least).as_millis()).unwrap();
        least + Duration::from_millis(self.below(span + 1))
    }

    /// The same things in another order.
    pub(crate) fn shuffled<T>(&self, mut things: Vec<T>) -> Vec<T> {
        for at in (1..things.len()).rev() {
            let other = self.below(u64::try_from(at + 1).unwrap());
            things.swap(at, usize::try_from(other).unwrap());
        }
        things
    }
}

/// Lets time pass: how long a fault lasts, or until the next one. Nothing is taken to have happened by then.
pub(crate) fn pass(time: Duration) {
    let begin = Instant::now();
    while let Some(left) = time.checked_sub(begin.elapsed()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}
