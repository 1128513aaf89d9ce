//! The saga over real Kafka, with real processes. `matrix`: each of the six commands meets each fault, and the saga ends as the
//! design says. `storm`: two services, three participants that misbehave and three brokers, all killed and halted at random;
//! then ledgers, orders and sagas are audited. `away`: no broker is there for longer than an order may wait, and none expires by it.
//! `rights`: the brokers refuse the service its replies. `verdict`: the audit finds what is planted. `FULL_SIZE_TESTS=1` takes
//! 10,000 orders through the storm, and the whole matrix through each database; `SAGA_SEED` repeats the choices of a storm.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test; and long work shows how far it is"
)]

mod away;
mod chaos;
mod clients;
#[path = "../support/cluster.rs"]
mod cluster;
mod dice;
mod fleet;
mod matrix;
mod participants;
mod planted;
mod rights;
mod scene;
mod storm;
#[path = "../support/mod.rs"]
mod support;
mod verdict;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Each loads the machine, and some halt brokers.
    arguments.test_threads = Some(1);
    let trials =
        [planted::trials(), matrix::trials(), away::trials(), rights::trials(), storm::trials()];
    libtest_mimic::run(&arguments, trials.into_iter().flatten().collect()).exit_code()
}

/// A check under a name.
fn trial(name: impl Into<String>, check: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name.into(), move || {
        check();
        Ok(())
    })
}

/// The size of a check: the second one if `FULL_SIZE_TESTS` is set.
fn size<T>(usual: T, full: T) -> T {
    if std::env::var_os("FULL_SIZE_TESTS").is_some() { full } else { usual }
}

/// Waits for a condition; returns whether it came true in time. It looks only forty times a second, because up to fifty
/// threads wait at once, and each look is a request.
fn until(patience: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    while !condition() {
        if begin.elapsed() > patience {
            return false;
        }
        std::thread::park_timeout(Duration::from_millis(25));
    }
    true
}
