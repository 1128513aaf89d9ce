//! The management port: taken at the start, before the database is asked for anything, and given
//! up last, so that operators can watch both.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use anyhow::Context as _;
use http_actix::{Http, Management};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::listen;
use crate::settings;

/// The running server, if there is one.
pub(super) struct Operators(Option<(oneshot::Sender<()>, JoinHandle<()>)>);

/// Takes the port, if the settings name one.
pub(super) fn listener(settings: settings::Management) -> anyhow::Result<Option<TcpListener>> {
    let Some(port) = settings.port else { return Ok(None) };
    let address = settings.address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let keys = "management.server.address, management.server.port";
    let listener = listen(SocketAddr::new(address, port), keys)?;
    tracing::info!(address = %listener.local_addr()?, "listening for operators");
    Ok(Some(listener))
}

/// The port that a registry may name for the status and health pages: nobody is sent to loopback
/// who reaches the service from outside; the pages are on the main port as well.
pub(super) fn reachable(listener: &TcpListener, main: SocketAddr) -> Option<u16> {
    let own = listener.local_addr().ok()?;
    (main.ip().is_loopback() || !own.ip().is_loopback()).then_some(own.port())
}

/// Serves operators.
pub(super) fn serve(
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
            // Requests do not depend on it, so it ends alone.
            tracing::error!(%error, "the management server has failed");
        }
    });
    let (tell, told) = oneshot::channel();
    let stopping = tokio::spawn(async move {
        // Whoever does not tell us any more is gone, and the process with it.
        let _ = told.await;
        handle.stop(true).await;
    });
    Ok(Operators(Some((tell, stopping))))
}

impl Operators {
    /// Stops, with a moment for whoever waits for an answer.
    pub(super) async fn stop(self, end: Instant) {
        if let Some((tell, stopping)) = self.0 {
            let _ = tell.send(());
            let _ = timeout_at(end, stopping).await;
        }
    }
}
