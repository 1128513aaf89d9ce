//! Where operators are served, and how much health tells.

use std::net::IpAddr;

use settings_spring::values::{self, Read, optional};
use settings_spring::{Reader, complete, keys};

keys! {
    pub(super) ROWS;
    PORT: Option<u16> = "management.server.port", "", Plain, "a port from 0 to 65535, or -1 for none",
        "The port of the operations that change something; without it there are none.",
        |text| optional(text, port).map(Option::flatten);
    ADDRESS: Option<IpAddr> = "management.server.address", "", Plain,
        "an IP address or localhost",
        "Where those operations are taken; loopback unless set.",
        |text| optional(text, values::address);
    pub(super) HEALTH_DETAILS: Option<bool> = "management.endpoint.health.show-details", "", Plain,
        "never, always, or when-authorized, which is never here",
        "Whether health tells more of a component than its status, to whoever asks; unless set, \
         only on the management port.",
        |text| optional(text, health_details);
}

/// Where operations that change something are served; nowhere without a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Management {
    /// The operations' own port.
    pub port: Option<u16>,
    /// The address; `None` is loopback.
    pub address: Option<IpAddr>,
}

pub(super) fn read(from: &mut Reader<'_>) -> Option<Management> {
    complete!(Management { port: from.read(&PORT), address: from.read(&ADDRESS) })
}

fn port(text: &str) -> Read<Option<u16>> {
    match text.trim() {
        "-1" => Ok(None),
        text => values::port(text).map(Some),
    }
}

fn health_details(text: &str) -> Read<bool> {
    values::one_of(text, &[("never", false), ("when_authorized", false), ("always", true)])
}

#[cfg(test)]
mod tests {
    use settings_spring::values::Fault;

    use super::*;

    #[test]
    fn a_management_port_may_be_switched_off() {
        assert_eq!(port("-1"), Ok(None));
        assert_eq!(port("9090"), Ok(Some(9090)));
        assert_eq!(port("x"), Err(Fault::SHAPE));
    }
}
