//! PostgreSQL.

use std::time::Duration;

use diesel_async::pooled_connection::PoolableConnection;
use diesel_async::{AsyncConnection as _, AsyncPgConnection, SimpleAsyncConnection as _};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use order_app::ports::BoxError;
use tokio::time::timeout;

use crate::backend::ListsQuery;
use crate::migrate::LOCK_TIMEOUT;
use crate::pool::Connect;

mod batch;
mod incoming;
mod lists;
#[path = "../sql.rs"]
mod sql;

pub(crate) use sql::ports;

pub(crate) type Connection = AsyncPgConnection;
pub(crate) type Dialect = diesel::pg::Pg;

pub(crate) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// Readers and writers share their connections.
const WRITERS: Option<u32> = None;

/// Starts a transaction that will write.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// How several lists are read by one statement.
const LISTS: Option<ListsQuery<Database>> = Some(lists::newest);

/// Ends a read of rows that are locked until the end of the transaction.
const LOCKING: &str = " FOR UPDATE";

/// A time so many microseconds from now: what stands before and after their number. Not the time
/// at which the transaction began, for it may have waited since.
const FROM_NOW: (&str, &str) =
    ("(clock_timestamp() AT TIME ZONE 'UTC' + ", " * INTERVAL '1 microsecond')");

/// Joins the events of orders to the orders.
const JOIN_EVENTS: &str = "JOIN outbox AS event";

/// What every connection is told. The server gives up a little later than the client does: these
/// are for statements whose client is gone. None of ours is worth the start of parallel workers.
/// Every plan is made once, without looking at the values: each of our statements is an insert, or
/// a range of one index, whatever they are, and planning takes longer than most of them run. For the
/// same reason planners are kept from everything else: where nobody has analysed the tables yet, as
/// after a start with an empty database, they took the whole backlog of events for a handful, and
/// read and sorted all of it for each page. What is disabled is still done where nothing else helps.
const SETUP: &str = "
    SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED;
    SET statement_timeout = '1500ms';
    SET lock_timeout = '1200ms';
    SET idle_in_transaction_session_timeout = '3s';
    SET max_parallel_workers_per_gather = 0;
    SET plan_cache_mode = force_generic_plan;
    SET enable_seqscan = off;
    SET enable_bitmapscan = off;
    SET enable_sort = off;
    SET enable_hashjoin = off;
    SET enable_mergejoin = off;
    SET enable_material = off;
    SET jit = off;
    SET timezone = 'UTC';";

/// A PostgreSQL server, by its URL.
pub(crate) struct Database {
    url: String,
}

impl Connect for Database {
    type Connection = Connection;

    const IDLE: Duration = Duration::from_secs(30);

    async fn connect(&self) -> Result<Connection, BoxError> {
        let mut connection = AsyncPgConnection::establish(&self.url).await?;
        connection.batch_execute(SETUP).await?;
        Ok(connection)
    }

    fn is_closed(connection: &mut Connection) -> bool {
        connection.is_broken()
    }
}

/// Migrates; several processes at once take turns.
pub(crate) async fn migrate(url: &str) -> Result<Vec<String>, BoxError> {
    let connection = timeout(LOCK_TIMEOUT, async {
        let mut connection = AsyncPgConnection::establish(url).await?;
        // Held by the session, so it ends with the connection, whatever happens.
        connection.batch_execute("SELECT pg_advisory_lock(8082, 1)").await?;
        Ok::<_, BoxError>(connection)
    });
    crate::migrate::run(connection.await??, MIGRATIONS)
}
