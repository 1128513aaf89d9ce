//! The feed, on a journal in memory: a subscriber gets every event once and in order, from any
//! position, and does not slow others down.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test; that is its job"
)]

mod callers;
mod catching_up;
mod delivery;
mod failures;
mod subscribing;
mod world;
