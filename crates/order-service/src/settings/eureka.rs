//! Eureka: the registry, and how this instance presents itself there.

mod config_servers;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use discovery_eureka::{BadServerUrl, EurekaServers};
use secrecy::{ExposeSecret as _, SecretString};
use settings_spring::values::{self, Fault, Read, list, optional};
use settings_spring::{Key, Reader, complete, keys};

pub(super) use config_servers::look_up;

keys! {
    pub(super) ROWS;
    ENABLED: bool = "eureka.client.enabled", "true", Plain, "true or false",
        "Whether Eureka is used when its address is known.", values::flag;
    REGISTER: bool = "eureka.client.register-with-eureka", "true", Plain, "true or false",
        "Whether this instance registers itself.", values::flag;
    DISCOVERY: bool = "spring.cloud.discovery.enabled", "true", Plain, "true or false",
        "Whether any registry is used: both this and eureka.client.enabled must be true.",
        values::flag;
    AUTO: bool = "spring.cloud.service-registry.auto-registration.enabled", "true", Plain,
        "true or false",
        "Whether this instance registers itself: both this and eureka.client.register-with-eureka \
         must be true.",
        values::flag;
    EXCLUDED: Vec<String> = "spring.autoconfigure.exclude", "", Plain,
        "names of Java classes with commas between them",
        "With a class of Eureka or of service registration among them, this instance does not register \
         itself; the other classes mean nothing here.",
        |text| list(text, values::text);
    CONNECT_TIMEOUT: u32 = "eureka.client.eureka-server-connect-timeout-seconds", "5", Plain,
        "a whole number from 1 to 60",
        "How long a Eureka server may take to accept a connection.",
        |text| values::number(text, 1..=60);
    READ_TIMEOUT: u32 = "eureka.client.eureka-server-read-timeout-seconds", "8", Plain,
        "a whole number from 1 to 60",
        "How long a Eureka server may take to answer after that.",
        |text| values::number(text, 1..=60);
    SERVERS: Vec<SecretString> = "eureka.client.service-url.defaultZone", "", Url,
        "http:// or https:// URLs with commas between them",
        "The Eureka servers; the next one is tried when one fails.",
        |text| list(text, values::http_url);
    APP: Option<String> = "eureka.instance.appname", "", Plain, "a name",
        "The name under which this instance registers; spring.application.name unless set.",
        |text| optional(text, values::text);
    INSTANCE_ID: Option<String> = "eureka.instance.instance-id", "", Plain, "a text",
        "The id of this instance; host:name:port unless set.", |text| optional(text, values::text);
    HOSTNAME: Option<String> = "eureka.instance.hostname", "", Plain,
        "a host name or an IP address",
        "The host under which others reach this instance.", |text| optional(text, host);
    IP: Option<IpAddr> = "eureka.instance.ip-address", "", Plain, "an IP address or localhost",
        "The address of this instance; the one that faces the Eureka server unless set.",
        |text| optional(text, values::address);
    PREFER_IP: bool = "eureka.instance.prefer-ip-address", "false", Plain, "true or false",
        "Whether to register the IP address instead of the host name.", values::flag;
    PORT: Option<u16> = "eureka.instance.non-secure-port", "", Plain, "a port from 0 to 65535",
        "The port on which others reach this instance over HTTP; the one it listens on unless set.",
        |text| optional(text, values::port);
    PORT_ENABLED: Option<bool> = "eureka.instance.non-secure-port-enabled", "", Plain, "true or false",
        "Whether others should use that port; unless set, true if it does not speak HTTPS itself.",
        |text| optional(text, values::flag);
    SECURE_PORT: Option<u16> = "eureka.instance.secure-port", "", Plain, "a port from 0 to 65535",
        "The port on which others reach this instance over HTTPS; unless set, the one it listens on if that speaks HTTPS, \
         and else 443, the port of a proxy.",
        |text| optional(text, values::port);
    SECURE_PORT_ENABLED: Option<bool> = "eureka.instance.secure-port-enabled", "", Plain,
        "true or false",
        "Whether others should use that port; unless set, true if this instance speaks HTTPS itself.",
        |text| optional(text, values::flag);
    VIRTUAL_HOST: Option<String> = "eureka.instance.virtual-host-name", "", Plain, "a name",
        "The name by which others look this instance up; that of the application unless set.",
        |text| optional(text, values::text);
    SECURE_VIRTUAL_HOST: Option<String> = "eureka.instance.secure-virtual-host-name", "", Plain,
        "a name", "The same for those who look for HTTPS.", |text| optional(text, values::text);
    HOME_URL: Option<String> = "eureka.instance.home-page-url", "", Url, "a URL",
        "The address of the home page, where it is not a path of this instance.",
        |text| optional(text, values::text);
    HOME_PATH: Option<String> = "eureka.instance.home-page-url-path", "", Plain, "a path",
        "The path of the home page; that of the service unless set.",
        |text| optional(text, values::text);
    STATUS_URL: Option<String> = "eureka.instance.status-page-url", "", Url, "a URL",
        "The address of the status page, where it is not a path of this instance.",
        |text| optional(text, values::text);
    STATUS_PATH: Option<String> = "eureka.instance.status-page-url-path", "", Plain,
        "a path below server.servlet.context-path or management.server.base-path",
        "The path of the status page; that of /actuator/info unless set.",
        |text| optional(text, values::text);
    HEALTH_URL: Option<String> = "eureka.instance.health-check-url", "", Url, "a URL",
        "The address of the health check, where it is not a path of this instance.",
        |text| optional(text, values::text);
    HEALTH_PATH: Option<String> = "eureka.instance.health-check-url-path", "", Plain,
        "a path below server.servlet.context-path or management.server.base-path",
        "The path of the health check; that of /actuator/health unless set.",
        |text| optional(text, values::text);
    RENEWAL: u32 = "eureka.instance.lease-renewal-interval-in-seconds", "30", Plain,
        "a whole number from 1 to 3600", "How often this instance says that it is alive.",
        |text| values::number(text, 1..=3_600);
    EXPIRATION: u32 = "eureka.instance.lease-expiration-duration-in-seconds", "90", Plain,
        "a whole number from 1 to 86400",
        "How long Eureka waits for that before it forgets this instance.",
        |text| values::number(text, 1..=86_400);
    METADATA: String = "eureka.instance.metadata-map.*", "", Plain, "a text",
        "What else the registry tells about this instance.", values::any;
}

