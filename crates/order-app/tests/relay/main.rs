//! The relay over the journal in memory and a broker that fails on command: which events it
//! publishes, in which order, on which instance, and how it bears faults. Time is paused, and
//! moves when all tasks wait.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test; that is its job"
)]

mod outages;
mod parking;
mod publishing;
mod sharing;
mod simulation;
mod world;
