//! What stands between the network and the routes, in one line at the start: an operator sees there what is off.

use std::net::SocketAddr;

use crate::settings::Settings;

/// Says what is on, and warns of a service that is open to other machines.
pub(super) fn tell(settings: &Settings, address: SocketAddr) {
    let on = |is_on: bool| if is_on { "on" } else { "off" };
    let rate_limit = settings.web.rate_limit.map_or_else(
        || "off".to_owned(),
        |limit| format!("{} a second, {} at once", limit.per_second, limit.burst),
    );
    let needs_token = settings.security.tokens.is_some();
    tracing::info!(
        login = on(needs_token),
        tls = on(settings.encryption.main.is_some()),
        cors = on(settings.web.cors.is_some()),
        actuator_cors = on(settings.management.cors.is_some()),
        rate_limit,
        "what guards the ports"
    );
    if !needs_token && !address.ip().is_loopback() {
        tracing::warn!(
            "requests need no token, and other machines reach this service: they may read and change every order, unless \
             spring.security.oauth2.resourceserver.jwt.issuer-uri is set"
        );
    }
}
