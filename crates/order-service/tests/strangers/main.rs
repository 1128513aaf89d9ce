//! Strangers beside honest clients, each holding one resource: a lock, bytes, sockets, a document, a foreign session. The
//! honest clients go on, and memory and descriptors stay flat. One file a row of the table of bounds in
//! `docs/operations.md`; each check prints what it measured. `FULL_SIZE_TESTS=1` runs the long form.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test; that is its job"
)]

mod browser;
mod bytes_in;
mod bytes_out;
mod documents;
mod files;
mod honest;
mod locks;
mod moods;
mod overload;
mod packets;
mod pooler;
mod process;
mod proxies;
mod raw;
mod refused;
mod sockets;
mod stop;
#[path = "../support/mod.rs"]
mod support;
mod truth;
mod wire;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Each check loads the machine and measures.
    arguments.test_threads = Some(1);
    let trials = [
        locks::trials(),
        pooler::trials(),
        packets::trials(),
        bytes_out::trials(),
        bytes_in::trials(),
        sockets::trials(),
        stop::trials(),
        overload::trials(),
        documents::trials(),
        browser::trials(),
        wire::trials(),
        truth::trials(),
        moods::trials(),
        proxies::trials(),
        refused::trials(),
        files::trials(),
    ];
    libtest_mimic::run(&arguments, trials.into_iter().flatten().collect()).exit_code()
}

/// A check under a name.
fn trial(name: impl Into<String>, check: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name.into(), move || {
        check();
        Ok(())
    })
}

/// Demands this share of a rate from one of three measurements, because a measurement in which something else begins to run on
/// the machine tells of that alone.
fn demand(least: f64, mut measure: impl FnMut() -> f64) {
    let best = (0..3).map(|_| measure()).find(|share| *share >= least);
    assert!(best.is_some(), "no share of {least} in three measurements");
}

/// The size of a check: the second one if `FULL_SIZE_TESTS` is set.
fn size<T>(usual: T, full: T) -> T {
    if std::env::var_os("FULL_SIZE_TESTS").is_some() { full } else { usual }
}
