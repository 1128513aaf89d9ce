//! A shop: a service with a few keys, its settings in an empty folder of its own, and one case of
//! them. The environment is always a map; the process's own is never touched.

#![expect(dead_code, reason = "each test uses a part of it")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use chrono::DateTime;
use secrecy::{ExposeSecret as _, SecretString};
use settings_spring::values::{self, Fault, Read, list, optional};
use settings_spring::{
    CONFIG_SERVER, Catalogue, ConfigServer, Effective, FILES, Inputs, LoadError, LookUp, Occasion,
    PROFILE, PROFILES, Reader, Server, Service, Unread, complete, keys, load,
};
use tempfile::TempDir;

/// A marker that is planted where a secret can be.
pub(crate) const PLANTED: &str = "pl4nted";

keys! {
    ROWS;
    NAME: String = "spring.application.name", "shop", Plain, "a name", "The name.", values::text;
    PORT: u16 = "server.port", "8080", Plain, "a port from 0 to 65535", "The port.", values::port;
    URL: SecretString = "spring.datasource.url", "", Url, "a URL with a host", "The database.", url;
    PASSWORD: Option<SecretString> = "spring.datasource.password", "", Secret, "a password",
        "The database's password.", |text| optional(text, values::secret);
    CURRENCIES: Vec<String> = "shop.currencies", "USD", Plain, "currencies with commas between them",
        "The currencies that the shop takes.", |text| list(text, currency);
    DEFAULT_CURRENCY: String = "shop.default-currency", "USD", Plain, "one of shop.currencies",
        "The currency of a price without one.", currency;
    TOPIC: String = "shop.topic", "orders", Plain, "a topic", "Where events go.", values::text;
    BUDGET: Duration = "shop.request-budget", "1s", Plain, "a duration from 100ms to 10s",
        "How long a request may take.",
        |text| values::duration(text, Duration::from_millis(100)..=Duration::from_secs(10));
    MAX_IN_FLIGHT: u32 = "shop.max-in-flight", "512", Plain, "a whole number from 1 to 1000",
        "How many requests run at once.", |text| values::number(text, 1..=1_000);
    LEVELS: String = "logging.level.*", "", Plain, "a level", "The level of a target.", values::text;
    HEADERS: String = "shop.headers.*", "", Secret, "a text", "Headers.", values::text;
    LABELS: String = "shop.labels.*", "", Plain, "a text", "Labels.", values::any;
    COPIES: String = "shop.config.cache-dir", "config-cache", Plain, "a folder",
        "Where the last good copies are.", values::text;
    REMOTE_FILES: Vec<String> = "shop.config.remote-files", "", Plain, "folders with commas between them",
        "The folders whose files a config server may name.", |text| list(text, values::text);
    REMOTE_ENVIRONMENT: Option<bool> = "shop.config.remote-environment", "", Plain, "true or false",
        "Whether a config server may use what is set here.", |text| optional(text, values::flag);
    CA: Option<String> = "shop.ca-location", "", Plain, "a path", "Whose signature is trusted.",
        |text| optional(text, values::text);
    BROKERS: Option<String> = "shop.brokers", "", Plain, "host:port", "Where events go.",
        |text| optional(text, values::text);
    USERNAME: Option<String> = "spring.datasource.username", "", Plain, "a user", "The database's user.",
        |text| optional(text, values::text);
    REGISTRY: Option<String> = "shop.registry", "", Url, "the URL of the one config server",
        "Where config servers are looked up.", |text| optional(text, values::text);
}

static UNREAD: &[Unread] = &[
    Unread::refused(&["server.ssl.*"], "end TLS in front of the shop")
        .unless(&["false"])
        .off("server.ssl.enabled", "false"),
    Unread::ignored(&["spring.main.banner-mode"], "there is no banner").unless(&["off"]),
    Unread::ignored(&["spring.jpa.*"], "the shop has no JPA"),
];

/// Its settings.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) name: String,
    pub(crate) profiles: Vec<String>,
    pub(crate) port: u16,
    pub(crate) url: SecretString,
    pub(crate) password: Option<SecretString>,
    pub(crate) currencies: Vec<String>,
    pub(crate) default_currency: String,
    pub(crate) topic: String,
    pub(crate) ca: Option<String>,
    pub(crate) brokers: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) budget: Duration,
    pub(crate) max_in_flight: u32,
    pub(crate) levels: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) labels: BTreeMap<String, String>,
}

/// What was loaded.
pub(crate) type Loaded = settings_spring::Loaded<Shop>;

