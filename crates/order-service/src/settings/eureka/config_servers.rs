//! Looks config servers up in Eureka, as `spring.cloud.config.discovery.enabled` asks for it. The
//! registry is only read: this instance is registered when it is ready, by `application/registry.rs`.

use std::sync::Arc;

use discovery_eureka::{Instance, Random};
use secrecy::SecretString;
use settings_spring::{Inputs, LookUp, Reader, Server};
use tokio::runtime::Builder;

use super::Eureka;

/// The look-up in the registry of the settings; or in words why there is no registry. `None` if its
/// settings are wrong.
pub(crate) fn look_up(from: &mut Reader<'_>, inputs: &Inputs) -> Option<Result<LookUp, String>> {
    let eureka = super::read(from)?;
    if eureka.servers.is_empty() || !eureka.enabled {
        let key = super::SERVERS.row.name;
        return Some(Err(format!("{key} names no registry to look it up in")));
    }
    let random = inputs.random;
    let random: Random = Arc::new(move || u64::try_from(random() >> 64).unwrap_or_default());
    Some(Ok(Box::new(move |service| {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        runtime.block_on(servers(&eureka, service, Arc::clone(&random)))
    })))
}

/// The servers, as the registry knows them now.
async fn servers(eureka: &Eureka, service: &str, random: Random) -> Result<Vec<Server>, String> {
    let asked = eureka.asked().map_err(|error| error.to_string())?;
    let found = discovery_eureka::look_up(service, &asked, random).await;
    let found = found.map_err(|error| error.to_string())?;
    let servers: Vec<_> = found.iter().filter_map(server).collect();
    if servers.is_empty() {
        return Err("Eureka knows no instance of it that is up".to_owned());
    }
    Ok(servers)
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
    use secrecy::ExposeSecret as _;

    use super::*;

    fn instance(metadata: &[(&str, &str)]) -> Instance {
        let metadata = metadata.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Instance {
            app: "CONFIG".into(),
            id: "i".into(),
            host: "box".into(),
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
