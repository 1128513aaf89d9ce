//! What all tests of this crate share: settings with short times, and waiting with a limit.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use discovery_eureka::{
    Ambient, EurekaServers, EurekaSettings, Instance, InstanceSettings, LookUpError, Registration,
    Standing, State,
};
use tokio::time::{interval, timeout};

/// The longest that anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The real clock, and random bits that are all zero.
pub(crate) fn ambient() -> Ambient {
    #[expect(clippy::disallowed_methods, reason = "a real server compares it with its own")]
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let now_millis = move || u64::try_from(now().as_millis()).unwrap();
    Ambient { now_millis: Arc::new(now_millis), random: Arc::new(|| 0) }
}

/// A name of an application that no other test uses.
pub(crate) fn app() -> String {
    format!("test-{:x}", RandomState::new().hash_one(0))
}

/// An instance with a heartbeat each second.
pub(crate) fn instance(app: &str, port: u16) -> InstanceSettings {
    InstanceSettings {
        hostname: Some("box".into()),
        renewal_seconds: 1,
        expiration_seconds: 3,
        ..InstanceSettings::new(app, port)
    }
}

/// Servers by their URLs, with short time-outs.
pub(crate) fn servers(urls: &[&str]) -> EurekaServers {
    EurekaServers {
        connect_timeout: Duration::from_secs(2),
        read_timeout: Duration::from_secs(3),
        ..EurekaServers::new(urls.iter().map(|url| url.parse().unwrap()).collect())
    }
}

/// Settings with short time-outs, for servers by their URLs.
pub(crate) fn settings(urls: &[&str], instance: InstanceSettings) -> EurekaSettings {
    EurekaSettings::new(servers(urls), instance)
}

/// Starts a registration.
pub(crate) fn start(settings: EurekaSettings) -> Registration {
    discovery_eureka::start(settings, ambient()).unwrap()
}

/// Looks a service up once.
pub(crate) async fn look_up(service: &str, urls: &[&str]) -> Result<Vec<Instance>, LookUpError> {
    discovery_eureka::look_up(service, &servers(urls), ambient().random).await
}

/// Waits until the state is as wanted.
pub(crate) async fn until(
    registration: &Registration,
    reached: impl Fn(&Standing) -> bool,
) -> State {
    let waited = timeout(PATIENCE, registration.until(reached)).await;
    waited.unwrap_or_else(|_| panic!("it still stands so: {}", registration.state().standing))
}

/// Waits until this instance is registered.
pub(crate) async fn registered(registration: &Registration) -> State {
    until(registration, |standing| matches!(standing, Standing::Registered { .. })).await
}

/// Asks until there is an answer.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let mut tick = interval(Duration::from_millis(20));
    let asking = async {
        loop {
            tick.tick().await;
            if let Some(answer) = ask().await {
                return answer;
            }
        }
    };
    timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("not in time: {what}"))
}
