//! Two sources of "randomness": one that a test can foresee, and one for ids that must be unique
//! in a database that other test runs use too.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use order_app::ports::Entropy;

/// 1, 2, 3, … in the upper and in the lower half of the bits, because callers use either end.
#[derive(Debug, Default)]
pub struct SequentialEntropy(AtomicU64);

impl Entropy for SequentialEntropy {
    fn bits(&self) -> u128 {
        let number = u128::from(self.0.fetch_add(1, Ordering::Relaxed).saturating_add(1));
        (number << 64) | number
    }
}

/// Really random, from the operating system by way of the standard library's hash maps.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomEntropy;

impl Entropy for RandomEntropy {
    fn bits(&self) -> u128 {
        // RandomState counts up from one random seed; hashing spreads that over all bits.
        let seed = RandomState::new();
        (u128::from(seed.hash_one(0_u8)) << 64) | u128::from(seed.hash_one(1_u8))
    }
}
