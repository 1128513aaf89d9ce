//! The composition root of the order service: settings, wiring, lifecycle and the command line.
//! Nothing else lives here: rules are in `order-domain`, use cases in `order-app`, technologies in
//! the adapters. It is a library only so that its tests can use the parts.
//!
//! Start reading at `run.rs`: the life of the process in one place.

pub mod cli;
mod metrics;
mod refresh;
mod report;
mod run;
pub mod settings;
mod system;
mod telemetry;
