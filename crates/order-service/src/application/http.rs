//! The two servers: requests on the main port, operators on the management port. The management
//! port is taken at the start and closed last, so that operators can watch both.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::Context as _;
use http_actix::{About, Http, HttpSettings, Management, ServerHandle};
use tokio::time::{Instant, timeout_at};

use crate::settings::{self, Settings};

/// The running server for operators, if there is one.
pub(super) struct Operators(Option<ServerHandle>);

/// Takes a port. `keys` name the settings that chose it.
pub(super) fn listen(address: SocketAddr, keys: &str) -> anyhow::Result<TcpListener> {
    let listener = http_actix::listen(address);
    listener.with_context(|| format!("cannot listen on {address} ({keys})"))
}

/// Takes the management port, if the settings name one.
pub(super) fn listen_for_operators(
    settings: settings::Management,
) -> anyhow::Result<Option<TcpListener>> {
    let Some(port) = settings.port else { return Ok(None) };
    let address = settings.address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let keys = "management.server.address, management.server.port";
    let listener = listen(SocketAddr::new(address, port), keys)?;
    tracing::info!(address = %listener.local_addr()?, "listening for operators");
    Ok(Some(listener))
}

/// The port of the status and health pages for the registry, if it is not the main one. A management
/// port on loopback is not named to clients from outside: the pages are on the main port as well.
pub(super) fn pages(operators: &TcpListener, main: SocketAddr) -> Option<u16> {
    let own = operators.local_addr().ok()?;
    (main.ip().is_loopback() || !own.ip().is_loopback()).then_some(own.port())
}

/// The limits of the main server.
pub(super) fn limits(settings: &Settings) -> HttpSettings {
    HttpSettings {
        max_in_flight: settings.requests.permits().into(),
        body_deadline: settings.requests.body_deadline.into(),
        // The budget of the stop ends before this (it is 10 minutes at most), and the log says so.
        shutdown_timeout: Duration::from_hours(1),
        health_details: settings.health_details,
        sampling: settings.tracing.sampling(),
        ..HttpSettings::default()
    }
}

/// What `/actuator/info` says.
pub(super) fn about(settings: &Settings) -> About {
    About {
        name: settings.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: option_env!("GIT_COMMIT").map(str::to_owned),
    }
}

/// Serves operators. Requests do not depend on it: when it fails, it fails alone.
pub(super) fn serve_operators(
    listener: Option<TcpListener>,
    http: &Http,
    management: Management,
) -> anyhow::Result<Operators> {
    let Some(listener) = listener else { return Ok(Operators(None)) };
    let server = http_actix::serve_management(http.clone(), management, listener)
        .context("the management server does not start")?;
    let handle = server.handle();
    tokio::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "the management server has failed");
        }
    });
    Ok(Operators(Some(handle)))
}

impl Operators {
    /// Stops, and lets answers under way finish until `end`.
    pub(super) async fn stop(self, end: Instant) {
        if let Some(server) = self.0 {
            let _ = timeout_at(end, server.stop(true)).await;
        }
    }
}
