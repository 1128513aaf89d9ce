//! MySQL and MariaDB.

use diesel::result::Error;
use diesel_async::pooled_connection::PoolableConnection;
use diesel_async::{AsyncConnection as _, AsyncMysqlConnection, SimpleAsyncConnection as _};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use order_app::ports::BoxError;

use crate::pool::Connect;

#[path = "../statements.rs"]
mod statements;
#[path = "../store.rs"]
mod store;

pub(crate) use store::Store;

pub(crate) type Connection = AsyncMysqlConnection;
pub(crate) type Dialect = diesel::mysql::Mysql;

pub(crate) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/mysql");

/// Starts a transaction that will write.
const BEGIN: &str = "START TRANSACTION";

/// What every connection is told. The default isolation, REPEATABLE READ, would allow lost
/// updates; the time zone is set by diesel-async.
const SETUP: &str = "
    SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
    SET SESSION innodb_lock_wait_timeout = 1;
    SET SESSION lock_wait_timeout = 2;
    SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO';";

/// A MySQL or MariaDB server, by its URL.
pub(crate) struct Backend {
    pub(crate) url: String,
}

impl Connect for Backend {
    type Connection = Connection;

    async fn connect(&self) -> Result<Connection, BoxError> {
        let mut connection = AsyncMysqlConnection::establish(&self.url).await?;
        connection.batch_execute(SETUP).await?;
        Ok(connection)
    }

    fn is_closed(connection: &mut Connection) -> bool {
        connection.is_broken()
    }
}

/// Whether an error at COMMIT leaves it open what came of the transaction. The error's number is
/// not handed on to us, so it always might.
const fn leaves_doubt(_: &Error) -> bool {
    true
}

/// Migrates; several processes at once take turns.
pub(crate) async fn migrate(url: &str) -> Result<Vec<String>, BoxError> {
    let mut connection = AsyncMysqlConnection::establish(url).await?;
    // Held by the session, so it ends with the connection, whatever happens.
    connection.batch_execute("DO GET_LOCK(CONCAT('order-service ', DATABASE()), 60)").await?;
    crate::migrate::run(connection, MIGRATIONS)
}
