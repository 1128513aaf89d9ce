//! Databases to throw away, on the real servers that `deploy/stack` starts and in SQLite files.
//! A server that is not there is a failure that names the command that starts it.

use std::path::PathBuf;

use diesel_async::{
    AsyncConnection, AsyncMysqlConnection, AsyncPgConnection, SimpleAsyncConnection,
};

/// A kind of database that the service runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// Embedded, a file of its own each time.
    Sqlite,
    /// The PostgreSQL server of `ORDER_TEST_POSTGRES_URL`.
    Postgres,
    /// The MariaDB server of `ORDER_TEST_MARIADB_URL`.
    Mariadb,
    /// The MySQL server of `ORDER_TEST_MYSQL_URL`.
    Mysql,
}

/// A database of its own for one test, dropped with this value.
#[derive(Debug)]
pub struct Scratch {
    /// Where it is, as the store takes it.
    pub url: String,
    database: Database,
    name: String,
    folder: Option<PathBuf>,
}

impl Database {
    /// Every kind.
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
                Some(("ORDER_TEST_POSTGRES_URL", "postgres://postgres@127.0.0.1:5442/orders"))
            }
            Self::Mariadb => {
                Some(("ORDER_TEST_MARIADB_URL", "mysql://app:app@127.0.0.1:3316/orders"))
            }
            Self::Mysql => Some(("ORDER_TEST_MYSQL_URL", "mysql://app:app@127.0.0.1:3317/orders")),
        }
    }

    /// Makes an empty database. Call it outside a runtime.
    #[must_use]
    pub fn scratch(self) -> Scratch {
        #[expect(clippy::disallowed_methods, reason = "a name that no other run has")]
        let name = format!("test_{}", uuid::Uuid::new_v4().simple());
        let Some((variable, usual)) = self.server() else {
            let folder = std::env::temp_dir().join(&name);
            std::fs::create_dir(&folder).expect("a folder for the database file");
            let url = format!("sqlite:{}", folder.join("orders.db").display());
            return Scratch { url, database: self, name, folder: Some(folder) };
        };
        self.tell(&format!("CREATE DATABASE {name}"));
        #[expect(clippy::disallowed_methods, reason = "tests take their servers from there")]
        let server = std::env::var(variable).unwrap_or_else(|_| usual.to_owned());
        let (server, _) = server.rsplit_once('/').expect("a URL with a database");
        Scratch { url: format!("{server}/{name}"), database: self, name, folder: None }
    }

    /// Runs one statement on the server itself.
    fn tell(self, statement: &str) {
        let (variable, usual) = self.server().expect("a server");
        #[expect(clippy::disallowed_methods, reason = "tests take their servers from there")]
        let url = std::env::var(variable).unwrap_or_else(|_| usual.to_owned());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let told = runtime.expect("a runtime starts").block_on(async {
            match self {
                Self::Postgres => {
                    AsyncPgConnection::establish(&url).await?.batch_execute(statement).await?;
                }
                _ => AsyncMysqlConnection::establish(&url).await?.batch_execute(statement).await?,
            }
            Ok::<_, Box<dyn std::error::Error>>(())
        });
        assert!(
            told.is_ok(),
            "no {} at {url}: {told:?}; start the servers with `deploy/stack up`, or name yours in \
             {variable}",
            self.name(),
        );
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
