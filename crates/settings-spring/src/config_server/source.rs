//! What the settings say of the config servers, under the names of Spring Cloud Config. It is read
//! from local sources alone: a config server cannot send the service to another one.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::HeaderName;
use secrecy::SecretString;

use super::import::{Import, import};
use super::retry::{Retry, attempts, multiplier, pause};
use super::server::Server;
use crate::catalogue::{Key, keys};
use crate::inputs::Inputs;
use crate::locations::ServerImport;
use crate::reader::{Reader, complete};
use crate::remote::Remote;
use crate::scope::Scope;
use crate::values::{self, list, optional};

keys! {
    pub ROWS;
    ENABLED: bool = "spring.cloud.config.enabled", "true", Plain,
        "true or false",
        "Whether anything is imported from config servers at all.", values::flag;
    pub(crate) URI: Vec<Server> = "spring.cloud.config.uri", "http://localhost:8888", Url,
        "http:// or https:// URLs with commas between them",
        "The config servers for an import that names none; the next one is asked when one fails.",
        |text| list(text, Server::parse);
    NAME: Option<String> = "spring.cloud.config.name", "", Plain,
        "a name",
        "The application to ask for; spring.application.name unless set.",
        |text| optional(text, values::text);
    PROFILE: Option<String> = "spring.cloud.config.profile", "", Plain,
        "profile names with commas between them",
        "The profiles to ask for; spring.profiles.active unless set.",
        |text| optional(text, values::text);
    LABEL: Vec<String> = "spring.cloud.config.label", "", Plain,
        "labels with commas between them",
        "The labels (branches, tags) to ask for; the first that exists counts.",
        |text| list(text, values::text);
    USERNAME: Option<String> = "spring.cloud.config.username", "", Plain,
        "a user name",
        "The user to ask as; goes before the one in a URL.",
        |text| optional(text, values::text);
    PASSWORD: Option<SecretString> = "spring.cloud.config.password", "", Secret,
        "a password, or file:PATH of the file that holds it",
        "The password of that user; goes before the one in a URL.",
        |text| optional(text, values::secret);
    TOKEN: Option<SecretString> = "spring.cloud.config.token", "", Secret,
        "a token, or file:PATH of the file that holds it",
        "Sent along as X-Config-Token.",
        |text| optional(text, values::header);
    HEADERS: SecretString = "spring.cloud.config.headers.*", "", Secret,
        "the value of a header of this name",
        "Sent along with each request to a config server.", values::header;
    FAIL_FAST: bool = "spring.cloud.config.fail-fast", "false", Plain,
        "true or false",
        "Whether the start fails when no config server answers, even where the import is optional.",
        values::flag;
    CONNECT_TIMEOUT: Duration = "spring.cloud.config.request-connect-timeout", "2s", Plain,
        "a duration from 10ms to 5m",
        "How long a config server may take to accept a connection.",
        |text| values::duration(text, Duration::from_millis(10)..=Duration::from_mins(5));
    READ_TIMEOUT: Duration = "spring.cloud.config.request-read-timeout", "10s", Plain,
        "a duration from 10ms to 5m",
        "How long a config server may take to answer in full after that.",
        |text| values::duration(text, Duration::from_millis(10)..=Duration::from_mins(5));
    RETRY_ATTEMPTS: u32 = "spring.cloud.config.retry.max-attempts", "6", Plain,
        "a whole number from 1 to 1000",
        "How often a start that needs a config server asks for its answer.",
        attempts;
    RETRY_INITIAL: Duration = "spring.cloud.config.retry.initial-interval", "1000ms", Plain,
        "a duration from 1ms to 1h",
        "The pause after the first attempt.",
        pause;
    RETRY_MULTIPLIER: f64 = "spring.cloud.config.retry.multiplier", "1.1", Plain,
        "a number from 1 to 10",
        "How many times as long each further pause is.",
        multiplier;
    RETRY_MAX: Duration = "spring.cloud.config.retry.max-interval", "2000ms", Plain,
        "a duration from 1ms to 1h",
        "The longest pause.",
        pause;
    DISCOVERY: bool = "spring.cloud.config.discovery.enabled", "false", Plain,
        "true or false",
        "Whether the config servers are looked up in Eureka instead.", values::flag;
    SERVICE_ID: String = "spring.cloud.config.discovery.service-id", "configserver", Plain,
        "a name",
        "The name under which they are registered.", values::text;
}