/// The registry, and this instance in it.
#[derive(Debug, Clone)]
pub struct Eureka {
    /// Whether Eureka is used at all.
    pub enabled: bool,
    /// Whether this instance registers itself.
    pub register: bool,
    /// Seconds that a server may take to accept a connection.
    pub connect_timeout_seconds: u32,
    /// Seconds that a connected server may take to answer.
    pub read_timeout_seconds: u32,
    /// The servers' URLs, which may carry credentials; empty: no registry.
    pub servers: Vec<SecretString>,
    /// How this instance presents itself.
    pub instance: EurekaInstance,
}

/// How this instance presents itself to Eureka.
#[derive(Debug, Clone)]
pub struct EurekaInstance {
    /// The name of its application; `None` is this service's name.
    pub app: Option<String>,
    /// Its id; `None` is made of host, name and port.
    pub id: Option<String>,
    /// The host under which others reach it.
    pub hostname: Option<String>,
    /// Its address; `None` is the one that faces the server.
    pub ip_address: Option<IpAddr>,
    /// Whether the address is registered instead of the host.
    pub prefer_ip_address: bool,
    /// Its ports.
    pub ports: EurekaPorts,
    /// The name by which others look it up; `None` is the application's name.
    pub virtual_host_name: Option<String>,
    /// The name by which others look up HTTPS.
    pub secure_virtual_host_name: Option<String>,
    /// Its page for people.
    pub home_page: EurekaPage,
    /// The page about it.
    pub status_page: EurekaPage,
    /// The page about its health.
    pub health_check: EurekaPage,
    /// Seconds between heartbeats.
    pub renewal_seconds: u32,
    /// Seconds without a heartbeat after which the registry forgets it.
    pub expiration_seconds: u32,
    /// What else the registry tells.
    pub metadata: BTreeMap<String, String>,
}

