//! The whole way of every event under faults, with real processes on each database and a real
//! cluster of three brokers. Orders are brought to DELIVERED while processes are killed or halted and
//! connections cut; then tables and topic are audited. `FULL_SIZE_TESTS=1` takes 100,000 orders on each
//! database. `order-testkit` tests that the audit finds planted faults.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test; and long work shows how far it is"
)]

#[path = "../support/cluster.rs"]
mod cluster;
mod down;
mod faults;
mod fleet;
mod load;
mod poison;
#[path = "../support/mod.rs"]
mod support;
mod verdict;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use order_testkit::databases::Database;

/// A check on one database.
type Check = fn(Database);

const CHECKS: [(&str, Check); 3] = [
    ("faults_cost_no_event_and_no_order", faults::cost_no_event_and_no_order),
    ("brokers_that_are_down_are_not_noticed", down::brokers_are_not_noticed),
    ("a_poisoned_order_among_a_thousand_waits_alone", poison::an_order_waits_alone),
];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Each check causes faults on the one cluster.
    arguments.test_threads = Some(1);
    let trials = Database::ALL.into_iter().flat_map(|database| {
        CHECKS.iter().map(move |(name, check)| {
            Trial::test(format!("{}::{name}", database.name()), move || {
                check(database);
                Ok(())
            })
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// Whether the long form was asked for.
fn is_full_size() -> bool {
    std::env::var_os("FULL_SIZE_TESTS").is_some()
}
