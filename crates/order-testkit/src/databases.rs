//! Databases to throw away, on the servers that `deploy/stack` starts and in SQLite files. A test
//! without its server fails, and names the command that starts it.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{
    AsyncConnection, AsyncMysqlConnection, AsyncPgConnection, RunQueryDsl as _,
    SimpleAsyncConnection as _,
};
use order_app::ports::BoxError;

/// A database system that the service supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// Embedded; a new file each time.
    Sqlite,
    /// The PostgreSQL server of `STACK_POSTGRES_URL`.
    Postgres,
    /// The MariaDB server of `STACK_MARIADB_URL`.
    Mariadb,
    /// The MySQL server of `STACK_MYSQL_URL`.
    Mysql,
}

/// A database for one test; dropped together with this value.
#[derive(Debug)]
pub struct Scratch {
    /// Its URL, as the store takes it.
    pub url: String,
    database: Database,
    name: String,
    folder: Option<PathBuf>,
}

impl Database {
    /// Every system.
    pub const ALL: [Self; 4] = [Self::Sqlite, Self::Postgres, Self::Mariadb, Self::Mysql];

    /// A name for test reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Mariadb => "mariadb",
            Self::Mysql => "mysql",
        }
    }

    /// The variable that names the server, and the address at which `just stack-up` puts it.
    const fn server(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => {
                Some(("STACK_POSTGRES_URL", "postgres://postgres@127.0.0.1:5442/orders"))
            }
            Self::Mariadb => Some(("STACK_MARIADB_URL", "mysql://app:app@127.0.0.1:3316/orders")),
            Self::Mysql => Some(("STACK_MYSQL_URL", "mysql://app:app@127.0.0.1:3317/orders")),
        }
    }

    /// The main process of the server, which a test may stop.
    #[must_use]
    pub fn server_process(self) -> u32 {
        let variable = format!("STACK_{}_PID", self.name().to_uppercase());
        #[expect(clippy::disallowed_methods, reason = "tests take their servers from there")]
        let process = std::env::var(&variable).ok().and_then(|process| process.parse().ok());
        assert!(process.is_some(), "{variable} is not set; run `eval \"$(deploy/stack env)\"`");
        process.unwrap_or_default()
    }

    /// The files that the server shows, without their endings `.pem` and `.key`; a test may write others over them.
    #[must_use]
    pub fn shown_certificate(self) -> PathBuf {
        named(&format!("STACK_{}_TLS", self.name().to_uppercase()))
    }

    /// Makes an empty database. Call it outside a runtime.
    #[must_use]
    pub fn scratch(self) -> Scratch {
        #[expect(clippy::disallowed_methods, reason = "a name that no other run has")]
        let name = format!("test_{}", uuid::Uuid::new_v4().simple());
        if self.server().is_none() {
            let folder = std::env::temp_dir().join(&name);
            std::fs::create_dir(&folder).expect("a folder for the database file");
            let url = format!("sqlite:{}", folder.join("orders.db").display());
            return Scratch { url, database: self, name, folder: Some(folder) };
        }
        self.tell(&format!("CREATE DATABASE {name}"));
        let server = self.server_url().expect("a server");
        let (server, _) = server.rsplit_once('/').expect("a URL with a database");
        Scratch { url: format!("{server}/{name}"), database: self, name, folder: None }
    }

    /// Runs one statement on the server itself.
    fn tell(self, statement: &str) {
        let (variable, _) = self.server().expect("a server");
        let url = self.server_url().expect("a server");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let told = runtime.expect("a runtime starts").block_on(execute(&url, statement));
        assert!(
            told.is_ok(),
            "no {} at {url}: {told:?}; start the servers with `deploy/stack up`, or name yours in \
             {variable}",
            self.name(),
        );
    }

    fn server_url(self) -> Option<String> {
        let (variable, usual) = self.server()?;
        #[expect(clippy::disallowed_methods, reason = "tests take their servers from there")]
        Some(std::env::var(variable).unwrap_or_else(|_| usual.to_owned()))
    }
}

