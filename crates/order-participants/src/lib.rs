//! Inventory, payment and notification for trials and tests: what the order service's saga talks to,
//! with behaviour by test values and scripted faults. `docs/saga-participants.md` has the contract that
//! they keep, and [`conformance`] puts any implementation of it to the test.
//!
//! The [`ledger`] decides, and is pure. Around it is a shell: Kafka, with a SQLite file.

pub mod cli;
pub mod conformance;
mod file;
pub mod ledger;
pub mod notification;
pub mod rules;
pub mod shell;
pub mod store;
