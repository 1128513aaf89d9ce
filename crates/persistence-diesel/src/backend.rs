//! What differs between the databases. Each child has a connection, its set-up and its migrations, and
//! compiles the statements of `sql/` for it. The code that is compiled once uses it through [`Backend`].

pub(crate) mod mysql;
pub(crate) mod postgres;
pub(crate) mod sqlite;

use std::pin::Pin;
use std::sync::Arc;

use bb8::Pool;
use diesel::QueryResult;
use diesel_async::SimpleAsyncConnection;
use order_app::ports::{
    BoxError, Conflict, CustomerOrders, EventJournal, JournalInspection, OrderStore, SagaStore,
};

use crate::pool::{Connect, Guarded, Manager};
use crate::rows::{ChangeRows, OrderRow, SagaOfOrder, StoredRow, Wanted};
use crate::tls::Tls;
use crate::types::Guid;

/// The ports over one database.
pub(crate) type Ports =
    (Arc<dyn OrderStore>, Arc<dyn SagaStore>, Arc<dyn EventJournal>, Arc<dyn JournalInspection>);

/// Statements under way on one connection.
pub(crate) type Running<'c, T> = Pin<Box<dyn Future<Output = QueryResult<T>> + Send + 'c>>;

/// A function that runs statements on a connection, given what they are about.
pub(crate) type Query<B, A, T> =
    for<'c> fn(&'c mut <B as Connect>::Connection, &'c A) -> Running<'c, T>;

/// Reads the newest orders of several customers by one statement, in the order of the questions.
pub(crate) type ListsQuery<B> = Query<B, [CustomerOrders], Vec<Vec<OrderRow>>>;

/// How a server is used, beside what its URL says.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Access<'a> {
    /// The schema that holds the tables, where databases have them; `None` is the server's choice.
    pub(crate) schema: Option<&'a str>,
    /// Whether the password may be sent to any server that asks for it in clear text.
    pub(crate) clear_text_password: bool,
    /// How connections are encrypted, if they are.
    pub(crate) tls: Option<&'a Tls>,
}

impl Access<'_> {
    /// Whether a server gets the password that asks for it in clear text: on a connection that no one else can read, and
    /// whose other end is known.
    fn gives_passwords(&self) -> bool {
        self.clear_text_password || self.tls.is_some_and(Tls::proves_the_server)
    }
}

/// The server asks for what it may not have.
#[derive(Debug, thiserror::Error)]
#[error(
    "the server asks for the password in clear text, and it is not known who it is: check it by TLS \
     (sslmode=verify-full), let its user log in by a method that proves the password (scram-sha-256 on PostgreSQL, caching_sha2_password on MySQL, ed25519 on MariaDB), or allow it by \
     order.database.allow-cleartext-password=true"
)]
struct ClearTextPassword;

/// A URL with one parameter more.
fn with_parameter(url: &str, parameter: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{parameter}")
}

/// One kind of database.
pub(crate) trait Backend: Connect<Connection: SimpleAsyncConnection> + Sized {
    /// The connections of a pool that is for writing alone; `None` where writers and readers share one.
    const WRITERS: Option<u32>;

    /// Starts a transaction that will write.
    const BEGIN: &'static str;

    /// How several lists are read by one statement; `None` where that saves nothing.
    const LISTS: Option<ListsQuery<Self>>;

    /// Reads several orders by one statement, in the order of the questions.
    const ORDERS: Query<Self, [Wanted], Vec<Option<Arc<StoredRow>>>>;

    /// Reads several sagas with their orders by one statement, in the order of the questions.
    const SAGAS: Query<Self, [i64], Vec<Option<Arc<SagaOfOrder>>>>;

    /// Which of these events are stored.
    const STORED_EVENTS: Query<Self, Vec<Guid>, Vec<Guid>>;

    /// Which of these orders no other session has locked. The others are locked, or not there.
    const UNLOCKED: Query<Self, [i64], Vec<i64>>;

    /// Finds out why a change was not written. Outside a transaction.
    const OBSTACLE: Query<Self, ChangeRows, Obstacle>;

    /// The database at a URL.
    ///
    /// # Errors
    /// A file of certificates is of no use.
    fn at(url: &str, access: Access<'_>) -> Result<Self, BoxError>;

    /// Writes changes in one transaction. After an error nothing is written, unless `in_doubt` is set: it
    /// stays set while the outcome of a COMMIT is unknown. A lock of another session is waited for a moment only;
    /// where a server has no time-out that is short enough, a connection of the pool stops the statement.
    fn write_batch(
        guarded: &mut Guarded<Self::Connection>,
        changes: &[Arc<ChangeRows>],
        in_doubt: &mut bool,
        pool: &Pool<Manager<Self>>,
    ) -> impl Future<Output = QueryResult<BatchOutcome>> + Send;
}

/// What became of a batch of changes.
#[derive(Debug)]
pub(crate) enum BatchOutcome {
    /// All are durable except those of orders that are not what the change has seen.
    Written {
        /// The ids of these orders.
        stale: Vec<i64>,
    },
    /// Nothing was written: something excludes at least one of the changes.
    Excluded,
    /// Nothing was written: another session holds a lock that at least one of the changes needs.
    Held,
}

/// Why a change was not written.
pub(crate) enum Obstacle {
    /// It is stored: an earlier attempt has landed after all.
    WrittenBefore,
    /// Something excludes it.
    Conflict(Conflict),
    /// Nothing stands in its way any more.
    Gone,
}
