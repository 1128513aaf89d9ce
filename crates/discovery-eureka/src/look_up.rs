//! Finding the instances of another service, once. No copy of the registry is kept.

use tokio::time::{Instant, sleep};

use crate::ambient::Random;
use crate::api::Api;
use crate::backoff::Backoff;
use crate::failure::{Failures, StartError};
use crate::instance::{Instance, Status};
use crate::settings::EurekaServers;

/// Why a look-up has no answer.
#[derive(Debug, thiserror::Error)]
pub enum LookUpError {
    /// No server can be asked.
    #[error(transparent)]
    Start(#[from] StartError),
    /// No server answered as it should.
    #[error("Eureka cannot be asked: {0}")]
    Unanswered(#[from] Failures),
}

/// The instances of a service that take requests (that are `UP`), by a virtual host name or the
/// name of the application; case does not matter. Empty when there are none.
///
/// The servers are asked one after the other until one answers. When none does, they are asked
/// again after a pause, for as long as one round may take with servers that hang: a registry that is
/// starting refuses connections at once, and should not fail the look-up for it.
///
/// # Errors
/// [`LookUpError`]. It repeats nothing of what a server or a URL says.
pub async fn look_up(
    service: &str,
    servers: &EurekaServers,
    random: Random,
) -> Result<Vec<Instance>, LookUpError> {
    let api = Api::new(servers)?;
    let patience = servers.patience();
    let mut backoff = Backoff::new(random, patience);
    let begun = Instant::now();
    loop {
        let because = match all_instances(&api, servers).await {
            Ok(all) => return Ok(serving(all, service)),
            Err(because) => because,
        };
        let pause = backoff.pause();
        if begun.elapsed().saturating_add(pause) >= patience {
            return Err(because.into());
        }
        sleep(pause).await;
    }
}

/// All instances, from the first server that answers.
async fn all_instances(
    api: &Api,
    servers: &EurekaServers,
) -> Result<impl Iterator<Item = Instance> + use<>, Failures> {
    let mut failures = Vec::new();
    for server in &servers.urls {
        match api.apps(server).await {
            Ok(apps) => return Ok(apps.into_instances()),
            Err(failure) => failures.push((server.clone(), failure)),
        }
    }
    Err(Failures(failures))
}

fn serving(all: impl Iterator<Item = Instance>, service: &str) -> Vec<Instance> {
    let service = service.to_lowercase();
    let is_named = |instance: &Instance| {
        let mut names = instance.virtual_host_names.iter().chain([&instance.app]);
        names.any(|name| name.to_lowercase() == service)
    };
    let mut found: Vec<_> =
        all.filter(|instance| instance.status == Status::Up && is_named(instance)).collect();
    // Servers list instances in any order; callers try them in this one.
    found.sort_by(|a, b| (&a.app, &a.id).cmp(&(&b.app, &b.id)));
    found
}
