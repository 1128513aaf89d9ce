//! The saga's decision: by example, for every document and input, in a model of the world around it, and with documents of
//! released forms. Each decision in any of them is checked against the laws in `world.rs`.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test"
)]

mod cases;
mod documents;
mod ledger;
mod model;
mod total;
mod world;
