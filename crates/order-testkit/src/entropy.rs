//! Sources of random bits: one that counts, one that a seed decides, and a random one for ids that must
//! be unique in a database that other test runs use, too.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use order_app::ports::Entropy;

/// 1, 2, 3, … in the upper and in the lower half of the bits: callers use either half.
#[derive(Debug, Default)]
pub struct SequentialEntropy(AtomicU64);

impl Entropy for SequentialEntropy {
    fn bits(&self) -> u128 {
        let number = u128::from(self.0.fetch_add(1, Ordering::Relaxed).saturating_add(1));
        (number << 64) | number
    }
}

/// Well mixed bits that a seed decides (`SplitMix64`).
#[derive(Debug)]
pub struct SeededEntropy(AtomicU64);

impl SeededEntropy {
    /// Starts with a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    fn next(&self) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut bits = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }
}

impl Entropy for SeededEntropy {
    fn bits(&self) -> u128 {
        (u128::from(self.next()) << 64) | u128::from(self.next())
    }
}

/// Random bits of the operating system, through the standard library's hash maps.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomEntropy;

impl Entropy for RandomEntropy {
    fn bits(&self) -> u128 {
        // RandomState counts up from one random seed; hashing spreads that over all bits.
        let seed = RandomState::new();
        (u128::from(seed.hash_one(0_u8)) << 64) | u128::from(seed.hash_one(1_u8))
    }
}
