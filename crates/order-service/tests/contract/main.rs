//! The contract as callers see it: one trial for each row of its tables and each database, against
//! the real service over HTTP. Two instances run on each database, so that what must hold across
//! instances is tried as well.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a broken expectation ends a trial"
)]

mod actuator;
mod concurrency;
mod documents;
mod endpoints;
mod errors;
mod events;
mod fields;
mod forms;
mod graphql;
mod idempotency;
mod json;
mod listener;
mod lists;
mod money;
mod put_back;
mod recorded;
mod stage;
mod statuses;
mod steps;
mod stream;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod wire;

use std::process::ExitCode;
use std::sync::{Arc, LazyLock};

use libtest_mimic::{Arguments, Trial};
use order_testkit::databases::Database;

use crate::stage::{Case, Stage};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    // The first trial of a stage starts its instances, and the last one stops them.
    let mut stages = Vec::new();
    let mut trials = Vec::new();
    for database in Database::ALL {
        let stage: Arc<LazyLock<Stage, _>> = Arc::new(LazyLock::new(move || Stage::on(database)));
        stages.push(Arc::clone(&stage));
        for (module, Case { name, run }) in cases() {
            let stage = Arc::clone(&stage);
            trials.push(Trial::test(format!("{}::{module}::{name}", database.name()), move || {
                run(&stage);
                Ok(())
            }));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Every case, with the module that it is in.
fn cases() -> impl Iterator<Item = (&'static str, Case)> {
    [
        ("fields", fields::cases()),
        ("money", money::cases()),
        ("json", json::cases()),
        ("statuses", statuses::cases()),
        ("endpoints", endpoints::cases()),
        ("lists", lists::cases()),
        ("events", events::cases()),
        ("stream", stream::cases()),
        ("streams", streams::cases()),
        ("actuator", actuator::cases()),
        ("forms", forms::cases()),
        ("put_back", put_back::cases()),
        ("documents", documents::cases()),
        ("errors", errors::cases()),
        ("idempotency", idempotency::cases()),
        ("recorded", recorded::cases()),
        ("concurrency", concurrency::cases()),
        ("graphql", graphql::cases()),
    ]
    .into_iter()
    .flat_map(|(module, cases)| cases.into_iter().map(move |case| (module, case)))
}
