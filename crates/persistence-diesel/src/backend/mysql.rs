//! MySQL and MariaDB.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel_async::pooled_connection::PoolableConnection;
use diesel_async::{
    AsyncConnection as _, AsyncMysqlConnection, RunQueryDsl as _, SimpleAsyncConnection as _,
};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use mysql_async::{ClientIdentity, Conn, DriverError, Opts, OptsBuilder, SslOpts};
use order_app::ports::{BoxError, Extent};
use tokio::time::timeout;

use crate::adopt::Needs;
use crate::backend::{Access, ClearTextPassword, ListsQuery, with_parameter};
use crate::migrate::LOCK_TIMEOUT;
use crate::pool::{Connect, Introduction};
// What lists are sorted by.
use crate::schema::orders::created_at as listed_by;
use crate::tls::{Check, Connector, Material, NotEncrypted, explained};

mod batch;
mod catalogue;
mod counters;
mod errors;
#[path = "../sql/incoming.rs"]
mod incoming;
mod moods;
#[path = "../sql.rs"]
mod sql;

pub(crate) use sql::{adoption, migrations, ports};

pub(crate) type Connection = AsyncMysqlConnection;
pub(crate) type Dialect = diesel::mysql::Mysql;

pub(crate) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/mysql");

/// Readers and writers share their connections.
const WRITERS: Option<u32> = None;

/// Starts a transaction that will write.
const BEGIN: &str = "START TRANSACTION";

/// MariaDB has no lateral joins, so each list is read by a statement of its own.
const LISTS: Option<ListsQuery<Database>> = None;

/// Where a row stands in lists whose time is none.
const UNTIMED: Option<DateTime<Utc>> = None;

/// A time, as lists are sorted.
fn list_key(time: DateTime<Utc>) -> NaiveDateTime {
    time.naive_utc()
}

/// About the bytes of the lines of an order, as they are sent. MySQL would make a text of JSON to count its bytes, which costs
/// half as much as reading a list; it knows the stored size. MariaDB stores the text. Each passes over what is for the other.
const ITEMS_BYTES: &str = "/*!50722 IF(JSON_VALID(items), JSON_STORAGE_SIZE(items), \
                           OCTET_LENGTH(items)) */ /*M! OCTET_LENGTH(items) */";

/// Ends a read whose rows are locked until the end of the transaction.
const LOCKING: &str = " FOR UPDATE";

/// Ends a read that leaves out the rows that others have locked, and locks the rest until the end of the transaction.
const SKIPPING: &str = " FOR UPDATE SKIP LOCKED";

/// A time from now: the SQL before and after the number of microseconds.
const FROM_NOW: (&str, &str) = ("(CURRENT_TIMESTAMP(6) + INTERVAL ", " MICROSECOND)");

/// Deletes the events that have the positions after one: the SQL before and after its number. The hints make
/// the server read the journal first: the other way round it would wait for writers that have not committed
/// yet.
const REMOVE: (&str, &str) = (
    "DELETE incoming FROM journal STRAIGHT_JOIN outbox_incoming AS incoming \
     FORCE INDEX (PRIMARY) ON incoming.order_id = journal.order_id \
     AND incoming.sequence = journal.sequence WHERE journal.position > ",
    "",
);

/// Joins the events of orders to the orders, in this order, whatever the optimizer expects of the sizes of
/// the tables.
const JOIN_EVENTS: &str = "STRAIGHT_JOIN outbox AS event FORCE INDEX (outbox_by_order)";

/// The set-up of every connection. The default isolation, REPEATABLE READ, would allow lost updates. The
/// server gives up statements and transactions a little later than the client does: its time-outs are for
/// clients that are gone. Only MariaDB reads the comments that begin with M, and only MySQL those with a
/// number. diesel-async sets the time zone.
///
/// MySQL has no time-out for an idle transaction. So the time-outs of idle connections (`wait_timeout`)
/// and of half-sent messages (`net_read_timeout`, `net_write_timeout`) end the transaction of a halted
/// client, and its locks. They are shorter than the lease of the relay, which is taken over under those
/// locks, and longer than [`Connect::IDLE`].
const SETUP: &str = concat!(
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; SET ",
    moods::meaning!(),
    "
        , SESSION innodb_lock_wait_timeout = 1
        , SESSION lock_wait_timeout = 2
        , SESSION wait_timeout = 5
        , SESSION net_read_timeout = 5
        , SESSION net_write_timeout = 5
        /*M! , SESSION max_statement_time = 1.5 */
        /*M! , SESSION idle_transaction_timeout = 3 */
        /*!80000 , SESSION max_execution_time = 1500 */"
);

