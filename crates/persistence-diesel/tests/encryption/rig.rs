//! A database on a server whose certificate is changed, and stores that connect to it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use order_app::errors::chain;
use order_app::ports::{Extent, Stores};
use order_testkit::RandomEntropy;
use order_testkit::databases::{Database, Scratch, certificates, count, execute};
use persistence_diesel::{Check, Identity, StoreSettings, Tls, migrate, open};

use crate::relay;

/// The password of each user here.
pub(crate) const PASSWORD: &str = "pl4nted";

pub(crate) struct Rig {
    pub(crate) database: Database,
    pub(crate) scratch: Scratch,
    certificates: PathBuf,
    /// The two files that the server shows, without their endings.
    shown: PathBuf,
}

impl Rig {
    pub(crate) fn on(database: Database) -> Self {
        let (scratch, shown) = (database.scratch(), database.shown_certificate());
        Self { database, scratch, certificates: certificates(), shown }
    }

    /// A file of `deploy/certificates`.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.certificates.join(name)
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.database == Database::Postgres
    }

    /// Makes the tables, and users: `sealed` may connect encrypted alone, `certified` with a certificate alone, and
    /// `spoken` is asked for its password in clear text, on PostgreSQL.
    pub(crate) async fn prepare(&self) {
        let url = &self.scratch.url;
        migrate(&Self::settings(url.clone(), None), Extent::Quick).await.expect("it migrates");
        for (user, demand) in [("sealed", "SSL"), ("certified", "X509"), ("spoken", "NONE")] {
            let make = if self.is_postgres() {
                format!(
                    "DO $$BEGIN CREATE ROLE {user} LOGIN SUPERUSER PASSWORD '{PASSWORD}'; \
                     EXCEPTION WHEN duplicate_object THEN NULL; END$$"
                )
            } else {
                // Made anew: the password of a user that has connected before is not asked for in full.
                format!(
                    "DROP USER IF EXISTS {user}@'%'; \
                     CREATE USER {user}@'%' IDENTIFIED BY '{PASSWORD}' REQUIRE {demand}; \
                     GRANT ALL ON *.* TO {user}@'%'"
                )
            };
            execute(url, &make).await.expect("a user");
        }
    }

    /// Lets the server show another certificate, and waits until it does. Where it does so; the server's own address if that is
    /// `None`.
    pub(crate) async fn show(&self, name: &str) -> Option<SocketAddr> {
        if self.database == Database::Mysql && ["stranger", "expired"].contains(&name) {
            let server = self.scratch.address().expect("a server");
            return Some(relay::posing(server, &self.file(&format!("{name}.pem"))).await);
        }
        for ending in ["pem", "key"] {
            let content = std::fs::read(self.file(&format!("{name}.{ending}")));
            let content = content.expect("a file of deploy/certificates");
            // Written over, because the owner must stay the same.
            std::fs::write(self.shown.with_extension(ending), content).expect("the server's file");
        }
        let url = &self.scratch.url;
        let reload = match self.database {
            Database::Postgres => "SELECT pg_reload_conf()",
            Database::Mysql => "ALTER INSTANCE RELOAD TLS",
            _ => "FLUSH SSL",
        };
        let before = self.loaded_at().await;
        execute(url, reload).await.expect("the server reloads");
        while self.is_postgres() && self.loaded_at().await == before {
            tokio::task::yield_now().await;
        }
        None
    }

    /// When PostgreSQL has read its files last; sessions are told when they begin.
    async fn loaded_at(&self) -> i64 {
        if !self.is_postgres() {
            return 0;
        }
        // Of milliseconds the lowest digits, as a number of rows.
        let of = "generate_series(1, (extract(epoch FROM pg_conf_load_time()) * 1000)::bigint % 1000000)";
        count(&self.scratch.url, of).await.expect("the server answers")
    }

    /// How a client connects: with this check, and the authority of most certificates.
    pub(crate) fn checking(&self, check: Check) -> Tls {
        let authorities = (check != Check::Nothing).then(|| self.file("authority.pem"));
        Tls { check, authorities, identity: None }
    }

    /// The same, with a certificate.
    pub(crate) fn identified(&self, certificates: &str, key: &str) -> Tls {
        let identity = Identity { certificates: self.file(certificates), key: self.file(key) };
        Tls { identity: Some(identity), ..self.checking(Check::Host) }
    }

    /// The URL for a user, at another address if one is given.
    pub(crate) fn url_of(&self, user: &str, address: Option<SocketAddr>) -> String {
        let (scheme, rest) = self.scratch.url.split_once("://").expect("a URL");
        let (_, rest) = rest.split_once('@').expect("a URL with a user");
        let (server, name) = rest.split_once('/').expect("a URL with a database");
        let server = address.map_or(server.to_owned(), |address| address.to_string());
        format!("{scheme}://{user}:{PASSWORD}@{server}/{name}")
    }

    pub(crate) fn settings(url: String, tls: Option<Tls>) -> StoreSettings {
        StoreSettings {
            url,
            pool_size: 2,
            connection_timeout: Duration::from_secs(2),
            group_commit: true,
            decimals: 2,
            schema: None,
            clear_text_password: false,
            tls,
            time_zone: None,
        }
    }

    pub(crate) fn open(url: String, tls: Option<Tls>) -> Result<Stores, String> {
        open(&Self::settings(url, tls), Arc::new(RandomEntropy)).map_err(|error| chain(&error))
    }

    /// Opens one connection; the text is why it failed.
    pub(crate) async fn connect(&self, url: String, tls: Option<Tls>) -> Result<(), String> {
        let stores = Self::open(url, tls)?;
        stores.database.pending().await.map(drop).map_err(|error| chain(&*error))
    }

    /// How many sessions in the database are encrypted, and how many are not, as the server says. MariaDB says nothing of
    /// other sessions: there the user may connect encrypted alone.
    pub(crate) async fn sessions(&self, user: &str) -> (i64, i64) {
        let name = self.scratch.url.rsplit('/').next().unwrap_or_default();
        let of = |encrypted: bool| match self.database {
            Database::Postgres => format!(
                "pg_stat_activity JOIN pg_stat_ssl USING (pid) \
                 WHERE datname = '{name}' AND usename = '{user}' AND ssl = {encrypted}"
            ),
            Database::Mysql => format!(
                "performance_schema.threads WHERE processlist_db = '{name}' \
                 AND processlist_user = '{user}' AND (connection_type = 'SSL/TLS') = {encrypted}"
            ),
            _ => format!(
                "information_schema.processlist JOIN mysql.user ON processlist.user = mysql.user.user \
                 WHERE db = '{name}' AND processlist.user = '{user}' \
                 AND (ssl_type <> '') = {encrypted}"
            ),
        };
        let ask =
            async |encrypted| count(&self.scratch.url, &of(encrypted)).await.expect("it counts");
        (ask(true).await, ask(false).await)
    }
}

/// A copy of a file, for a test that changes it.
pub(crate) fn copied(from: &Path, to: &Path) {
    std::fs::copy(from, to).expect("a copy");
}
