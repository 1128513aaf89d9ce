//! How this instance presents itself: the body of a registration.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Map, Value, json};
use tokio::net::{UdpSocket, lookup_host};

use crate::instance::Status;
use crate::server_url::ServerUrl;
use crate::settings::{InstanceSettings, Page};

/// The metadata of an instance that took itself out of service, because it is stopping.
pub(crate) const STOPPING: &str = "stopping";

/// The unchanging part of a registration.
#[derive(Debug)]
pub(crate) struct Presence {
    settings: InstanceSettings,
    hostname: String,
    /// The application's name, in capitals.
    pub(crate) app: String,
    /// The instance's id.
    pub(crate) id: String,
}

/// The part of a registration that changes.
#[derive(Debug)]
pub(crate) struct Words {
    /// Where this instance is reached, unless the settings name an address.
    pub(crate) address: IpAddr,
    /// When this registration was made, in milliseconds since 1970.
    pub(crate) dirty_millis: u64,
    /// The operator's status, which the server may have forgotten.
    pub(crate) overridden: Option<Status>,
}

impl Presence {
    pub(crate) fn new(settings: &InstanceSettings) -> Self {
        let hostname = settings.hostname.clone().unwrap_or_else(machine_name);
        let port = if settings.port_enabled { settings.port } else { settings.secure_port };
        let id = settings.id.clone();
        let id = id.unwrap_or_else(|| format!("{hostname}:{}:{port}", settings.app));
        Self { settings: settings.clone(), hostname, app: settings.app.to_uppercase(), id }
    }

    /// The body of a registration as [`Status::Up`].
    pub(crate) fn body(&self, words: &Words) -> Value {
        let settings = &self.settings;
        let address = settings.ip_address.unwrap_or(words.address).to_string();
        let host = if settings.prefer_ip_address { &address } else { &self.hostname };
        let page = |page, port| self.page(page, host, port);
        let (own, management) = (None, settings.management_port);
        let name = |name: &Option<String>| name.clone().unwrap_or_else(|| settings.app.clone());
        let health = page(&settings.health_check, management);
        let secure_health = health.starts_with("https:").then(|| health.clone());
        json!({"instance": {
            "instanceId": self.id,
            "app": self.app,
            "hostName": host,
            "ipAddr": address,
            "vipAddress": name(&settings.virtual_host_name),
            "secureVipAddress": name(&settings.secure_virtual_host_name),
            "status": Status::Up.name(),
            "overriddenStatus": words.overridden.unwrap_or(Status::Unknown).name(),
            "port": port(settings.port, settings.port_enabled),
            "securePort": port(settings.secure_port, settings.secure_port_enabled),
            "homePageUrl": page(&settings.home_page, own),
            "statusPageUrl": page(&settings.status_page, management),
            "healthCheckUrl": health,
            "secureHealthCheckUrl": secure_health,
            "dataCenterInfo": {
                "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo",
                "name": "MyOwn",
            },
            "leaseInfo": {
                "renewalIntervalInSecs": settings.renewal_seconds,
                "durationInSecs": settings.expiration_seconds,
            },
            "lastDirtyTimestamp": words.dirty_millis.to_string(),
            "lastUpdatedTimestamp": words.dirty_millis.to_string(),
            "isCoordinatingDiscoveryServer": "false",
            "actionType": "ADDED",
            "metadata": self.metadata(),
        }})
    }

    fn metadata(&self) -> Map<String, Value> {
        let settings = &self.settings;
        let port =
            settings.management_port.map(|port| ("management.port".into(), port.to_string()));
        let own = settings.metadata.iter().map(|(key, value)| (key.clone(), value.clone()));
        // Last, so that the settings win.
        port.into_iter().chain(own).map(|(key, value)| (key, Value::String(value))).collect()
    }

    fn page(&self, page: &Page, host: &str, port: Option<u16>) -> String {
        let path = match page {
            Page::Url(url) => return url.clone(),
            Page::Path(path) => path,
        };
        let settings = &self.settings;
        let (scheme, own) = match (settings.port_enabled, settings.secure_port_enabled) {
            (false, true) => ("https", settings.secure_port),
            _ => ("http", settings.port),
        };
        let scheme = port.map_or(scheme, |_| settings.management_scheme.name());
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let slash = if path.starts_with('/') { "" } else { "/" };
        format!("{scheme}://{host}:{}{slash}{path}", port.unwrap_or(own))
    }
}

fn port(number: u16, enabled: bool) -> Value {
    json!({"$": number, "@enabled": enabled.to_string()})
}

/// The machine's host name.
fn machine_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}

/// The address of this machine that faces a server. Nothing is sent: connecting a UDP socket only
/// makes the system choose a route.
pub(crate) async fn address_facing(server: &ServerUrl) -> std::io::Result<IpAddr> {
    let mut found = lookup_host(server.host_and_port()).await?;
    let server = found.next().ok_or(std::io::ErrorKind::NotFound)?;
    let any: IpAddr = match server {
        std::net::SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        std::net::SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests;