/// A MySQL or MariaDB server, by its URL.
pub(crate) struct Database {
    url: String,
    /// What the URL says, and how connections are encrypted, if they are.
    tls: Option<Connector<Opts>>,
}

impl Database {
    fn new(url: &str, access: Access<'_>) -> Result<Self, BoxError> {
        // Off by default in the client.
        let clear = "enable_cleartext_plugin=true";
        let url = if access.gives_passwords() { with_parameter(url, clear) } else { url.into() };
        let tls = access.tls.map(|tls| {
            let (url, check) = (url.clone(), tls.check);
            Connector::open(tls, move |material| options(&url, check, material))
        });
        Ok(Self { tls: tls.transpose()?, url })
    }

    /// Opens a connection as the server sets it up.
    async fn open(&self) -> Result<Connection, BoxError> {
        let opened = match &self.tls {
            None => AsyncMysqlConnection::establish(&self.url).await.map_err(BoxError::from),
            Some(tls) => encrypted(tls.current().await).await,
        };
        opened.map_err(|error| {
            // The client keeps the text alone of its own errors.
            if error.to_string().contains("mysql_clear_password") {
                return ClearTextPassword.into();
            }
            error
        })
    }
}

/// What the client takes for encrypted connections; what diesel-async sets for plain ones among it.
fn options(url: &str, check: Check, material: &Material) -> Result<Opts, BoxError> {
    // Named here, because the client says no more than that the files are no use.
    material.connector(check)?;
    let authorities = material.authorities().map(|der| der.to_vec().into());
    let identity = material.identity().map(|pem| ClientIdentity::new(pem.to_vec().into()));
    let tls = SslOpts::default()
        .with_root_certs(authorities.collect())
        .with_client_identity(identity)
        .with_danger_accept_invalid_certs(check == Check::Nothing)
        .with_danger_skip_domain_validation(check == Check::Authority);
    // A server on this machine would be reached by its socket, which is not encrypted.
    let options = OptsBuilder::from_opts(Opts::from_url(url)?).prefer_socket(false);
    Ok(options.stmt_cache_size(0).client_found_rows(true).ssl_opts(tls).into())
}

/// Opens an encrypted connection.
async fn encrypted(options: Opts) -> Result<Connection, BoxError> {
    let host = options.ip_or_hostname().to_owned();
    let opened = Conn::new(options).await.map_err(|error| match &error {
        mysql_async::Error::Driver(DriverError::NoClientSslFlagFromServer) => {
            NotEncrypted::without_tls(&host).into()
        }
        mysql_async::Error::Io(mysql_async::IoError::Tls(cause)) => {
            NotEncrypted::in_the_handshake(&host, cause).into()
        }
        _ => match explained(&host, &error) {
            Some(explained) => explained.into(),
            None => BoxError::from(error),
        },
    });
    Ok(AsyncMysqlConnection::try_from(opened?).await?)
}

impl Connect for Database {
    type Connection = Connection;

    const IDLE: Duration = Duration::from_secs(3);

    async fn connect(&self) -> Result<Connection, BoxError> {
        let mut connection = self.open().await?;
        connection.batch_execute(SETUP).await?;
        Ok(connection)
    }

    async fn introduce(connection: &mut Connection) -> Result<Introduction, BoxError> {
        let ask = "SELECT CAST(CONNECTION_ID() AS SIGNED) AS number, \
             CAST(@@max_allowed_packet AS SIGNED) AS most_bytes";
        let told: Told = diesel::sql_query(ask).get_result(connection).await?;
        let most_bytes = usize::try_from(told.most_bytes).ok();
        Ok(Introduction { number: Some(told.number), most_bytes })
    }

    fn is_closed(connection: &mut Connection) -> bool {
        connection.is_broken()
    }
}

/// What the server says of a connection.
#[derive(diesel::QueryableByName)]
struct Told {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    number: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    most_bytes: i64,
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
        let lock = "SELECT GET_LOCK(CONCAT('order-', SHA2(DATABASE(), 224)), 3600) AS locked";
        let lock: Lock = diesel::sql_query(lock).get_result(&mut connection).await?;
        match lock.locked {
            Some(1) => Ok::<_, BoxError>(connection),
            _ => Err("the lock of the migrations was not given".into()),
        }
    });
    let mut connection = connection.await??;
    let mut done = adoption::adapt(&mut connection, needs, extent).await?;
    done.extend(moods::mend_list(&mut connection).await?);
    done.extend(crate::migrate::run(connection, MIGRATIONS)?);
    Ok(done)
}

#[derive(diesel::QueryableByName)]
struct Lock {
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::BigInt>)]
    locked: Option<i64>,
}