pub(crate) static SERVICE: LazyLock<Service<Shop>> = LazyLock::new(|| Service {
    catalogue: Catalogue::new(&[PROFILE, ROWS, FILES, CONFIG_SERVER])
        .owning("shop.")
        .local("shop.config.")
        .alias("DATABASE_URL", "spring.datasource.url")
        .unread(&[UNREAD])
        .answering_for(&["spring.", "server."])
        .sending(|name| name == "shop.brokers")
        .reading_files(|name| name == "shop.ca-location")
        .showing_parameters(|name| name == "user"),
    config_server: Some(ConfigServer {
        name: &NAME,
        copies: &COPIES,
        remote_files: &REMOTE_FILES,
        remote_environment: &REMOTE_ENVIRONMENT,
        user_agent: "shop/1.0",
        registry,
    }),
    read,
});

fn read(from: &mut Reader<'_>) -> Option<Shop> {
    let shop = complete!(Shop {
        name: from.read(&NAME),
        profiles: from.read(&PROFILES),
        port: from.read(&PORT),
        url: from.read(&URL),
        password: from.read(&PASSWORD),
        currencies: from.read(&CURRENCIES),
        default_currency: from.read(&DEFAULT_CURRENCY),
        topic: from.read(&TOPIC),
        ca: from.read(&CA),
        brokers: from.read(&BROKERS),
        username: from.read(&USERNAME),
        budget: from.read(&BUDGET),
        max_in_flight: from.read(&MAX_IN_FLIGHT),
        levels: from.family(&LEVELS),
        headers: from.family(&HEADERS),
        labels: from.family(&LABELS),
    })?;
    if let Some((_, file)) = shop.url.expose_secret().split_once("?ca=") {
        from.check_file(URL.row.name, Path::new(file));
    }
    if !shop.currencies.contains(&shop.default_currency) {
        from.refuse(&DEFAULT_CURRENCY, "is not taken");
    }
    Some(shop)
}

/// A registry that knows one config server, by the name `configserver`.
fn registry(from: &mut Reader<'_>, _: &Inputs) -> Option<Result<LookUp, String>> {
    let Some(url) = from.read(&REGISTRY)? else {
        return Some(Err("shop.registry names no registry to look it up in".to_owned()));
    };
    Some(Ok(Box::new(move |service| {
        let server = Server::parse(&url).ok().filter(|_| service == "configserver");
        server.map(|server| vec![server]).ok_or_else(|| "it is not registered".to_owned())
    })))
}

fn currency(text: &str) -> Read<String> {
    if text.len() == 3 && text != "XXX" {
        return Ok(text.to_owned());
    }
    Err(Fault::because(format!("{text} is no currency")))
}

fn url(text: &str) -> Read<SecretString> {
    if text.contains(' ') { Err(Fault::because("has a blank")) } else { values::secret(text) }
}

/// One case of settings: files, environment and options.
pub(crate) struct Case {
    pub(crate) folder: TempDir,
    pub(crate) inputs: Inputs,
}

impl Case {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let inputs = Inputs {
            options: Vec::new(),
            config: None,
            environment: BTreeMap::new(),
            offered: &[("shop.machine-name", || Some("box".to_owned()))],
            folder: folder.path().to_owned(),
            random: || 7,
            now: || DateTime::UNIX_EPOCH,
            tell: |_| {},
        };
        Self { folder, inputs }
    }

    /// Adds to a file.
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let before = fs::read_to_string(&path).unwrap_or_default();
        fs::write(path, before + text).unwrap();
        self
    }

    /// Adds to the local `application.properties`.
    pub(crate) fn local(self, text: &str) -> Self {
        self.file("application.properties", text)
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.inputs.environment.insert(name.into(), value.into());
        self
    }

    pub(crate) fn option(mut self, name: &str, value: &str) -> Self {
        self.inputs.options.push((name.into(), value.into()));
        self
    }

    pub(crate) fn load(&self, occasion: Occasion<'_>) -> Result<Loaded, LoadError> {
        load(&SERVICE, &self.inputs, occasion)
    }

    pub(crate) fn loaded(&self) -> Loaded {
        self.load(Occasion::Start).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The settings are wrong; returns the message.
    pub(crate) fn wrong(&self) -> String {
        match self.load(Occasion::Start) {
            Err(error @ LoadError::Wrong(_)) => error.to_string(),
            other => panic!("the settings should be wrong: {other:?}"),
        }
    }

    /// Settings are missing; returns the message.
    pub(crate) fn missing(&self, occasion: Occasion<'_>) -> String {
        match self.load(occasion) {
            Err(error @ LoadError::Missing(_)) => error.to_string(),
            other => panic!("settings should be missing: {other:?}"),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.loaded().settings.port
    }

    pub(crate) fn url(&self) -> String {
        self.loaded().settings.url.expose_secret().to_owned()
    }
}

/// The effective setting of a key.
pub(crate) fn effective<'a>(loaded: &'a Loaded, key: &str) -> &'a Effective {
    loaded.effective.iter().find(|e| e.key == key).unwrap()
}
