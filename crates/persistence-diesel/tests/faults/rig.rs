//! A store, the proxy between it and its database, and a way to look at the database past both.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use diesel::sql_types::BigInt;
use diesel::{QueryableByName, sql_query};
use diesel_async::{
    AsyncConnection, AsyncMysqlConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection,
};
use order_app::ports::OrderStore;
use order_testkit::databases::Scratch;
use order_testkit::{Proxy, RandomEntropy};
use persistence_diesel::{StoreSettings, migrate, open};

/// How many connections the store may have.
pub(crate) const POOL_SIZE: u32 = 4;

/// A check of one fault.
pub(crate) type Check = fn(Rig) -> Pin<Box<dyn Future<Output = ()>>>;

/// What a check works with.
pub(crate) struct Rig {
    pub(crate) store: Arc<dyn OrderStore>,
    pub(crate) proxy: Proxy,
    url: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

pub(crate) fn settings(url: &str) -> StoreSettings {
    StoreSettings {
        url: url.to_owned(),
        pool_size: POOL_SIZE,
        connection_timeout: Duration::from_millis(500),
    }
}

/// A store of its own, as another process would have it.
pub(crate) fn store(url: &str) -> Arc<dyn OrderStore> {
    open(&settings(url), Arc::new(RandomEntropy)).expect("a known kind of URL")
}

impl Rig {
    /// Migrates a database and puts a store and a proxy before it.
    pub(crate) async fn on(scratch: &Scratch) -> Self {
        migrate(&settings(&scratch.url)).await.expect("the migrations run");
        let server = address_in(&scratch.url);
        let proxy = Proxy::before(server).await;
        let through = scratch.url.replace(&server.to_string(), &proxy.address.to_string());
        assert_ne!(through, scratch.url, "the store goes through the proxy");
        Self { store: store(&through), proxy, url: scratch.url.clone() }
    }

    /// Counts rows, past the proxy.
    pub(crate) async fn count(&self, of: &str) -> i64 {
        let query = sql_query(format!("SELECT COUNT(*) AS count FROM {of}"));
        let count: Count = if self.url.starts_with("postgres") {
            query.get_result(&mut postgres(&self.url).await).await.expect("a count")
        } else {
            query.get_result(&mut mysql(&self.url).await).await.expect("a count")
        };
        count.count
    }

    /// How many connections the server has open for our database, but for the one that asks.
    pub(crate) async fn connections(&self) -> i64 {
        let database = self.url.rsplit('/').next().expect("a database");
        let all = if self.url.starts_with("postgres") {
            format!("pg_stat_activity WHERE datname = '{database}'")
        } else {
            format!("information_schema.processlist WHERE db = '{database}'")
        };
        self.count(&all).await - 1
    }
}

pub(crate) async fn postgres(url: &str) -> AsyncPgConnection {
    AsyncPgConnection::establish(url).await.expect("the server answers")
}

pub(crate) async fn mysql(url: &str) -> AsyncMysqlConnection {
    AsyncMysqlConnection::establish(url).await.expect("the server answers")
}

/// Runs statements on a database, past the store.
pub(crate) async fn execute(url: &str, statements: &str) {
    let done = if let Some(path) = url.strip_prefix("sqlite:") {
        sqlite(path).await.batch_execute(statements).await
    } else if url.starts_with("postgres") {
        postgres(url).await.batch_execute(statements).await
    } else {
        mysql(url).await.batch_execute(statements).await
    };
    done.expect("the statements run");
}

type Sqlite =
    diesel_async::sync_connection_wrapper::SyncConnectionWrapper<diesel::SqliteConnection>;

async fn sqlite(path: &str) -> Sqlite {
    Sqlite::establish(path).await.expect("the file opens")
}

fn address_in(url: &str) -> SocketAddr {
    let (_, rest) = url.split_once('@').expect("credentials");
    rest.split('/').next().expect("an address").parse().expect("an address by numbers")
}
