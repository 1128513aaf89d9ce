//! SQLite, embedded.

use std::thread::sleep;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection as _;
use diesel::result::{Error, QueryResult};
use diesel::{Connection as _, SqliteConnection};
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncConnection as _, SimpleAsyncConnection as _};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};
use order_app::ports::{BoxError, Extent};

use crate::adopt::Needs;
use crate::backend::{Access, ListsQuery};
use crate::migrate::LOCK_TIMEOUT;
use crate::pool::Connect;
// What lists are sorted by: texts of other programs do not sort as times.
use crate::schema::orders::created_at_micros as listed_by;

mod batch;
mod catalogue;
mod counters;
mod errors;
mod file;
#[path = "../sql/incoming.rs"]
mod incoming;
mod moods;
#[path = "../sql.rs"]
mod sql;

pub(crate) use sql::{adoption, migrations, ports};

pub(crate) type Connection = SyncConnectionWrapper<SqliteConnection>;
pub(crate) type Dialect = diesel::sqlite::Sqlite;

pub(crate) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// SQLite has one writer at a time. Writers wait for it in our own queue, which is fair.
const WRITERS: Option<u32> = Some(1);

/// Starts a transaction that will write. A plain BEGIN would fail at its first write when another
/// process wrote in between.
const BEGIN: &str = "BEGIN IMMEDIATE";

/// No statement is sent anywhere, so one statement for several lists would save nothing.
const LISTS: Option<ListsQuery<Database>> = None;

/// Where a row stands in lists whose time is none.
const UNTIMED: Option<DateTime<Utc>> = Some(DateTime::UNIX_EPOCH);

/// A time, as lists are sorted: the first microsecond that is not before it.
fn list_key(time: DateTime<Utc>) -> i64 {
    let is_between = !time.timestamp_subsec_nanos().is_multiple_of(1_000);
    time.timestamp_micros().saturating_add(is_between.into())
}

/// The bytes of the lines of an order, as they are sent.
const ITEMS_BYTES: &str = "octet_length(items)";

/// Ends a read whose rows are locked until the end of the transaction: all rows are.
const LOCKING: &str = "";

/// Ends a read that leaves out the rows that others have locked: there are no locks of rows.
const SKIPPING: &str = "";

/// A time from now: the SQL before and after the number of microseconds.
const FROM_NOW: (&str, &str) =
    ("strftime('%Y-%m-%d %H:%M:%f', 'now', printf('%+.6f seconds', ", " / 1000000.0))");

/// Deletes the events that have the positions after one: the SQL before and after its number.
const REMOVE: (&str, &str) = (
    "DELETE FROM outbox_incoming WHERE (order_id, sequence) IN \
     (SELECT order_id, sequence FROM journal WHERE position > ",
    ")",
);

/// Joins the events of orders to the orders, in this order, whatever the optimizer expects of the sizes of
/// the tables.
const JOIN_EVENTS: &str = "CROSS JOIN outbox AS event";

/// The set-up of every connection. Readers do not wait for the writer (WAL), and a commit is on the disk
/// when it succeeds (FULL). A statement waits for another process for the busy time-out; after it the whole
/// transaction is tried again.
const SETUP: &str = "
    PRAGMA busy_timeout = 100;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;";

/// A database file, by its path.
pub(crate) struct Database {
    url: String,
}

impl Database {
    #[expect(
        clippy::unnecessary_wraps,
        reason = "the servers of the other backends have certificates"
    )]
    fn new(url: &str, _: Access<'_>) -> Result<Self, BoxError> {
        Ok(Self { url: url.to_owned() })
    }
}

impl Connect for Database {
    type Connection = Connection;

    const IDLE: Duration = Duration::from_secs(30);

    async fn connect(&self) -> Result<Connection, BoxError> {
        file::close_to_others(&self.url);
        let mut connection = Connection::establish(&self.url).await?;
        connection.batch_execute(SETUP).await?;
        Ok(connection)
    }

    fn is_closed(_: &mut Connection) -> bool {
        false
    }
}

/// How long a process waits that found the file locked.
const REST: Duration = Duration::from_millis(10);

/// Adapts and migrates; several processes at once take turns.
pub(crate) async fn migrate(
    url: &str,
    needs: &Needs,
    extent: Extent,
) -> Result<Vec<String>, BoxError> {
    file::close_to_others(url);
    let mut done = {
        let mut connection = Connection::establish(url).await?;
        adoption::adapt(&mut connection, needs, extent).await?
    };
    let url = url.to_owned();
    let migrating = tokio::task::spawn_blocking(move || {
        let mut connection = SqliteConnection::establish(&url)?;
        set_up(&mut connection)?;
        // The write lock of the file is the lock of the migrations. A second process finds all done.
        connection.immediate_transaction(|connection| {
            let done = connection.run_pending_migrations(MIGRATIONS)?;
            Ok::<_, BoxError>(done.iter().map(ToString::to_string).collect::<Vec<_>>())
        })
    });
    done.extend(migrating.await??);
    Ok(done)
}

/// Sets a connection up, and tries again while the file is locked. Switching a new file to WAL needs the
/// file alone, and SQLite does not wait for that, whatever the busy time-out is.
fn set_up(connection: &mut SqliteConnection) -> QueryResult<()> {
    let setup = SETUP.replace("100", "60000");
    let begin = Instant::now();
    loop {
        let done = connection.batch_execute(&setup);
        let is_locked = |error: &Error| error.to_string() == "database is locked";
        match done {
            Err(error) if is_locked(&error) && begin.elapsed() < LOCK_TIMEOUT => sleep(REST),
            done => return done,
        }
    }
}
