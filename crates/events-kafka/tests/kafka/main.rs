//! The publisher on librdkafka's mock cluster, which fails as it is told, on a real broker,
//! whose connections are cut, and on a real cluster whose members are killed and halted.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test; that is its job"
)]

mod broker;
mod cluster;
mod cutter;
mod failures;
mod mock;
mod refusals;
mod rig;
mod secured;
