//! The relay over the journal in memory and a broker that fails as it is told: what is published,
//! in which order, by whom, and what happens when something is broken. Time is paused: it moves
//! when everybody waits.

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
