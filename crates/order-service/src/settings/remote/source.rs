//! What the settings say of the config servers, as Spring Cloud Config spells it. They come from
//! local sources alone: a config server cannot send us to another one.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::HeaderName;
use secrecy::SecretString;

use super::server::Server;
use crate::settings::layers::Origin;
use crate::settings::peers::{self, Eureka};
use crate::settings::reader::Reader;
use crate::settings::table;
use crate::settings::values::{self, Fault, Read};

/// Where further settings come from.
#[derive(Debug, Clone)]
pub struct ConfigServer {
    /// What to import; empty: nothing. A later one wins.
    pub imports: Vec<Import>,
    /// Where that is said.
    pub origin: Origin,
    /// The servers for an import without an address.
    pub servers: Vec<Server>,
    /// Where to find them instead.
    pub discovery: Option<Lookup>,
    /// What to ask for.
    pub question: Question,
    /// Whom to ask as.
    pub caller: Caller,
    /// Whether the start fails when no server answers, also where an import is optional.
    pub fail_fast: bool,
    /// How long a server that accepts no connection is waited for.
    pub connect_timeout: Duration,
    /// How long one that does not answer is, once connected.
    pub read_timeout: Duration,
    /// How often to ask when the start depends on it.
    pub retry: Retry,
    /// Where the last good copy is kept.
    pub cache: PathBuf,
    /// How often to look for changes while the service runs.
    pub refresh_interval: Option<Duration>,
}

/// One import from a config server.
#[derive(Debug, Clone)]
pub struct Import {
    /// Whether the start goes on without it.
    pub optional: bool,
    /// The server, unless the configured ones.
    pub server: Option<Server>,
}

/// What to ask a server for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The application, or several with commas between them.
    pub application: String,
    /// The profiles, with commas between them; the last one wins.
    pub profile: String,
    /// The labels (branches, tags), the first that exists of which counts; empty: the server's own.
    pub labels: Vec<String>,
}

/// Whom a server is asked as.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The user; goes before that of a URL.
    pub username: Option<String>,
    /// The password; goes before that of a URL.
    pub password: Option<SecretString>,
    /// For `X-Config-Token`.
    pub token: Option<SecretString>,
    /// Further headers.
    pub headers: BTreeMap<String, SecretString>,
}

/// How often to ask, and with which pauses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    /// The first one included.
    pub attempts: u32,
    /// After the first.
    pub first_pause: Duration,
    /// How much longer each further one is.
    pub multiplier: f64,
    /// The longest.
    pub longest_pause: Duration,
}

/// Where the servers are looked up.
#[derive(Debug, Clone)]
pub struct Lookup {
    /// Their name.
    pub service: String,
    /// The registry.
    pub eureka: Eureka,
}

/// The settings of the client, and of what it needs to know besides.
pub(crate) fn read(own: &mut Reader<'_>, beside: &mut Reader<'_>) -> Option<ConfigServer> {
    let enabled = own.read(&table::CONFIG_ENABLED);
    let imports = own.read(&table::CONFIG_IMPORT);
    let origin = own.origin(&table::CONFIG_IMPORT);
    let servers = own.read(&table::CONFIG_URI);
    let name = own.read(&table::CONFIG_NAME);
    let profile = own.read(&table::CONFIG_PROFILE);
    let labels = own.read(&table::CONFIG_LABEL);
    let caller = caller(own);
    let fail_fast = own.read(&table::CONFIG_FAIL_FAST);
    let connect_timeout = own.read(&table::CONFIG_CONNECT_TIMEOUT);
    let read_timeout = own.read(&table::CONFIG_READ_TIMEOUT);
    let retry = retry(own);
    let by_registry = own.read(&table::CONFIG_DISCOVERY);
    let service = own.read(&table::CONFIG_SERVICE_ID);
    let cache = own.read(&table::CONFIG_CACHE);
    let refresh_interval = own.read(&table::CONFIG_REFRESH);
    let application = beside.read(&table::APPLICATION_NAME);
    let active = beside.read(&table::PROFILES);
    let discovery = if by_registry? { Some(lookup(own, beside, service?)?) } else { None };
    Some(ConfigServer {
        imports: imports.filter(|_| enabled != Some(false)).or(enabled.map(|_| Vec::new()))?,
        origin,
        servers: servers?,
        discovery,
        question: Question {
            application: name?.or(application)?,
            profile: profile?.unwrap_or(profiles(&active?)),
            labels: labels?,
        },
        caller: caller?,
        fail_fast: fail_fast?,
        connect_timeout: connect_timeout?,
        read_timeout: read_timeout?,
        retry: retry?,
        cache: cache?.into(),
        refresh_interval: refresh_interval?,
    })
}

fn profiles(active: &[String]) -> String {
    if active.is_empty() { "default".to_owned() } else { active.join(",") }
}

