//! The settings of Eureka and of the management port. Those of Kafka are in `kafka.rs`, those of the
//! config server in `remote/source.rs`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use secrecy::SecretString;

use super::catalogue::Key;
use super::reader::Reader;
use super::table;
use super::values::{self, Fault, Read};

/// Where to register this instance.
#[derive(Debug, Clone)]
pub struct Eureka {
    /// Whether to use it at all.
    pub enabled: bool,
    /// Whether to register this instance.
    pub register: bool,
    /// How to read the registry.
    pub fetch: EurekaFetch,
    /// Seconds until a server that accepts no connection is given up.
    pub connect_timeout_seconds: u32,
    /// Seconds until one that does not answer is.
    pub read_timeout_seconds: u32,
    /// The servers' URLs, which may carry credentials; empty: no registry.
    pub servers: Vec<SecretString>,
    /// How this instance presents itself.
    pub instance: EurekaInstance,
}

/// How to read the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EurekaFetch {
    /// Whether to read it at all.
    pub enabled: bool,
    /// Seconds from one reading to the next.
    pub interval_seconds: u32,
    /// Whether each reading is a full one.
    pub disable_delta: bool,
}

/// How this instance presents itself to Eureka.
#[derive(Debug, Clone)]
pub struct EurekaInstance {
    /// Its application's name, unless this one's.
    pub app: Option<String>,
    /// Its id, unless made of host, name and port.
    pub id: Option<String>,
    /// Where others reach it.
    pub hostname: Option<String>,
    /// Its address, unless the one that faces the server.
    pub ip_address: Option<IpAddr>,
    /// Whether to say the address instead of the name.
    pub prefer_ip_address: bool,
    /// Its ports.
    pub ports: EurekaPorts,
    /// What it is looked up by, unless its application's name.
    pub virtual_host_name: Option<String>,
    /// The same for those who look for HTTPS.
    pub secure_virtual_host_name: Option<String>,
    /// Where people find it.
    pub home_page: EurekaPage,
    /// Where it tells about itself.
    pub status_page: EurekaPage,
    /// Where it tells how it is.
    pub health_check: EurekaPage,
    /// Seconds between heartbeats.
    pub renewal_seconds: u32,
    /// Seconds without a heartbeat after which it is forgotten.
    pub expiration_seconds: u32,
    /// Anything else.
    pub metadata: BTreeMap<String, String>,
}

/// Where others reach this instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EurekaPorts {
    /// Over HTTP, unless where it listens.
    pub plain: Option<u16>,
    /// Whether there.
    pub plain_enabled: bool,
    /// Over HTTPS.
    pub secure: u16,
    /// Whether there.
    pub secure_enabled: bool,
}

/// Where a page is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EurekaPage {
    /// Anywhere.
    pub url: Option<String>,
    /// Else below this instance's own address.
    pub path: String,
}

/// Where operations that change something are served; nowhere without a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Management {
    /// The port of its own.
    pub port: Option<u16>,
    /// The address, unless loopback.
    pub address: Option<IpAddr>,
}

pub(super) fn eureka(from: &mut Reader<'_>) -> Option<Eureka> {
    let enabled = from.read(&table::EUREKA_ENABLED);
    let register = from.read(&table::EUREKA_REGISTER);
    let fetch = eureka_fetch(from);
    let connect_timeout_seconds = from.read(&table::EUREKA_CONNECT_TIMEOUT);
    let read_timeout_seconds = from.read(&table::EUREKA_READ_TIMEOUT);
    let servers = from.read(&table::EUREKA_ZONE);
    let instance = eureka_instance(from);
    Some(Eureka {
        enabled: enabled?,
        register: register?,
        fetch: fetch?,
        connect_timeout_seconds: connect_timeout_seconds?,
        read_timeout_seconds: read_timeout_seconds?,
        servers: servers?,
        instance: instance?,
    })
}

