//! The publisher on librdkafka's mock cluster, which fails on command, on a real broker whose
//! connections are cut, and on a real cluster whose brokers are killed and halted.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test; that is its job"
)]

mod broker;
mod cluster;
mod contract;
mod cutter;
mod failures;
mod mock;
mod partitions;
mod refusals;
mod rig;
mod sagas;
mod secured;
