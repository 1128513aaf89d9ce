//! The time, randomness and the name of the machine. Other crates have the first two injected.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use order_app::ports::{Clock, Entropy};
use uuid::Uuid;

/// The clock of the machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the Clock port")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// The randomness of the operating system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OsEntropy;

impl Entropy for OsEntropy {
    #[expect(clippy::disallowed_methods, reason = "this is the Entropy port")]
    fn bits(&self) -> u128 {
        // A UUID of version 4 has 122 random bits. The bits that are fixed in the one are random in
        // the other, whose halves are swapped.
        let (a, b) = (Uuid::new_v4().as_u128(), Uuid::new_v4().as_u128());
        a ^ b.rotate_left(64)
    }
}

/// [`SystemClock`] as the port.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// [`OsEntropy`] as the port.
pub(crate) fn entropy() -> Arc<dyn Entropy> {
    Arc::new(OsEntropy)
}

/// The name of this machine, as in Eureka's ids.
pub(crate) fn machine_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_of_the_entropy_changes() {
        let (mut ones, mut zeros) = (0, 0);
        for _ in 0..200 {
            let bits = OsEntropy.bits();
            ones |= bits;
            zeros |= !bits;
        }
        assert_eq!((ones, zeros), (u128::MAX, u128::MAX));
    }
}
