//! What stands between the network and the routes, in one line at the start: an operator sees there what is off.

use std::net::IpAddr;

use crate::settings::Settings;

/// Says what is on, and warns of a service that is open to other machines.
pub(super) fn tell(settings: &Settings, address: IpAddr) {
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
    if !needs_token && is_reached(address, settings.management.address) {
        tracing::warn!(
            "requests need no token, and other machines reach this service: they may read and change every order, unless \
             spring.security.oauth2.resourceserver.jwt.issuer-uri is set"
        );
    }
}

/// Whether one of the ports is on more than loopback. Unless set, the one for operators is not.
fn is_reached(main: IpAddr, operators: Option<IpAddr>) -> bool {
    !main.is_loopback() || operators.is_some_and(|address| !address.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_service_is_reached_by_others_through_either_port() {
        let (own, any) = (IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        assert!(!is_reached(own, None) && !is_reached(own, Some(own)));
        assert!(is_reached(any, None) && is_reached(own, Some(any)));
    }
}