/// What the engine must know to import settings from config servers.
#[derive(Debug, Clone, Copy)]
pub struct ConfigServer {
    /// The key `spring.application.name`, with the service's own default: what a server is asked for.
    pub name: &'static Key<String>,
    /// The key of the folder that holds the last good copies. They may hold secrets.
    pub copies: &'static Key<String>,
    /// The key of the folders whose files a document may name (`file:…`).
    pub remote_files: &'static Key<Vec<String>>,
    /// The key that says whether the placeholders of a document may name what is set on this machine. `None` allows
    /// it, but not in an address or a header.
    pub remote_environment: &'static Key<Option<bool>>,
    /// Sent as `user-agent` with each request: `name/version`.
    pub user_agent: &'static str,
    /// Where servers are looked up if `spring.cloud.config.discovery.enabled` asks for it. The function
    /// reads the registry's settings: `None` if they are wrong; or in words why there is no registry.
    pub registry: fn(&mut Reader<'_>, &Inputs) -> Option<Result<LookUp, String>>,
}

impl ConfigServer {
    /// What the local settings allow to documents; `None` if one is wrong.
    pub(crate) fn remote(&self, own: &mut Reader<'_>) -> Option<Remote> {
        let keys = [self.remote_environment.row.name, self.remote_files.row.name];
        let (environment, files) = (own.read(self.remote_environment), own.read(self.remote_files));
        let folders = files?.into_iter().map(PathBuf::from).collect();
        Some(Remote { environment: environment?, folders, keys })
    }
}

/// Looks up config servers by the name under which they are registered. It returns at least one, or
/// says in words why there is none.
pub type LookUp = Box<dyn Fn(&str) -> Result<Vec<Server>, String>>;

/// The config servers, and what is imported from them.
pub(crate) struct Source {
    /// What to import; empty for nothing. A later import wins.
    pub(crate) imports: Vec<Import>,
    /// The servers for an import without an address.
    pub(super) servers: Vec<Server>,
    /// The name under which servers are looked up instead, and the look-up.
    pub(super) registry: Option<(String, LookUp)>,
    pub(super) question: Question,
    pub(super) caller: Caller,
    pub(super) user_agent: &'static str,
    /// Whether an optional import is needed, too.
    pub(super) fail_fast: bool,
    pub(super) connect_timeout: Duration,
    /// How long a connected server may take to answer.
    pub(super) read_timeout: Duration,
    pub(super) retry: Retry,
    /// The folder of the last good copies.
    pub(super) copies: PathBuf,
}

/// What is to be imported, and for which profiles.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) servers: &'a [ServerImport],
    pub(crate) profiles: &'a [String],
}

/// What a server is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// The application, or several with commas between them.
    pub(super) application: String,
    /// The profiles, with commas between them; the last one wins.
    pub(super) profile: String,
    /// The labels (branches, tags); the first that exists counts. Empty for the server's default.
    pub(super) labels: Vec<String>,
}

/// Who asks, and what is sent along.
pub(super) struct Caller {
    /// Goes before the user of a URL.
    pub(super) username: Option<String>,
    /// Goes before the password of a URL.
    pub(super) password: Option<SecretString>,
    /// For `X-Config-Token`.
    pub(super) token: Option<SecretString>,
    /// Further headers.
    pub(super) headers: BTreeMap<String, SecretString>,
}

impl Source {
    /// Reads the client's keys with `own`. `beside` reads what other parts of the service use, too:
    /// they report what is wrong with it.
    pub(crate) fn read(
        with: &ConfigServer,
        wanted: Wanted<'_>,
        own: &mut Reader<'_>,
        beside: &mut Reader<'_>,
        scope: Scope<'_>,
    ) -> Option<Self> {
        let enabled = own.read(&ENABLED);
        let imports = wanted.servers.iter().map(import);
        let imports: Vec<_> = imports
            .filter_map(|read| read.map_err(|wrong| own.problems.push(wrong)).ok())
            .collect();
        let servers = own.read(&URI);
        let name = own.read(&NAME);
        let profile = own.read(&PROFILE);
        let labels = own.read(&LABEL);
        let caller = complete!(Caller {
            username: own.read(&USERNAME),
            password: own.read(&PASSWORD),
            token: own.read(&TOKEN),
            headers: headers(own),
        });
        let fail_fast = own.read(&FAIL_FAST);
        let connect_timeout = own.read(&CONNECT_TIMEOUT);
        let read_timeout = own.read(&READ_TIMEOUT);
        let retry = complete!(Retry {
            attempts: own.read(&RETRY_ATTEMPTS),
            first_pause: own.read(&RETRY_INITIAL),
            multiplier: own.read(&RETRY_MULTIPLIER),
            longest_pause: own.read(&RETRY_MAX),
        });
        let by_registry = own.read(&DISCOVERY);
        let service = own.read(&SERVICE_ID);
        let copies = own.read(with.copies);
        let application = beside.read(with.name);
        let registry = if by_registry? {
            let look_up = (with.registry)(beside, scope.inputs)?;
            Some((service?, look_up.map_err(|reason| own.refuse(&DISCOVERY, &reason)).ok()?))
        } else {
            None
        };
        let profile = profile?.unwrap_or_else(|| wanted.profiles.join(","));
        Some(Self {
            imports: if enabled? { imports } else { Vec::new() },
            servers: servers?,
            registry,
            question: Question { application: name?.or(application)?, profile, labels: labels? },
            caller: caller?,
            user_agent: with.user_agent,
            fail_fast: fail_fast?,
            connect_timeout: connect_timeout?,
            read_timeout: read_timeout?,
            retry: retry?,
            copies: copies?.into(),
        })
    }
}

fn headers(from: &mut Reader<'_>) -> Option<BTreeMap<String, SecretString>> {
    let headers = from.family(&HEADERS)?;
    let mut names = headers.keys();
    if let Some(name) = names.find(|name| HeaderName::try_from(name.as_str()).is_err()) {
        from.refuse(&HEADERS, &format!("{name} is no name of a header"));
        return None;
    }
    Some(headers)
}

/// As in the path of a request.
impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.application, self.profile)?;
        if self.labels.is_empty() { Ok(()) } else { write!(f, "/{}", self.labels.join(",")) }
    }
}
