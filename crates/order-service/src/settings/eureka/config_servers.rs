//! Looks config servers up in Eureka, as `spring.cloud.config.discovery.enabled` asks for it. The
//! registry is only read: this instance is registered when it is ready, by `run/registry.rs`.

use std::sync::Arc;
use std::time::Duration;

use discovery_eureka::{
    Ambient, Condition, Discovery, EurekaSettings, Instance, InstanceSettings, ServerUrl,
};
use secrecy::{ExposeSecret as _, SecretString};
use settings_spring::{Inputs, LookUp, Reader, Server};
use tokio::runtime::Builder;
use tokio::time::timeout;

use super::Eureka;

/// The look-up in the registry of the settings; or in words why there is no registry. `None` if its
/// settings are wrong.
pub(crate) fn look_up(from: &mut Reader<'_>, inputs: &Inputs) -> Option<Result<LookUp, String>> {
    let eureka = super::read(from)?;
    if eureka.servers.is_empty() || !eureka.enabled {
        let key = super::SERVERS.row.name;
        return Some(Err(format!("{key} names no registry to look it up in")));
    }
    let (now, random) = (inputs.now, inputs.random);
    let ambient = Ambient {
        now_millis: Arc::new(move || u64::try_from(now().timestamp_millis()).unwrap_or_default()),
        random: Arc::new(move || u64::try_from(random() >> 64).unwrap_or_default()),
    };
    Some(Ok(Box::new(move |service| {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        runtime.block_on(servers(&eureka, service, ambient.clone()))
    })))
}

/// The servers, as the registry knows them now.
async fn servers(eureka: &Eureka, service: &str, ambient: Ambient) -> Result<Vec<Server>, String> {
    let discovery = Discovery::start(settings(eureka)?, ambient);
    let registry = discovery.map_err(|error| error.to_string())?.registry;
    let registry = registry.ok_or_else(|| "no registry is read".to_owned())?;
    let patience = eureka.connect_timeout_seconds.saturating_add(eureka.read_timeout_seconds);
    // Each Eureka server may take that long before the next one is asked.
    let rounds = u32::try_from(eureka.servers.len()).unwrap_or(u32::MAX);
    let patience = Duration::from_secs(patience.saturating_mul(rounds).into());
    if timeout(patience, registry.first_read()).await.is_err() {
        return Err(match registry.condition() {
            Condition::Failing { because, .. } => format!("Eureka cannot be asked: {because}"),
            _ => format!("Eureka did not answer within {patience:?}"),
        });
    }
    let found: Vec<_> = registry.instances(service).iter().filter_map(|i| server(i)).collect();
    if found.is_empty() {
        return Err("Eureka knows no instance of it that is up".to_owned());
    }
    Ok(found)
}

fn settings(eureka: &Eureka) -> Result<EurekaSettings, String> {
    let server = |url: &SecretString| url.expose_secret().parse::<ServerUrl>();
    let servers: Result<Vec<_>, _> = eureka.servers.iter().map(server).collect();
    let servers = servers.map_err(|error| error.to_string())?;
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    Ok(EurekaSettings {
        register: false,
        fetch: true,
        connect_timeout: seconds(eureka.connect_timeout_seconds),
        read_timeout: seconds(eureka.read_timeout_seconds),
        ..EurekaSettings::new(servers, InstanceSettings::new("nobody", 0))
    })
}

/// As in Spring, the instance itself says where it is (`configPath`) and whom to ask as (`user`,
/// `password`); this goes before the settings.
fn server(instance: &Instance) -> Option<Server> {
    let metadata = |key: &str| instance.metadata.get(key);
    let path = metadata("configPath").map_or("", |path| path.trim_matches('/'));
    let server = Server::parse(&format!("{}/{path}", instance.base_url())).ok()?;
    let Some(password) = metadata("password") else { return Some(server) };
    let user = metadata("user").map_or("user", String::as_str);
    Some(server.with_credentials(user.to_owned(), SecretString::from(password.as_str())))
}

#[cfg(test)]
mod tests {
    use discovery_eureka::Status;

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
        assert!(plain.credentials().is_none());
        let metadata = [("configPath", "/config/"), ("user", "ann"), ("password", "p/w@x")];
        let full = server(&instance(&metadata)).unwrap();
        assert_eq!(full.to_string(), "http://box:8888/config");
        let (username, password) = full.credentials().unwrap();
        assert_eq!((username, password.expose_secret()), ("ann", "p/w@x"));
    }
}
