//! Faults seen from outside: the service is killed under load, its database is stopped under load or
//! down at the start, and an orderly stop under load. `FULL_SIZE_TESTS=1` runs the long form.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test; that is its job"
)]

mod hang;
mod kill;
mod load;
mod stop;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use order_testkit::databases::Database;

const OVER_TLS: &str = "nothing_answered_is_lost_over_tls_when_the_service_is_killed";

/// A check on one database.
type Check = fn(Database);

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Each check loads the machine, and some stop a whole server.
    arguments.test_threads = Some(1);
    let checks: &[(&str, Check)] = &[
        ("nothing_answered_is_lost_when_the_service_is_killed", kill::nothing_answered_is_lost),
        (OVER_TLS, kill::nothing_answered_is_lost_over_tls),
        ("a_stop_under_load_loses_no_request", stop::a_stop_under_load_loses_no_request),
        ("a_database_that_hangs_is_survived", hang::a_database_that_hangs_is_survived),
        (
            "a_database_that_is_slow_gets_what_was_begun_before_a_stop",
            stop::a_database_that_is_slow_gets_what_was_begun_before_a_stop,
        ),
        ("a_database_may_come_later", stop::a_database_may_come_later),
    ];
    let trials = Database::ALL.into_iter().flat_map(|database| {
        let has_server =
            move |name: &&str| database != Database::Sqlite || !name.starts_with("a_database");
        // What differs between the databases under TLS is in the tests of the adapter.
        let is_for_each = size(0, 1) == 1 && database != Database::Sqlite;
        let is_encrypted = is_for_each || database == Database::Postgres;
        let checks = checks.iter().filter(move |(name, _)| has_server(name));
        checks.filter(move |(name, _)| is_encrypted || *name != OVER_TLS).map(
            move |(name, check)| {
                Trial::test(format!("{}::{name}", database.name()), move || {
                    check(database);
                    Ok(())
                })
            },
        )
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// The size of a check: the second one if `FULL_SIZE_TESTS` is set.
fn size(usual: u32, full: u32) -> u32 {
    if std::env::var_os("FULL_SIZE_TESTS").is_some() { full } else { usual }
}
