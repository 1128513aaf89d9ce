//! The database behind `spring.datasource.url`: JDBC's URLs and plain ones, with credentials in any
//! of the places where people put them. Connecting is the store's business.

mod parameters;
mod url;

use std::fmt;
use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};

use super::reader::Reader;
use super::table;
pub(super) use parameters::is_harmless;
pub(crate) use url::{Location, parse};

/// Which database, and how to get in.
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
    /// A name or an address; IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The database's name.
    pub name: String,
    /// Who we are, when said.
    pub username: Option<String>,
    /// Our password, when said.
    pub password: Option<SecretString>,
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

/// Without the credentials: for the log.
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
        if self.host.contains(':') {
            return format!("[{}]:{}", self.host, self.port);
        }
        format!("{}:{}", self.host, self.port)
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
        format!("{credentials}{}/{name}", self.authority())
    }
}

/// The database, and what of its URL is without effect.
pub(super) fn read(from: &mut Reader<'_>) -> Option<(Database, Vec<String>)> {
    let location = from.read(&table::DATASOURCE_URL);
    let username = from.read(&table::DATASOURCE_USERNAME);
    let password = from.read(&table::DATASOURCE_PASSWORD);
    let (mut location, username, password) = (location?, username?, password?);
    // A URL that brings its own user beats the user of a lower layer, such as a file's.
    let url_rank = from.rank(&table::DATASOURCE_URL);
    if let Some(server) = location.server() {
        if username.is_some()
            && (server.username.is_none() || from.rank(&table::DATASOURCE_USERNAME) >= url_rank)
        {
            server.username = username;
        }
        if password.is_some()
            && (server.password.is_none() || from.rank(&table::DATASOURCE_PASSWORD) >= url_rank)
        {
            server.password = password;
        }
    }
    Some((location.database, location.without_effect))
}
