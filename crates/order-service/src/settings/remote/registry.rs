//! Looking the config servers up in Eureka, as `spring.cloud.config.discovery.enabled` asks for.
//! Only reading: this instance is registered when it is ready, and by others.

use std::sync::Arc;

use discovery_eureka::{
    Ambient, Condition, Discovery, EurekaSettings, Instance, InstanceSettings, ServerUrl,
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::timeout;

use super::Around;
use super::server::{Credentials, Failures, Server};
use super::source::Lookup;

/// The servers, as the registry knows them now.
pub(super) async fn servers(lookup: &Lookup, around: Around<'_>) -> Result<Vec<Server>, Failures> {
    let service = &lookup.service;
    let nobody =
        |reason: String| Failures::Nobody(format!("the config server {service}: {reason}"));
    let discovery = Discovery::start(settings(lookup).map_err(nobody)?, ambient(around));
    let registry = discovery.map_err(|error| nobody(error.to_string()))?.registry;
    let registry = registry.ok_or_else(|| nobody("no registry is read".to_owned()))?;
    let eureka = &lookup.eureka;
    let patience = eureka.connect_timeout_seconds.saturating_add(eureka.read_timeout_seconds);
    // Each Eureka server may take that long, and the next one is asked then.
    let rounds = u32::try_from(eureka.servers.len()).unwrap_or(u32::MAX);
    let patience = std::time::Duration::from_secs(patience.saturating_mul(rounds).into());
    if timeout(patience, registry.first_read()).await.is_err() {
        return Err(nobody(match registry.condition() {
            Condition::Failing { because, .. } => format!("Eureka cannot be asked: {because}"),
            _ => format!("Eureka did not answer within {patience:?}"),
        }));
    }
    let found: Vec<_> = registry.instances(service).iter().filter_map(|i| server(i)).collect();
    if found.is_empty() {
        return Err(nobody("Eureka knows no instance of it that is up".to_owned()));
    }
    Ok(found)
}

fn settings(lookup: &Lookup) -> Result<EurekaSettings, String> {
    let eureka = &lookup.eureka;
    let server = |url: &SecretString| url.expose_secret().parse::<ServerUrl>();
    let servers: Result<Vec<_>, _> = eureka.servers.iter().map(server).collect();
    let servers = servers.map_err(|error| error.to_string())?;
    let seconds = |seconds: u32| std::time::Duration::from_secs(seconds.into());
    Ok(EurekaSettings {
        register: false,
        fetch: true,
        connect_timeout: seconds(eureka.connect_timeout_seconds),
        read_timeout: seconds(eureka.read_timeout_seconds),
        ..EurekaSettings::new(servers, InstanceSettings::new("nobody", 0))
    })
}

fn ambient(around: Around<'_>) -> Ambient {
    let (now, random) = (around.now, around.random);
    Ambient {
        now_millis: Arc::new(move || u64::try_from(now().timestamp_millis()).unwrap_or_default()),
        random: Arc::new(move || u64::try_from(random() >> 64).unwrap_or_default()),
    }
}

/// What an instance says of itself goes before what the settings say, as in Spring: where it is
/// (`configPath`), and whom to ask as (`user`, `password`).
fn server(instance: &Instance) -> Option<Server> {
    let metadata = |key: &str| instance.metadata.get(key);
    let path = metadata("configPath").map_or("", |path| path.trim_matches('/'));
    let mut server = Server::parse(&format!("{}/{path}", instance.base_url())).ok()?;
    if let Some(password) = metadata("password") {
        let username = metadata("user").map_or("user", String::as_str);
        server.credentials = Some(Credentials {
            username: username.to_owned(),
            password: SecretString::from(password.as_str()),
        });
    }
    Some(server)
}

#[cfg(test)]
mod tests {
    use discovery_eureka::Status;
    use secrecy::ExposeSecret as _;

    use super::*;

    fn instance(metadata: &[(&str, &str)]) -> Instance {
        let metadata = metadata.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Instance {
            app: "CONFIG".into(),
            id: "i".into(),
            host: "box".into(),
            address: "10.0.0.1".into(),
            virtual_host_names: vec!["config".into()],
            status: Status::Up,
            overridden: None,
            port: Some(8888),
            secure_port: None,
            metadata: metadata.collect(),
            last_dirty_millis: None,
        }
    }

    #[test]
    fn an_instance_says_where_it_is_and_whom_to_ask_as() {
        let plain = server(&instance(&[])).unwrap();
        assert_eq!(plain.to_string(), "http://box:8888");
        assert!(plain.credentials.is_none());
        let metadata = [("configPath", "/config/"), ("user", "ann"), ("password", "p/w@x")];
        let full = server(&instance(&metadata)).unwrap();
        assert_eq!(full.at(&["a"]).as_str(), "http://box:8888/config/a");
        let Credentials { username, password } = full.credentials.unwrap();
        assert_eq!((username.as_str(), password.expose_secret()), ("ann", "p/w@x"));
    }
}
