//! Eureka, both ways: this process's registration, and a local copy of the registry to look others
//! up in. Both are kept by tasks in the background, so that nothing here is ever on a request's
//! path: a look-up reads what is at hand, and a registry that is down changes nothing but
//! [`Registration::state`] and [`Registry::condition`]. Deciding when to register and when to leave
//! is the composition root's.

mod ambient;
mod api;
mod applications;
mod backoff;
mod failure;
mod instance;
mod presence;
mod reader;
mod registrar;
mod registration;
mod registry;
mod server_url;
mod servers;
mod settings;
mod wire;

use std::sync::Arc;

pub use ambient::Ambient;
pub use failure::{Failure, Failures};
pub use instance::{Instance, Status};
pub use registration::{Registration, Standing, State};
pub use registry::{Condition, Registry};
pub use server_url::{BadServerUrl, ServerUrl};
pub use settings::{EurekaSettings, InstanceSettings, Page};

use api::Api;
use reader::Reader;
use registrar::Registrar;

/// The two halves of it, each there when the settings ask for it. A half stops when its handle and
/// all clones of it are dropped; without [`Registration::stop`], the registration then runs out.
#[derive(Debug)]
pub struct Discovery {
    /// This process's place in the registry, for `eureka.client.register-with-eureka`.
    pub registration: Option<Registration>,
    /// Everybody's, for `eureka.client.fetch-registry`.
    pub registry: Option<Registry>,
}

/// Why there is no discovery.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is nobody to ask.
    #[error("no Eureka server is named")]
    NoServers,
    /// Most likely there are no certificates on this machine to check a server's against.
    #[error("no HTTP client can be made for Eureka: {0}")]
    Client(String),
}

impl Discovery {
    /// Starts the background tasks on the current tokio runtime. Nothing is registered before
    /// [`Registration::ready`]; the registry is read from now on.
    ///
    /// # Errors
    /// When the settings name no server, or no HTTP client can be made. A server that does not
    /// answer is no error.
    pub fn start(settings: EurekaSettings, ambient: Ambient) -> Result<Self, StartError> {
        if settings.servers.is_empty() {
            return Err(StartError::NoServers);
        }
        let api = Api::new(&settings).map_err(StartError::Client)?;
        let settings = Arc::new(settings);
        let registry =
            settings.fetch.then(|| Reader::start(&settings, api.clone(), ambient.clone()));
        let registration =
            settings.register.then(|| Registrar::start(settings, api, ambient, registry.as_ref()));
        Ok(Self { registration, registry })
    }
}
