//! Which port has what of the endpoints, and where an instance is asked on its own machine whether it is ready.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context as _, ensure};
use http_actix::{Endpoint, Site};

use crate::settings::{ManagementPort, Settings};

/// What the ports have.
pub(super) struct Sites {
    pub(super) main: Site,
    /// Of the management port, if there is one.
    pub(super) operators: Site,
    /// Whether info and health stay on the main port, because clients do not reach the other one.
    pub(super) is_apart: bool,
}

/// A page for people.
pub(super) struct Page {
    pub(super) what: &'static str,
    pub(super) url: String,
}

impl Sites {
    /// Of a main port, and perhaps a management port, on these addresses.
    pub(super) fn of(settings: &Settings, main: IpAddr, operators: Option<IpAddr>) -> Self {
        let management = &settings.management;
        let is_apart = operators.is_some_and(|own| own.is_loopback() && !main.is_loopback());
        let of_main: &[Endpoint] = match (management.port, operators) {
            (ManagementPort::None, _) => &[],
            (_, None) => &Endpoint::OF_CLIENTS,
            (_, Some(_)) if is_apart => &[Endpoint::Health, Endpoint::Info],
            (_, Some(_)) => &[],
        };
        let main = Site::main(&settings.web.context_path)
            .with(&management.actuator, of_main)
            .with_graphql(settings.graphql.path.clone(), settings.graphql.page.clone())
            .with_websocket(settings.graphql.socket.clone())
            .with_probes(management.probes);
        let own = Site::of_operators(&management.root).with(&management.actuator, &Endpoint::ALL);
        // On loopback, no other host is meant, so one that is named belongs to a page from elsewhere.
        let is_loopback = operators.is_some_and(|address| address.is_loopback());
        let has_names = is_loopback || !management.hosts.is_empty();
        let operators = if has_names { own.known_as(management.hosts.clone()) } else { own };
        Self { main, operators, is_apart }
    }
}

/// The address of the management port, if there is one of its own.
pub(super) fn of_operators(settings: &Settings) -> Option<SocketAddr> {
    let port = settings.management.own_port(settings.listen)?;
    let address = settings.management.address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    Some(SocketAddr::new(address, port))
}

/// How a port is asked.
pub(super) fn scheme(is_secure: bool) -> &'static str {
    if is_secure { "https" } else { "http" }
}

/// The pages of a port that people open in a browser, and what they are for.
pub(super) fn for_people(site: &Site, port: SocketAddr, is_secure: bool) -> Vec<Page> {
    let pages = [("the interface and its documentation", "/docs"), ("GraphiQL", "/graphiql")];
    let address = format!("{}://{}", scheme(is_secure), of_this_machine(port));
    let page = |(what, path)| Some(Page { what, url: format!("{address}{}", site.path(path)?) });
    pages.into_iter().filter_map(page).collect()
}

/// The address under which a port is asked on its own machine.
fn of_this_machine(port: SocketAddr) -> SocketAddr {
    let ip = match port.ip() {
        IpAddr::V4(all) if all.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(all) if all.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        one => one,
    };
    SocketAddr::new(ip, port.port())
}

/// Where readiness is asked on this machine: on the management port, where there is one that has it, else on the main port.
pub(crate) fn readiness(settings: &Settings) -> anyhow::Result<String> {
    const PATH: &str = "/actuator/health/readiness";
    let (main, own) = (settings.listen, of_operators(settings));
    let sites = Sites::of(settings, main.ip(), own.map(|own| own.ip()));
    let tls = &settings.encryption;
    let of_own = own.zip(sites.operators.path(PATH)).map(|found| (found, tls.management.is_some()));
    let on_main = || {
        let path = sites.main.path(PATH).or_else(|| sites.main.path("/readyz"))?;
        Some(((main, path), tls.main.is_some()))
    };
    let ((address, path), is_secure) = of_own.or_else(on_main).context(
        "no port has readiness: let management.endpoints.web.exposure.include have health, or set \
         management.endpoint.health.probes.add-additional-paths",
    )?;
    ensure!(address.port() != 0, "the port is chosen at the start: name one to ask it");
    Ok(format!("{}://{}{path}", scheme(is_secure), of_this_machine(address)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::Case;

    fn readiness_of(options: &[(&str, &str)]) -> String {
        let case = options.iter().fold(Case::new(), |case, (name, value)| case.option(name, value));
        readiness(&case.loaded().settings).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn readiness_is_asked_where_the_settings_put_it() {
        let (own, none) = (("management.server.port", "9000"), ("management.server.port", "-1"));
        let everywhere = ("server.address", "0.0.0.0");
        let base = ("management.endpoints.web.base-path", "/manage");
        let shop = ("server.servlet.context-path", "/shop");
        let probes = ("management.endpoint.health.probes.add-additional-paths", "true");
        let main = "http://127.0.0.1:8082";
        for (options, expected) in [
            (vec![], format!("{main}/actuator/health/readiness")),
            (vec![everywhere, shop, base], format!("{main}/shop/manage/health/readiness")),
            (vec![own, everywhere], "http://127.0.0.1:9000/actuator/health/readiness".to_owned()),
            (
                vec![("server.address", "::")],
                "http://[::1]:8082/actuator/health/readiness".to_owned(),
            ),
            (vec![none, probes], format!("{main}/readyz")),
        ] {
            assert_eq!(readiness_of(&options), expected, "{options:?}");
        }
        assert!(readiness_of(&[none]).contains("no port has readiness"));
        assert!(readiness_of(&[("server.port", "0")]).contains("name one to ask it"));
    }
}
