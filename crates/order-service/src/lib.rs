//! The composition root of the order service: settings, wiring, lifecycle and the command line.
//! Nothing else lives here: rules are in `order-domain`, use cases in `order-app`, technologies in
//! the adapters. It is a library only so that its tests can use the parts.
//!
//! Start reading at `run.rs`: the life of the process in one place.

pub mod cli;
mod logs;
mod metrics;
mod refresh;
mod report;
mod run;
pub mod settings;
mod system;
mod traces;

/// An error with its sources, as one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let part = source.to_string();
        // Some errors repeat their source in their own text.
        if !text.ends_with(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        next = source.source();
    }
    text
}
