//! Eureka: this process's registration, and finding another service once. The registration is kept by
//! a task in the background, so it is never on a request's path: a registry that is down changes
//! [`Registration::state`] and nothing else. The composition root decides when to register and when
//! to leave.

mod ambient;
mod api;
mod backoff;
mod failure;
mod instance;
mod look_up;
mod presence;
mod registrar;
mod registration;
mod server_url;
mod servers;
mod settings;
mod wire;

pub use ambient::{Ambient, Random};
pub use failure::{Failure, Failures, StartError};
pub use instance::{Instance, Status};
pub use look_up::{LookUpError, look_up};
pub use registration::{Registration, Standing, State};
pub use server_url::{BadServerUrl, ServerUrl};
pub use settings::{EurekaServers, EurekaSettings, InstanceSettings, Page, Scheme};

/// Starts the task that will keep this process registered, on the current tokio runtime. Nothing is
/// registered before [`Registration::ready`]. The task ends when the registration and its clones are
/// dropped; without [`Registration::stop`], the lease then runs out.
///
/// # Errors
/// When the settings name no server, or no HTTP client can be made. A server that does not answer is
/// no error.
pub fn start(settings: EurekaSettings, ambient: Ambient) -> Result<Registration, StartError> {
    registrar::Registrar::start(settings, ambient)
}