fn eureka_fetch(from: &mut Reader<'_>) -> Option<EurekaFetch> {
    let enabled = from.read(&table::EUREKA_FETCH);
    let interval_seconds = from.read(&table::EUREKA_FETCH_INTERVAL);
    let disable_delta = from.read(&table::EUREKA_DISABLE_DELTA);
    Some(EurekaFetch {
        enabled: enabled?,
        interval_seconds: interval_seconds?,
        disable_delta: disable_delta?,
    })
}

fn eureka_instance(from: &mut Reader<'_>) -> Option<EurekaInstance> {
    let app = from.read(&table::EUREKA_APP);
    let id = from.read(&table::EUREKA_INSTANCE_ID);
    let hostname = from.read(&table::EUREKA_HOSTNAME);
    let ip_address = from.read(&table::EUREKA_IP);
    let prefer_ip_address = from.read(&table::EUREKA_PREFER_IP);
    let ports = eureka_ports(from);
    let virtual_host_name = from.read(&table::EUREKA_VIP);
    let secure_virtual_host_name = from.read(&table::EUREKA_SECURE_VIP);
    let home_page = eureka_page(from, &table::EUREKA_HOME_URL, &table::EUREKA_HOME_PATH);
    let status_page = eureka_page(from, &table::EUREKA_STATUS_URL, &table::EUREKA_STATUS_PATH);
    let health_check = eureka_page(from, &table::EUREKA_HEALTH_URL, &table::EUREKA_HEALTH_PATH);
    let renewal_seconds = from.read(&table::EUREKA_RENEWAL);
    let expiration_seconds = from.read(&table::EUREKA_EXPIRATION);
    let metadata = from.family(&table::EUREKA_METADATA);
    Some(EurekaInstance {
        app: app?,
        id: id?,
        hostname: hostname?,
        ip_address: ip_address?,
        prefer_ip_address: prefer_ip_address?,
        ports: ports?,
        virtual_host_name: virtual_host_name?,
        secure_virtual_host_name: secure_virtual_host_name?,
        home_page: home_page?,
        status_page: status_page?,
        health_check: health_check?,
        renewal_seconds: renewal_seconds?,
        expiration_seconds: expiration_seconds?,
        metadata: metadata?,
    })
}

fn eureka_ports(from: &mut Reader<'_>) -> Option<EurekaPorts> {
    let plain = from.read(&table::EUREKA_PORT);
    let plain_enabled = from.read(&table::EUREKA_PORT_ENABLED);
    let secure = from.read(&table::EUREKA_SECURE_PORT);
    let secure_enabled = from.read(&table::EUREKA_SECURE_PORT_ENABLED);
    Some(EurekaPorts {
        plain: plain?,
        plain_enabled: plain_enabled?,
        secure: secure?,
        secure_enabled: secure_enabled?,
    })
}

fn eureka_page(
    from: &mut Reader<'_>,
    url: &'static Key<Option<String>>,
    path: &'static Key<String>,
) -> Option<EurekaPage> {
    let url = from.read(url);
    let path = from.read(path);
    Some(EurekaPage { url: url?, path: path? })
}

pub(super) fn management(from: &mut Reader<'_>) -> Option<Management> {
    let port = from.read(&table::MANAGEMENT_PORT);
    let address = from.read(&table::MANAGEMENT_ADDRESS);
    Some(Management { port: port?, address: address? })
}

pub(super) fn host(text: &str) -> Read<String> {
    let text = text.trim();
    if values::is_host(text) || text.parse::<IpAddr>().is_ok() {
        return Ok(text.to_owned());
    }
    Err(Fault::SHAPE)
}

/// An empty text is a value, too.
#[expect(clippy::unnecessary_wraps, reason = "every row is read by a function of this form")]
pub(super) fn any(text: &str) -> Read<String> {
    Ok(text.to_owned())
}

pub(super) fn management_port(text: &str) -> Read<Option<u16>> {
    match text.trim() {
        "-1" => Ok(None),
        text => values::port(text).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_management_port_may_be_switched_off() {
        assert_eq!(management_port("-1"), Ok(None));
        assert_eq!(management_port("9090"), Ok(Some(9090)));
        assert_eq!(management_port("x"), Err(Fault::SHAPE));
    }
}
