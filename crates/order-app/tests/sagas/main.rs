//! Sagas beside their orders: what the use cases write, send and refuse, over the fake of the store.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "in a test, a broken expectation ends it"
)]

mod operators;
mod orders;
mod replies;
mod sweep;
mod world;
