//! The SQLite file of a participant: what has been committed in it survives a power failure, a process
//! that finds it locked waits, and a failure costs the connection.

use anyhow::Context as _;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::result::Error;

/// A file that is open to be written.
pub(crate) struct File {
    path: String,
    connection: SqliteConnection,
}

impl File {
    /// Opens the file, or makes a new one, and runs the statements that make its tables.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn open(path: &str, tables: &str) -> anyhow::Result<Self> {
        let mut connection = connect(path)?;
        let journal = "PRAGMA journal_mode = WAL;";
        connection.batch_execute(journal).with_context(|| format!("cannot use {path}"))?;
        connection.batch_execute(tables).with_context(|| format!("cannot use {path}"))?;
        Ok(Self { path: path.to_owned(), connection })
    }

    /// Runs work as one transaction, which is alone in writing from its beginning on. After a failure
    /// the next transaction has a new connection: SQLite may have ended the failed one by itself (a
    /// full disk does it), and diesel does not use a connection any more that could not roll back.
    ///
    /// # Errors
    /// Those of the work, and when the file cannot be read or written; then nothing of it has happened, or
    /// all of it, when it is the commit that failed.
    pub(crate) fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut SqliteConnection) -> QueryResult<T>,
    ) -> QueryResult<T> {
        // Kept here, because diesel gives the error of a rollback in its place.
        let mut cause = None;
        let done = self.connection.immediate_transaction(|connection| {
            work(connection).map_err(|error| {
                cause = Some(error);
                Error::RollbackTransaction
            })
        });
        done.map_err(|error| {
            if let Ok(new) = connect(&self.path) {
                self.connection = new;
            }
            cause.unwrap_or(error)
        })
    }
}

/// A connection to a file. It waits for locks of other processes for two seconds.
///
/// # Errors
/// When it cannot be opened.
pub(crate) fn connect(path: &str) -> anyhow::Result<SqliteConnection> {
    let mut connection =
        SqliteConnection::establish(path).with_context(|| format!("cannot open {path}"))?;
    // First of all, because the statements after it may meet a lock, too.
    let settings = "PRAGMA busy_timeout = 2000; PRAGMA synchronous = FULL;";
    connection.batch_execute(settings).with_context(|| format!("cannot use {path}"))?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_over_when_there_is_room_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.db");
        let tables = "CREATE TABLE IF NOT EXISTS rows (content BLOB NOT NULL);";
        let mut file = File::open(path.to_str().unwrap(), tables).unwrap();
        let insert = |connection: &mut SqliteConnection| {
            diesel::sql_query("INSERT INTO rows VALUES (zeroblob(100000))").execute(connection)
        };
        // The limit is that of the connection alone.
        file.connection.batch_execute("PRAGMA max_page_count = 2;").unwrap();
        let error = file.transaction(insert).unwrap_err().to_string();
        assert!(error.contains("full"), "{error}");
        assert_eq!(file.transaction(insert), Ok(1));
    }
}
