//! What is served: one file for each route, or for a few that belong together. An endpoint reads the
//! request, asks a use case, and chooses the status of success; a failure becomes a problem, whose
//! status is chosen in `problem.rs`.

pub(crate) mod actuator;
pub(crate) mod documents;
pub(crate) mod health;
pub(crate) mod home;
pub(crate) mod loggers;
pub(crate) mod metrics;
pub(crate) mod operations;
pub(crate) mod orders;
pub(crate) mod refresh;