/// The folder of the certificates that the servers show, and of others for tests (`deploy/certificates`).
#[must_use]
pub fn certificates() -> PathBuf {
    named("STACK_CERTIFICATES")
}

/// A path that `deploy/stack env` tells.
fn named(variable: &str) -> PathBuf {
    let value = std::env::var_os(variable);
    assert!(
        value.is_some(),
        "{variable} is not set; run `deploy/stack up`, and `eval \"$(deploy/stack env)\"`"
    );
    value.unwrap_or_default().into()
}

/// Runs statements directly on a database.
///
/// # Errors
/// The error of the database.
pub async fn execute(url: &str, statements: &str) -> Result<(), BoxError> {
    Session::to(url).await?.run(statements).await
}

/// A direct connection to a database, for transactions that stay open for a while.
pub struct Session(Connection);

impl Session {
    /// Connects.
    ///
    /// # Errors
    /// The error of the database.
    pub async fn to(url: &str) -> Result<Self, BoxError> {
        Connection::to(url).await.map(Self)
    }

    /// Runs statements.
    ///
    /// # Errors
    /// The error of the database.
    pub async fn run(&mut self, statements: &str) -> Result<(), BoxError> {
        match &mut self.0 {
            Connection::Sqlite(connection) => connection.batch_execute(statements).await?,
            Connection::Postgres(connection) => connection.batch_execute(statements).await?,
            Connection::Mysql(connection) => connection.batch_execute(statements).await?,
        }
        Ok(())
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

/// Counts rows directly: `of` is a table, with or without a condition.
///
/// # Errors
/// The error of the database.
pub async fn count(url: &str, of: &str) -> Result<i64, BoxError> {
    let query = diesel::sql_query(format!("SELECT COUNT(*) AS count FROM {of}"));
    let count: Count = match Connection::to(url).await? {
        Connection::Sqlite(mut connection) => query.get_result(&mut connection).await?,
        Connection::Postgres(mut connection) => query.get_result(&mut *connection).await?,
        Connection::Mysql(mut connection) => query.get_result(&mut connection).await?,
    };
    Ok(count.count)
}

/// The number of open connections to a database, without the one that asks.
///
/// # Errors
/// The error of the server.
pub async fn connections(url: &str) -> Result<i64, BoxError> {
    let database = url.rsplit('/').next().unwrap_or_default();
    let all = if url.starts_with("postgres") {
        format!("pg_stat_activity WHERE datname = '{database}'")
    } else {
        format!("information_schema.processlist WHERE db = '{database}'")
    };
    Ok(count(url, &all).await?.saturating_sub(1))
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
}

pub(crate) enum Connection {
    Sqlite(SyncConnectionWrapper<diesel::SqliteConnection>),
    Postgres(Box<AsyncPgConnection>),
    Mysql(AsyncMysqlConnection),
}

impl Connection {
    pub(crate) async fn to(url: &str) -> Result<Self, BoxError> {
        Ok(if let Some(path) = url.strip_prefix("sqlite:") {
            Self::Sqlite(SyncConnectionWrapper::<_>::establish(path).await?)
        } else if url.starts_with("postgres") {
            Self::Postgres(Box::new(AsyncPgConnection::establish(url).await?))
        } else {
            Self::Mysql(AsyncMysqlConnection::establish(url).await?)
        })
    }
}

impl Scratch {
    /// The address of its server, if it has one.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        let (_, rest) = self.url.split_once('@')?;
        rest.split('/').next()?.parse().ok()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let name = &self.name;
        match (self.database, &self.folder) {
            (_, Some(folder)) => drop(std::fs::remove_dir_all(folder)),
            (Database::Postgres, None) => {
                self.database.tell(&format!("DROP DATABASE {name} WITH (FORCE)"));
            }
            (_, None) => self.database.tell(&format!("DROP DATABASE {name}")),
        }
    }
}
