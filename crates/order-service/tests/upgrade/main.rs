//! The last release and this build on one database, one after the other and beside each other, under a load of honest clients.
//! `deploy/released` builds the service of the commit in `deploy/last-release`; `deploy/test --lane upgrade` names the program in
//! `RELEASED_SERVICE`, and sets `FULL_SIZE_TESTS`. Without the latter each trial is listed as ignored, because an ordinary run builds
//! no other release.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test; and long work shows how far it is"
)]

#[path = "../support/cluster.rs"]
mod cluster;
mod load;
mod shop;
#[path = "../support/mod.rs"]
mod support;
mod verdict;
mod walk;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use order_testkit::databases::Database;

use crate::shop::Way;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Each loads the machine.
    arguments.test_threads = Some(1);
    let trials = Database::ALL.into_iter().flat_map(|database| {
        [Way::Command, Way::Start].map(|way| {
            let name = format!("{}::no_request_fails_when_{}", database.name(), way.name());
            let trial = Trial::test(name, move || {
                walk::through_the_upgrade(database, way);
                Ok(())
            });
            trial.with_kind("lane upgrade").with_ignored_flag(!is_full_size())
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// Whether the lane runs.
fn is_full_size() -> bool {
    std::env::var_os("FULL_SIZE_TESTS").is_some()
}
