//! The operations against the store in memory and a scripted broker, with time that the tests move.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test; that is its job"
)]

mod estimate;
mod few;
mod overview;
mod parked;
mod replay;
mod replays;
mod world;
