//! The registration with Eureka: the only file of this crate that maps the settings to it. Requests
//! never wait for the registry; while it is down, other services see an older state of this one.

use std::sync::Arc;

use anyhow::Context as _;
use discovery_eureka::{
    Ambient, EurekaSettings, InstanceSettings, Page, Registration, Scheme, Standing,
};
use http_actix::{Component, Status};
use order_app::ports::{Clock as _, Entropy as _};
use serde_json::json;

use super::http::Ports;
use crate::settings::{EurekaPage, Settings};
use crate::system::{OsEntropy, SystemClock};
use crate::telemetry;

/// The secure port of an instance that speaks no TLS itself.
const OF_PROXIES: u16 = 443;

/// The registration, if the settings ask for one. Nothing is registered before it is told that this
/// instance is ready.
pub(super) fn registration(
    settings: &Settings,
    ports: &Ports,
) -> anyhow::Result<Option<Registration>> {
    let eureka = &settings.eureka;
    if !eureka.registers() {
        return Ok(None);
    }
    if ports.address()?.ip().is_unspecified() {
        tracing::info!("listening on every network, because this instance registers with Eureka");
    }
    let servers = eureka.asked().context("eureka.client.service-url.defaultZone")?;
    let asked = EurekaSettings::new(servers, instance(settings, ports)?);
    let ambient = Ambient {
        now_millis: Arc::new(|| {
            u64::try_from(SystemClock.now().timestamp_millis()).unwrap_or_default()
        }),
        random: Arc::new(|| u64::try_from(OsEntropy.bits() >> 64).unwrap_or_default()),
    };
    discovery_eureka::start(asked, ambient).map(Some).context("the registry cannot be used")
}

/// A port that speaks TLS is the secure one, and there is no other, unless the settings say so.
fn instance(settings: &Settings, ports: &Ports) -> anyhow::Result<InstanceSettings> {
    let (listening, is_secure, pages) = (ports.address()?.port(), ports.is_secure(), &ports.pages);
    let said = &settings.eureka.instance;
    let app = said.app.as_ref().unwrap_or(&settings.name);
    Ok(InstanceSettings {
        id: Some(telemetry::instance(settings)),
        hostname: said.hostname.clone(),
        ip_address: said.ip_address,
        prefer_ip_address: said.prefer_ip_address,
        port_enabled: said.ports.plain_enabled.unwrap_or(!is_secure),
        secure_port: said.ports.secure.unwrap_or(if is_secure { listening } else { OF_PROXIES }),
        secure_port_enabled: said.ports.secure_enabled.unwrap_or(is_secure),
        virtual_host_name: said.virtual_host_name.clone(),
        secure_virtual_host_name: said.secure_virtual_host_name.clone(),
        home_page: page(&said.home_page, "", &pages.home),
        status_page: page(&said.status_page, &pages.root, &pages.info),
        health_check: page(&said.health_check, &pages.root, &pages.health),
        renewal_seconds: said.renewal_seconds,
        expiration_seconds: said.expiration_seconds,
        metadata: said.metadata.clone(),
        management_port: pages.port,
        management_scheme: if pages.is_secure { Scheme::Https } else { Scheme::Http },
        ..InstanceSettings::new(app, said.ports.plain.unwrap_or(listening))
    })
}

/// As in Spring, a path that is set is below the root of its port, but for the home page.
fn page(said: &EurekaPage, root: &str, usual: &str) -> Page {
    match (&said.url, &said.path) {
        (Some(url), _) => Page::Url(url.clone()),
        (None, Some(path)) => Page::Path(format!("{root}/{}", path.trim_start_matches('/'))),
        (None, None) => Page::Path(usual.to_owned()),
    }
}

/// For the health page, from what the registration knows already.
pub(super) fn component(registration: &Registration) -> Component {
    let state = registration.state();
    let status = match &state.standing {
        Standing::Hidden => Status::Unknown,
        Standing::Registered { .. } => Status::Up,
        Standing::NotRegistered { .. } => Status::Down,
        Standing::OutOfService { .. } | Standing::Gone { .. } => Status::OutOfService,
    };
    let details = json!({
        "registration": state.standing.to_string(),
        "forSeconds": state.since.elapsed().as_secs(),
    });
    Component { name: "eureka", status, details }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_set_is_below_the_root_of_its_port() {
        let said = |url: Option<&str>, path: Option<&str>| EurekaPage {
            url: url.map(str::to_owned),
            path: path.map(str::to_owned),
        };
        let path = |path: &str| Page::Path(path.to_owned());
        let usual = "/shop/actuator/health";
        assert_eq!(page(&said(None, None), "/shop", usual), path(usual));
        assert_eq!(page(&said(None, Some("/up")), "/shop", usual), path("/shop/up"));
        assert_eq!(page(&said(None, Some("up")), "", usual), path("/up"));
        let url = Page::Url("https://x".to_owned());
        assert_eq!(page(&said(Some("https://x"), Some("/up")), "/shop", usual), url);
    }
}
