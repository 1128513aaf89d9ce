//! The composition root of the order service: settings, wiring, lifecycle and the command line.
//! Nothing else lives here: rules are in `order-domain`, use cases in `order-app`, technologies in
//! the adapters. It is a library only so that its tests can use the parts.
//!
//! Start reading at `application.rs`: how it comes together, runs and stops.

mod application;
pub mod cli;
mod descriptors;
mod refresh;
mod report;
mod runtimes;
pub mod settings;
mod signals;
mod system;
mod telemetry;
