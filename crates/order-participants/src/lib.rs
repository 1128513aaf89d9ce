//! Inventory, payment and notification for trials and tests: what the order service's saga talks to,
//! with behaviour by test values and scripted faults. `docs/saga-participants.md` has the contract that
//! they keep, and [`conformance`] puts any implementation of it to the test.
//!
//! The [`ledger`] decides, and is pure. Around it is a shell: Kafka, with a SQLite file.

#[cfg(feature = "programs")]
pub mod cli;
#[cfg(feature = "programs")]
pub mod conformance;
#[cfg(feature = "programs")]
mod file;
pub mod ledger;
#[cfg(feature = "programs")]
pub mod notification;
pub mod rules;
#[cfg(feature = "programs")]
pub mod shell;
#[cfg(feature = "programs")]
pub mod store;
