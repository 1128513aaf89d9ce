//! The parts beside the use cases, the relay, the feed and the operations.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a broken expectation ends a test")]

mod actions;
mod changes;
mod currencies;
mod errors;
mod events;
mod live;
mod traces;
mod wake_up;
