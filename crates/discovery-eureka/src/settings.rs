//! What can be set, under the names of Spring Cloud Netflix, with its defaults. The composition root
//! reads them from files and the environment.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::server_url::ServerUrl;

/// Which servers are asked, and how long each may take.
#[derive(Debug, Clone)]
pub struct EurekaServers {
    /// `eureka.client.service-url.defaultZone`: in the order in which they are tried.
    pub urls: Vec<ServerUrl>,
    /// `eureka.client.eureka-server-connect-timeout-seconds`
    pub connect_timeout: Duration,
    /// `eureka.client.eureka-server-read-timeout-seconds`: for a whole answer, once connected.
    pub read_timeout: Duration,
}

/// How to keep this instance registered.
#[derive(Debug, Clone)]
pub struct EurekaSettings {
    /// Where.
    pub servers: EurekaServers,
    /// How long another server is asked before the first one is tried again. Spring's
    /// `…transport.sessioned-client-reconnect-interval-seconds` serves the same end.
    pub return_after: Duration,
    /// How long saying that this instance is out of service may take, over all servers, and how
    /// long removing it may take.
    pub farewell: Duration,
    /// `eureka.instance.*`
    pub instance: InstanceSettings,
}

/// How this instance presents itself.
#[derive(Debug, Clone)]
pub struct InstanceSettings {
    /// `eureka.instance.appname`, or `spring.application.name`
    pub app: String,
    /// `eureka.instance.instance-id`; `host:app:port` unless set.
    pub id: Option<String>,
    /// `eureka.instance.hostname`; the machine's unless set.
    pub hostname: Option<String>,
    /// `eureka.instance.ip-address`; unless set, the one from which the server is reached.
    pub ip_address: Option<IpAddr>,
    /// `eureka.instance.prefer-ip-address`: give the address as the host name, too.
    pub prefer_ip_address: bool,
    /// `eureka.instance.non-secure-port`, or `server.port`
    pub port: u16,
    /// `eureka.instance.non-secure-port-enabled`
    pub port_enabled: bool,
    /// `eureka.instance.secure-port`
    pub secure_port: u16,
    /// `eureka.instance.secure-port-enabled`
    pub secure_port_enabled: bool,
    /// `management.server.port`, if it is another: the port of the status and health pages, and
    /// metadata `management.port`.
    pub management_port: Option<u16>,
    /// What that port speaks.
    pub management_scheme: Scheme,
    /// `eureka.instance.virtual-host-name`: what others look it up by; `app` unless set.
    pub virtual_host_name: Option<String>,
    /// `eureka.instance.secure-virtual-host-name`; `app` unless set.
    pub secure_virtual_host_name: Option<String>,
    /// `eureka.instance.home-page-url`, `…-path`
    pub home_page: Page,
    /// `eureka.instance.status-page-url`, `…-path`
    pub status_page: Page,
    /// `eureka.instance.health-check-url`, `…-path`
    pub health_check: Page,
    /// `eureka.instance.lease-renewal-interval-in-seconds`: Eureka knows no parts of seconds.
    pub renewal_seconds: u32,
    /// `eureka.instance.lease-expiration-duration-in-seconds`
    pub expiration_seconds: u32,
    /// `eureka.instance.metadata-map.*`
    pub metadata: BTreeMap<String, String>,
}

/// What a port speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// HTTP without TLS.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Where one of the instance's pages is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// Below the instance's own host and port.
    Path(String),
    /// Anywhere.
    Url(String),
}

impl EurekaServers {
    /// Spring's defaults for servers.
    #[must_use]
    pub fn new(urls: Vec<ServerUrl>) -> Self {
        let (connect_timeout, read_timeout) = (Duration::from_secs(5), Duration::from_secs(8));
        Self { urls, connect_timeout, read_timeout }
    }

    /// The longest that asking one server after the other can take.
    pub(crate) fn patience(&self) -> Duration {
        let count = u32::try_from(self.urls.len()).unwrap_or(u32::MAX);
        self.connect_timeout.saturating_add(self.read_timeout).saturating_mul(count)
    }
}

impl EurekaSettings {
    /// Spring's defaults for an instance.
    #[must_use]
    pub fn new(servers: EurekaServers, instance: InstanceSettings) -> Self {
        Self {
            servers,
            return_after: Duration::from_mins(5),
            farewell: Duration::from_secs(2),
            instance,
        }
    }
}

impl InstanceSettings {
    /// Spring's defaults for an application on a port.
    #[must_use]
    pub fn new(app: &str, port: u16) -> Self {
        Self {
            app: app.to_owned(),
            id: None,
            hostname: None,
            ip_address: None,
            prefer_ip_address: false,
            port,
            port_enabled: true,
            secure_port: 443,
            secure_port_enabled: false,
            management_port: None,
            management_scheme: Scheme::Http,
            virtual_host_name: None,
            secure_virtual_host_name: None,
            home_page: Page::Path("/".into()),
            status_page: Page::Path("/actuator/info".into()),
            health_check: Page::Path("/actuator/health".into()),
            renewal_seconds: 30,
            expiration_seconds: 90,
            metadata: BTreeMap::new(),
        }
    }

    pub(crate) fn renewal(&self) -> Duration {
        Duration::from_secs(self.renewal_seconds.max(1).into())
    }
}
