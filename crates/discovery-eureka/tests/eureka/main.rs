//! Registration and look-ups from the outside: against the real Eureka server that `deploy/stack`
//! starts, against real servers that a test starts and kills, and against stubs that misbehave.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test; that is its job"
)]

mod failing;
mod failover;
mod farewell;
mod forgetful;
mod logs;
mod lookups;
mod real;
mod server;
mod stub;
mod support;
