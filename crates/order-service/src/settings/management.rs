//! Where the actuator is served, and what of it: on the main port, or on a port of its own for operators.

use std::net::{IpAddr, SocketAddr};

use http_actix::{Actuator, Cors};
use settings_spring::values::{self, Fault, Read, optional};
use settings_spring::{Reader, complete, keys};

use super::server::path;
use super::{cors, endpoints};

keys! {
    pub(super) ROWS;
    PORT: ManagementPort = "management.server.port", "", Plain,
        "a port from 0 to 65535, or -1 for no actuator at all",
        "The port of the actuator, for operators; the main one unless set. Operations that change \
         something exist on a port of their own alone.",
        port;
    ADDRESS: Option<IpAddr> = "management.server.address", "", Plain,
        "an IP address or localhost, beside a management.server.port that is not the main one",
        "Where operators are served; loopback unless set.",
        |text| optional(text, values::address);
    ROOT: String = "management.server.base-path", "", Plain,
        "a path such as /ops; / is the same as none",
        "The path in front of every path of a management port that is not the main one.", path;
    HOSTS: Vec<String> = "order.management.allowed-hosts", "", Plain,
        "names or addresses without a port, with commas between them; IPv6 in brackets",
        "The hosts, beside loopback, under which a management port of its own may be asked. Unless set, loopback \
         alone when the port is on loopback, and any host when it is not.",
        |text| values::list(text, host);
    PROBES: bool = "management.endpoint.health.probes.add-additional-paths", "false", Plain,
        "true or false", "Whether the main port has /livez and /readyz.", values::flag;
    pub(super) HEALTH_DETAILS: Option<bool> = "management.endpoint.health.show-details", "", Plain,
        "never, always, or when-authorized, which is never here",
        "Whether health tells more of a component than its status, to whoever asks; unless set, \
         only on the management port.",
        |text| optional(text, shown);
    HEALTH_COMPONENTS: bool = "management.endpoint.health.show-components", "always", Plain,
        "never, always, or when-authorized, which is never here",
        "Whether health shows its components.", shown;
}

/// The port of the actuator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManagementPort {
    /// The main one.
    Main,
    /// This one, if it is not the main one.
    Own(u16),
    /// There is no actuator.
    None,
}

/// Where the actuator is served, and what of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Management {
    /// Its port, as set.
    pub port: ManagementPort,
    /// The address of its own port; `None` is loopback.
    pub address: Option<IpAddr>,
    /// The path in front of every path of its own port.
    pub root: String,
    /// The hosts, beside loopback, under which its own port may be asked.
    pub hosts: Vec<String>,
    /// Its endpoints and their paths.
    pub actuator: Actuator,
    /// Which pages of other origins may ask the actuator; `None`: the service does not speak of it.
    pub cors: Option<Cors>,
    /// Whether the main port has `/livez` and `/readyz`.
    pub probes: bool,
    /// Whether health shows its components.
    pub health_components: bool,
}

impl Management {
    /// The port of the operators, if it is not the main one. As in Spring, two free ports are two ports.
    #[must_use]
    pub fn own_port(&self, main: SocketAddr) -> Option<u16> {
        own_port(self.port, main.port())
    }
}

fn own_port(port: ManagementPort, main: u16) -> Option<u16> {
    match port {
        ManagementPort::Own(port) => (port == 0 || port != main).then_some(port),
        ManagementPort::Main | ManagementPort::None => None,
    }
}

pub(super) fn read(from: &mut Reader<'_>, main: Option<SocketAddr>) -> Option<Management> {
    let management = complete!(Management {
        port: from.read(&PORT),
        address: from.read(&ADDRESS),
        root: from.read(&ROOT),
        hosts: from.read(&HOSTS),
        actuator: endpoints::read(from),
        cors: cors::actuator(from).map(|cors| cors.is_on().then_some(cors)),
        probes: from.read(&PROBES),
        health_components: from.read(&HEALTH_COMPONENTS),
    })?;
    if own_port(management.port, main?.port()).is_none() {
        // As in Spring: the main port has one address.
        if management.address.is_some() {
            from.refuse(&ADDRESS, "has no port of its own");
            return None;
        }
        if !management.root.is_empty() {
            from.warn("management.server.base-path: is for a management.server.port that is not the main one".into());
        }
        if !management.hosts.is_empty() {
            from.warn("order.management.allowed-hosts: is for a management.server.port that is not the main one".into());
        }
    }
    Some(management)
}

fn port(text: &str) -> Read<ManagementPort> {
    match text.trim() {
        "" => Ok(ManagementPort::Main),
        "-1" => Ok(ManagementPort::None),
        text => values::port(text).map(ManagementPort::Own),
    }
}

fn host(text: &str) -> Read<String> {
    if values::is_host(text) { Ok(text.to_owned()) } else { Err(Fault::SHAPE) }
}

fn shown(text: &str) -> Read<bool> {
    values::one_of(text, &[("never", false), ("when_authorized", false), ("always", true)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_management_port_may_be_switched_off() {
        assert_eq!(port("-1"), Ok(ManagementPort::None));
        assert_eq!(port("9090"), Ok(ManagementPort::Own(9090)));
        assert_eq!(port("x"), Err(Fault::SHAPE));
    }

    #[test]
    fn an_allowed_host_is_a_host_alone() {
        assert_eq!(host("ops.example"), Ok("ops.example".to_owned()));
        assert_eq!(host("[::2]"), Ok("[::2]".to_owned()));
        for wrong in ["*", "*.example", "ops:9090", "http://ops", "::2", "a b"] {
            assert_eq!(host(wrong), Err(Fault::SHAPE), "{wrong}");
        }
    }

    #[test]
    fn the_main_port_is_no_port_of_its_own() {
        assert_eq!(own_port(ManagementPort::Own(8082), 8082), None);
        assert_eq!(own_port(ManagementPort::Own(9090), 8082), Some(9090));
        assert_eq!(own_port(ManagementPort::Own(0), 0), Some(0));
    }
}
