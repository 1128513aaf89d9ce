//! The use cases, over a store that works and over stores that fail.

#![expect(clippy::panic, clippy::unwrap_used, reason = "in a test, a broken expectation ends it")]

mod callers;
mod change_status;
mod failures;
mod idempotency;
mod place;
mod reads;
mod replace_lines;
mod world;