fn caller(from: &mut Reader<'_>) -> Option<Caller> {
    let username = from.read(&table::CONFIG_USERNAME);
    let password = from.read(&table::CONFIG_PASSWORD);
    let token = from.read(&table::CONFIG_TOKEN);
    let headers = from.family(&table::CONFIG_HEADERS)?;
    if let Some(name) = headers.keys().find(|name| HeaderName::try_from(name.as_str()).is_err()) {
        from.refuse(&table::CONFIG_HEADERS, &format!("{name} is no name of a header"));
        return None;
    }
    Some(Caller { username: username?, password: password?, token: token?, headers })
}

fn retry(from: &mut Reader<'_>) -> Option<Retry> {
    let attempts = from.read(&table::CONFIG_RETRY_ATTEMPTS);
    let first_pause = from.read(&table::CONFIG_RETRY_INITIAL);
    let multiplier = from.read(&table::CONFIG_RETRY_MULTIPLIER);
    let longest_pause = from.read(&table::CONFIG_RETRY_MAX);
    Some(Retry {
        attempts: attempts?,
        first_pause: first_pause?,
        multiplier: multiplier?,
        longest_pause: longest_pause?,
    })
}

fn lookup(own: &mut Reader<'_>, beside: &mut Reader<'_>, service: String) -> Option<Lookup> {
    let eureka = peers::eureka(beside)?;
    if eureka.servers.is_empty() || !eureka.enabled {
        let reason = "eureka.client.service-url.defaultZone names no registry to look it up in";
        own.refuse(&table::CONFIG_DISCOVERY, reason);
        return None;
    }
    Some(Lookup { service, eureka })
}

/// What else is to be imported must be optional, and is left out.
pub(crate) fn imports(text: &str) -> Read<Vec<Import>> {
    let all = values::list(text, import)?;
    Ok(all.into_iter().flatten().collect())
}

fn import(text: &str) -> Read<Option<Import>> {
    let (optional, location) = match text.strip_prefix("optional:") {
        Some(location) => (true, location),
        None => (false, text),
    };
    let Some(uri) = location.strip_prefix("configserver:") else {
        let reason = "only imports from a config server are known";
        return if optional { Ok(None) } else { Err(Fault::because(reason)) };
    };
    Ok(Some(Import { optional, server: values::optional(uri, Server::parse)? }))
}

/// A factor by which pauses grow.
pub(crate) fn multiplier(text: &str) -> Read<f64> {
    let factor: f64 = text.trim().parse().map_err(|_| Fault::SHAPE)?;
    if (1.0..=10.0).contains(&factor) {
        return Ok(factor);
    }
    Err(Fault::SHAPE)
}

/// The value of a header.
pub(crate) fn header(text: &str) -> Read<SecretString> {
    let visible = |b: u8| b.is_ascii_graphic() || b == b' ';
    if text.bytes().all(visible) {
        return values::secret(text);
    }
    Err(Fault::SHAPE)
}

/// As in the path of a request.
impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.application, self.profile)?;
        if self.labels.is_empty() { Ok(()) } else { write!(f, "/{}", self.labels.join(",")) }
    }
}

impl Retry {
    /// The pause after some attempts, the first of which is 1; none after the last.
    pub(super) fn pause(&self, attempt: u32) -> Option<Duration> {
        let grown = |times: u32| {
            let factor = self.multiplier.powi(i32::try_from(times).unwrap_or(i32::MAX));
            // Beyond all measure is beyond the longest as well.
            let pause = Duration::try_from_secs_f64(self.first_pause.as_secs_f64() * factor);
            pause.unwrap_or(Duration::MAX).min(self.longest_pause)
        };
        (attempt < self.attempts).then(|| grown(attempt.saturating_sub(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_read_as_spring_writes_them() {
        let import_of = |text| import(text).unwrap().unwrap();
        let with_server = import_of("optional:configserver:http://u:p@h:8888/");
        assert!(with_server.optional);
        assert_eq!(with_server.server.unwrap().to_string(), "http://h:8888");
        let plain = import_of("configserver:");
        assert!(!plain.optional && plain.server.is_none());
        assert!(imports("optional:file:./x.properties").unwrap().is_empty());
        assert!(import("file:./x.properties").is_err());
        assert!(import("configserver:h:8888").is_err());
    }

    #[test]
    fn pauses_grow_as_springs_do() {
        let retry = Retry {
            attempts: 6,
            first_pause: Duration::from_secs(1),
            multiplier: 1.1,
            longest_pause: Duration::from_millis(1_400),
        };
        let pauses: Vec<_> = (1..=6).map(|n| retry.pause(n).map(|p| p.as_millis())).collect();
        assert_eq!(pauses, [Some(1_000), Some(1_100), Some(1_210), Some(1_331), Some(1_400), None]);
        assert_eq!(
            Retry { attempts: u32::MAX, ..retry }.pause(u32::MAX - 1),
            Some(retry.longest_pause)
        );
    }

    #[test]
    fn factors_and_headers_are_checked() {
        assert!(multiplier("1.1").is_ok());
        for wrong in ["", "x", "0.9", "NaN", "inf", "11"] {
            assert!(multiplier(wrong).is_err(), "{wrong}");
        }
        assert!(header("Bearer x").is_ok());
        assert!(header("a\r\nb: c").is_err());
    }
}
