//! Where orders are kept: the database behind `spring.datasource.url`, and how it is used.

mod encryption;
mod parameters;
mod place;
mod url;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use settings_spring::values::{self, Read};
use settings_spring::{Reader, complete, keys};

use super::server::Requests;
pub use encryption::{Encryption, ServerCheck};
pub(super) use parameters::is_harmless;
pub(super) use place::ROWS as DATASOURCE;

keys! {
    pub(super) POOL;
    POOL_SIZE: u32 = "spring.datasource.hikari.maximum-pool-size", "10", Plain,
        "a whole number from 1 to 1000",
        "How many connections to the database are open at most.",
        |text| values::number(text, 1..=1_000);
    CONNECTION_TIMEOUT: Duration = "spring.datasource.hikari.connection-timeout", "500ms", Plain,
        "a duration from 1ms to 1h",
        "How long a request waits for a connection; never longer than order.request-budget.",
        |text| values::duration(text, Duration::from_millis(1)..=Duration::from_hours(1));
}

keys! {
    pub(super) ACCESS;
    // Hidden as all names with `password` in them are.
    CLEAR_TEXT_PASSWORD: bool = "order.database.allow-cleartext-password", "false", Secret,
        "true or false",
        "Whether any database server that asks for the password in clear text gets it. Unless it is checked by TLS, an attacker on \
         the way can read it, or ask for it in the server's name; one that is checked gets it without this.",
        values::flag;
}

keys! {
    pub(super) KEPT;
    RETENTION: Option<Duration> = "order.events.retention", "30d", Plain,
        "a duration from 1s to 36500d, or forever",
        "How long published events are kept before they are purged; the newest of each order stays.",
        retention;
}

keys! {
    pub(super) UPKEEP;
    MIGRATE_AT_START: bool = "order.migrate-at-start", "true", Plain, "true or false",
        "Whether serve brings the database's tables up to date before it is ready.", values::flag;
    GROUP_COMMIT: bool = "order.group-commit", "true", Plain, "true or false",
        "Whether changes that wait at the same time are written in one transaction. Without it each \
         has its own: slower, and of use for comparisons only.",
        values::flag;
    HOUSEKEEPING_INTERVAL: Duration = "order.housekeeping.interval", "60s", Plain,
        "a duration from 1s to 1d",
        "How often expired idempotency keys and published events are looked for.",
        |text| values::duration(text, Duration::from_secs(1)..=Duration::from_hours(24));
}

/// Where orders are kept, and how the database is used.
#[derive(Debug, Clone)]
pub struct Storage {
    /// The database.
    pub database: Database,
    /// The schema of PostgreSQL that holds the tables; `None` is the first of the server's search path.
    pub schema: Option<String>,
    /// The time zone in which another service stores times without zone; `None` is UTC.
    pub time_zone: Option<String>,
    /// How connections to a server are encrypted, if they are.
    pub encryption: Option<Encryption>,
    /// Whether any server that asks for the password in clear text gets it.
    pub clear_text_password: bool,
    /// How many connections are open at most.
    pub pool_size: u32,
    /// How long to wait for a connection; never longer than a request may take.
    pub connection_timeout: Duration,
    /// Whether the tables are brought up to date at the start.
    pub migrate_at_start: bool,
    /// Whether changes are written together.
    pub group_commit: bool,
    /// How often expired rows are cleared away.
    pub housekeeping_interval: Duration,
    /// How long published events are kept; `None` is for ever.
    pub retention: Option<Duration>,
}

/// A database.
#[derive(Debug, Clone)]
pub enum Database {
    /// A file.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(Server),
    /// A MySQL or MariaDB server.
    MySql(Server),
}

/// A database on a server.
#[derive(Debug, Clone)]
pub struct Server {
    /// Where the server is; several are tried in this order. At least one.
    pub addresses: Vec<Address>,
    /// Whether only a server that takes writes will do.
    pub needs_primary: bool,
    /// Whether the login must be bound to the encryption of its connection.
    pub is_bound: bool,
    /// The database's name.
    pub name: String,
    /// The user, if one was set.
    pub username: Option<String>,
    /// The user's password, if one was set.
    pub password: Option<SecretString>,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A name or an address; IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Database {
    /// The connection URL that the store takes: `sqlite:PATH`, `postgres://…` or `mysql://…`,
    /// percent-encoded.
    #[must_use]
    pub fn url(&self) -> SecretString {
        SecretString::from(match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres(server) => format!("postgres://{}", server.encoded()),
            Self::MySql(server) => format!("mysql://{}", server.encoded()),
        })
    }
}

/// The URL without credentials, for the log.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, server) = match self {
            Self::Sqlite(path) => return write!(f, "sqlite:{}", path.display()),
            Self::Postgres(server) => ("postgres", server),
            Self::MySql(server) => ("mysql", server),
        };
        write!(f, "{scheme}://{}/{}", server.authority(), server.name)
    }
}

impl Server {
    fn authority(&self) -> String {
        let addresses: Vec<_> = self.addresses.iter().map(ToString::to_string).collect();
        addresses.join(",")
    }

    fn encoded(&self) -> String {
        let credentials = match (&self.username, &self.password) {
            (None, _) => String::new(),
            (Some(user), None) => format!("{}@", url::encoded(user)),
            (Some(user), Some(password)) => {
                let password = url::encoded(password.expose_secret());
                format!("{}:{password}@", url::encoded(user))
            }
        };
        let name = url::encoded(&self.name);
        let mut parameters = Vec::new();
        if self.addresses.len() > 1 {
            // Seconds; a host that does not answer must not keep the next one from being tried.
            parameters.push("connect_timeout=2");
        }
        if self.needs_primary {
            parameters.push("target_session_attrs=read-write");
        }
        if self.is_bound {
            parameters.push("channel_binding=require");
        }
        let mark = if parameters.is_empty() { "" } else { "?" };
        format!("{credentials}{}/{name}{mark}{}", self.authority(), parameters.join("&"))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            return write!(f, "[{}]:{}", self.host, self.port);
        }
        write!(f, "{}:{}", self.host, self.port)
    }
}

pub(super) fn read(from: &mut Reader<'_>, requests: Option<Requests>) -> Option<Storage> {
    let place = place::read(from);
    let storage = complete!(Storage {
        database: place.as_ref().map(|place| place.database.clone()),
        schema: place.as_ref().map(|place| place.schema.clone()),
        time_zone: place.as_ref().map(|place| place.time_zone.clone()),
        encryption: place.as_ref().map(|place| place.encryption.clone()),
        clear_text_password: from.read(&CLEAR_TEXT_PASSWORD),
        pool_size: from.read(&POOL_SIZE),
        connection_timeout: from.read(&CONNECTION_TIMEOUT),
        migrate_at_start: from.read(&MIGRATE_AT_START),
        group_commit: from.read(&GROUP_COMMIT),
        housekeeping_interval: from.read(&HOUSEKEEPING_INTERVAL),
        retention: from.read(&RETENTION),
    })?;
    let connection_timeout = storage.connection_timeout.min(requests?.budget);
    Some(Storage { connection_timeout, ..storage })
}

fn retention(text: &str) -> Read<Option<Duration>> {
    if text.trim().eq_ignore_ascii_case("forever") {
        return Ok(None);
    }
    let longest = Duration::from_hours(36_500 * 24);
    values::duration(text, Duration::from_secs(1)..=longest).map(Some)
}