/// The ports on which others reach this instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EurekaPorts {
    /// The port of HTTP; `None` is the port on which the service listens.
    pub plain: Option<u16>,
    /// Whether others should use it; `None`: if it speaks no HTTPS.
    pub plain_enabled: Option<bool>,
    /// The port of HTTPS; `None`: the one on which the service listens, if it speaks HTTPS.
    pub secure: Option<u16>,
    /// Whether others should use it; `None`: if the service speaks HTTPS.
    pub secure_enabled: Option<bool>,
}

/// Where a page is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EurekaPage {
    /// Its address; `None` for a path of this instance.
    pub url: Option<String>,
    /// The path of this instance; `None` is where the service has such a page.
    pub path: Option<String>,
}

impl Eureka {
    /// Whether this instance registers itself.
    #[must_use]
    pub fn registers(&self) -> bool {
        self.enabled && self.register && !self.servers.is_empty()
    }

    /// The servers, for the crate that asks them.
    pub(crate) fn asked(&self) -> Result<EurekaServers, BadServerUrl> {
        let urls = self.servers.iter().map(|url| url.expose_secret().parse());
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        Ok(EurekaServers {
            urls: urls.collect::<Result<_, _>>()?,
            connect_timeout: seconds(self.connect_timeout_seconds),
            read_timeout: seconds(self.read_timeout_seconds),
        })
    }
}

pub(super) fn read(from: &mut Reader<'_>) -> Option<Eureka> {
    complete!(Eureka {
        enabled: both(from, &ENABLED, &DISCOVERY),
        register: registration(from),
        connect_timeout_seconds: from.read(&CONNECT_TIMEOUT),
        read_timeout_seconds: from.read(&READ_TIMEOUT),
        servers: from.read(&SERVERS),
        instance: instance(from),
    })
}

fn registration(from: &mut Reader<'_>) -> Option<bool> {
    let (asked, excluded) = (both(from, &REGISTER, &AUTO), from.read(&EXCLUDED));
    let is_of_registration =
        |class: &String| ["Eureka", "ServiceRegistration"].iter().any(|part| class.contains(part));
    Some(asked? && !excluded?.iter().any(is_of_registration))
}

fn both(from: &mut Reader<'_>, one: &'static Key<bool>, other: &'static Key<bool>) -> Option<bool> {
    let (one, other) = (from.read(one), from.read(other));
    Some(one? && other?)
}

fn instance(from: &mut Reader<'_>) -> Option<EurekaInstance> {
    complete!(EurekaInstance {
        app: from.read(&APP),
        id: from.read(&INSTANCE_ID),
        hostname: from.read(&HOSTNAME),
        ip_address: from.read(&IP),
        prefer_ip_address: from.read(&PREFER_IP),
        ports: complete!(EurekaPorts {
            plain: from.read(&PORT),
            plain_enabled: from.read(&PORT_ENABLED),
            secure: from.read(&SECURE_PORT),
            secure_enabled: from.read(&SECURE_PORT_ENABLED),
        }),
        virtual_host_name: from.read(&VIRTUAL_HOST),
        secure_virtual_host_name: from.read(&SECURE_VIRTUAL_HOST),
        home_page: page(from, &HOME_URL, &HOME_PATH),
        status_page: page(from, &STATUS_URL, &STATUS_PATH),
        health_check: page(from, &HEALTH_URL, &HEALTH_PATH),
        renewal_seconds: from.read(&RENEWAL),
        expiration_seconds: from.read(&EXPIRATION),
        metadata: from.family(&METADATA),
    })
}

fn page(
    from: &mut Reader<'_>,
    url: &'static Key<Option<String>>,
    path: &'static Key<Option<String>>,
) -> Option<EurekaPage> {
    complete!(EurekaPage { url: from.read(url), path: from.read(path) })
}

fn host(text: &str) -> Read<String> {
    let text = text.trim();
    let is_host = values::is_host(text) || text.parse::<IpAddr>().is_ok();
    if is_host { Ok(text.to_owned()) } else { Err(Fault::SHAPE) }
}
