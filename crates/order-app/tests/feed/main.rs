//! The feed, on a journal in memory: whoever subscribes is told everything once, in order, from
//! wherever they start, and costs others nothing.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test; that is its job"
)]

mod catching_up;
mod failures;
mod subscribing;
mod telling;
mod world;
