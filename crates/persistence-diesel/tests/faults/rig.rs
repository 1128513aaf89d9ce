//! A store, the proxy between it and its database, and connections to the database past both.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use order_app::ports::{EventJournal, Extent, OrderStore, SagaStore, Stores};
use order_testkit::databases::{self, Scratch, Session};
use order_testkit::{Commit, Proxy, RandomEntropy};
use persistence_diesel::{StoreSettings, migrate, open};

/// How many connections the store may have.
pub(crate) const POOL_SIZE: u32 = 4;

/// A check of one fault.
pub(crate) type Check = fn(Rig) -> Pin<Box<dyn Future<Output = ()>>>;

/// What a check works with.
pub(crate) struct Rig {
    pub(crate) store: Arc<dyn OrderStore>,
    pub(crate) sagas: Arc<dyn SagaStore>,
    pub(crate) journal: Arc<dyn EventJournal>,
    pub(crate) proxy: Proxy,
    pub(crate) url: String,
}

pub(crate) fn settings(url: &str) -> StoreSettings {
    StoreSettings {
        url: url.to_owned(),
        pool_size: POOL_SIZE,
        connection_timeout: Duration::from_millis(500),
        group_commit: true,
        decimals: 2,
        schema: None,
        clear_text_password: false,
        tls: None,
        time_zone: None,
    }
}

/// Another store, as another process would have it.
pub(crate) fn store(url: &str) -> Arc<dyn OrderStore> {
    stores(url).orders
}

/// Another store, with its journal.
pub(crate) fn stores(url: &str) -> Stores {
    open(&settings(url), Arc::new(RandomEntropy)).expect("a known kind of URL")
}

impl Rig {
    /// Migrates a database and puts a store and a proxy before it.
    pub(crate) async fn on(scratch: &Scratch) -> Self {
        migrate(&settings(&scratch.url), Extent::Quick).await.expect("the migrations run");
        let server = scratch.address().expect("a server");
        let proxy = Proxy::before(server, Commit::on(&scratch.url)).await;
        let through = scratch.url.replace(&server.to_string(), &proxy.address.to_string());
        assert_ne!(through, scratch.url, "the store goes through the proxy");
        let Stores { orders: store, sagas, journal, .. } = stores(&through);
        Self { store, sagas, journal, proxy, url: scratch.url.clone() }
    }

    /// A connection past the proxy.
    pub(crate) async fn session(&self) -> Session {
        Session::to(&self.url).await.expect("the database is there")
    }

    /// Counts rows, past the proxy.
    pub(crate) async fn count(&self, of: &str) -> i64 {
        databases::count(&self.url, of).await.expect("the database counts")
    }

    /// How many transactions in our database wait for a lock.
    pub(crate) async fn lock_waits(&self) -> i64 {
        let database = self.url.rsplit('/').next().unwrap_or_default();
        let is_postgres = self.url.starts_with("postgres");
        if !is_postgres {
            // InnoDB repeats what it has shown within the last 0.1 s: a query more often than that would
            // see the same for ever.
            tokio::time::sleep(Duration::from_millis(120)).await;
        }
        self.count(&if is_postgres {
            format!("pg_stat_activity WHERE datname = '{database}' AND wait_event_type = 'Lock'")
        } else {
            format!(
                "information_schema.innodb_trx AS waiting JOIN information_schema.processlist AS \
                 connection ON connection.id = waiting.trx_mysql_thread_id \
                 WHERE connection.db = '{database}' AND waiting.trx_state = 'LOCK WAIT'"
            )
        })
        .await
    }

    /// How many connections the server has open for our database.
    pub(crate) async fn connections(&self) -> i64 {
        databases::connections(&self.url).await.expect("the server counts")
    }
}
