//! PostgreSQL.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::ConnectionError;
use diesel_async::pooled_connection::PoolableConnection;
use diesel_async::{AsyncConnection as _, AsyncPgConnection, SimpleAsyncConnection as _};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use order_app::ports::{BoxError, Extent};
use tokio::time::timeout;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::adopt::Needs;
use crate::backend::{Access, ListsQuery, with_parameter};
use crate::migrate::LOCK_TIMEOUT;
use crate::pool::Connect;
// What lists are sorted by.
use crate::schema::orders::created_at as listed_by;
use crate::tls::Connector;

mod batch;
mod catalogue;
mod clear_text;
mod counters;
mod errors;
mod incoming;
mod lists;
mod moods;
mod pooler;
mod session;
#[path = "../sql.rs"]
mod sql;
mod wire;

use pooler::{Doubting, Doubts};
use session::{Session, Way};
pub(crate) use sql::{adoption, migrations, ports};

pub(crate) type Connection = AsyncPgConnection;
pub(crate) type Dialect = diesel::pg::Pg;

pub(crate) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// Readers and writers share their connections.
const WRITERS: Option<u32> = None;

/// Starts a transaction that will write. It may wait for a lock for longer than a statement by itself: the locks
/// of the journal are those of other instances alone.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '1200ms'";

/// How several lists are read by one statement.
const LISTS: Option<ListsQuery<Database>> = Some(lists::newest);

/// Where a row stands in lists whose time is none.
const UNTIMED: Option<DateTime<Utc>> = None;

/// A time, as lists are sorted.
fn list_key(time: DateTime<Utc>) -> NaiveDateTime {
    time.naive_utc()
}

/// The bytes of the lines of an order, as they are sent. Making a text of JSON costs a tenth of reading a list, and the stored
/// size nothing, so small lines count as 512; compressed ones may be larger, but not by far.
const ITEMS_BYTES: &str = "CASE WHEN pg_column_size(items) <= 512 THEN 512 \
                           ELSE octet_length(items::text) END";

/// Ends a read whose rows are locked until the end of the transaction.
const LOCKING: &str = " FOR UPDATE";

/// Ends a read that leaves out the rows that others have locked, and locks the rest until the end of the transaction.
const SKIPPING: &str = " FOR NO KEY UPDATE SKIP LOCKED";

/// A time from now: the SQL before and after the number of microseconds. `now()` would be the time at which
/// the transaction began, and it may have waited since.
const FROM_NOW: (&str, &str) =
    ("(clock_timestamp() AT TIME ZONE 'UTC' + ", " * INTERVAL '1 microsecond')");

/// Joins the events of orders to the orders.
const JOIN_EVENTS: &str = "JOIN outbox AS event";

/// The set-up of every connection. The server gives up a little later than the client does: its time-outs
/// are for clients that are gone. No statement of ours is large enough for parallel workers.
///
/// A statement by itself, as a batch of changes is one, waits for a lock of another session for a moment only: what
/// the batch needs beside it must not wait.
///
/// Every plan is made once, without looking at the values: each statement is an insert, or a range of one
/// index, and planning takes longer than most of them run. The other kinds of plans are disabled: on tables
/// without statistics, as after a start with an empty database, the planner took the whole backlog of events
/// for a few rows, and read and sorted all of it for each page. A disabled plan is still used where no other
/// is possible.
const SETUP: &str = "
    SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED;
    SET statement_timeout = '1500ms';
    SET lock_timeout = '50ms';
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

/// How long a statement by itself waits for a lock of another session (`lock_timeout`).
const MOMENT: Duration = Duration::from_millis(50);

/// A PostgreSQL server, by its URL, and the schema of its database.
pub(crate) struct Database {
    url: String,
    /// How many hosts it names.
    hosts: u32,
    /// Makes a session work in the schema; empty when that is the server's matter.
    place: String,
    clear_text_password: bool,
    tls: Option<Connector<MakeRustlsConnect>>,
    doubts: Arc<Doubts>,
}

impl Database {
    fn new(url: &str, access: Access<'_>) -> Result<Self, BoxError> {
        let place = |schema: &str| format!("SET search_path = {};", quoted(schema));
        let mut url = url.to_owned();
        let hosts = hosts(&url);
        if hosts > 1 && !url.contains("connect_timeout=") {
            // A host that is gone, and answers nothing, must leave time for the next one.
            url = with_parameter(&url, "connect_timeout=1");
        }
        let place = access.schema.map(place).unwrap_or_default();
        let tls = access.tls.map(|tls| {
            let check = tls.check;
            Connector::open(tls, move |material| {
                let connector = material.connector(check)?;
                Ok(MakeRustlsConnect::new(connector.config().as_ref().clone()))
            })
        });
        let tls = tls.transpose()?;
        let clear_text_password = access.gives_passwords();
        Ok(Self { url, hosts, place, clear_text_password, tls, doubts: Arc::default() })
    }

    /// Opens a connection with a session of its own, as the server sets it up. Before that is known, nothing is sent that
    /// would outlive a transaction: it would reach other users of a pooler.
    async fn open(&self) -> Result<Connection, BoxError> {
        let tls = match &self.tls {
            None => None,
            Some(tls) => Some(tls.current().await),
        };
        let way = Way { tls, clear_text_password: self.clear_text_password };
        let open = || Session::open(&self.url, &way);
        let mut session = open().await?;
        self.doubts.settle(&mut session, open).await?;
        let connection = session.into_connection().await;
        if let Err(ConnectionError::CouldntSetupConfiguration(error)) = &connection {
            self.doubts.weigh(error);
        }
        let mut connection = connection?;
        connection.set_instrumentation(Doubting(Arc::clone(&self.doubts)));
        Ok(connection)
    }
}

/// How many hosts a URL names.
fn hosts(url: &str) -> u32 {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let hosts = authority.rsplit('@').next().unwrap_or_default();
    u32::try_from(hosts.split(',').count()).unwrap_or(u32::MAX)
}

/// A name in a statement.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Connect for Database {
    type Connection = Connection;

    const IDLE: Duration = Duration::from_secs(30);

    fn hosts(&self) -> u32 {
        self.hosts
    }

    async fn connect(&self) -> Result<Connection, BoxError> {
        let mut connection = self.open().await?;
        connection.batch_execute(&format!("{}{SETUP}", self.place)).await?;
        Ok(connection)
    }

    fn doubts(&self) -> u32 {
        self.doubts.count()
    }

    fn is_closed(connection: &mut Connection) -> bool {
        connection.is_broken()
    }
}

/// Adapts and migrates; several processes at once take turns.
pub(crate) async fn migrate(
    database: &Database,
    needs: &Needs,
    extent: Extent,
) -> Result<Vec<String>, BoxError> {
    let connection = timeout(LOCK_TIMEOUT, async {
        let mut connection = database.open().await?;
        // Held by the session, so it ends with the connection, whatever happens.
        let lock = "SELECT pg_advisory_lock(8082, 1)";
        connection.batch_execute(&format!("{}{lock}", database.place)).await?;
        Ok::<_, BoxError>(connection)
    });
    let mut connection = connection.await??;
    let mut done = adoption::adapt(&mut connection, needs, extent).await?;
    done.extend(crate::migrate::run(connection, MIGRATIONS)?);
    Ok(done)
}
