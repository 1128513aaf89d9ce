//! Settings of a server that would change what statements mean, or what a commit promises, and what becomes of each.
//! `docs/operations.md` lists them, too.
//!
//! - **Set**, by [`meaning`], on every connection and on those that migrate; the isolation and the time-outs by the set-up of
//!   connections, the time zone and the character sets by diesel-async.
//! - **Refused**, by [`REFUSED`]: transactions that only read, a log of statements, tables of ours without transactions.
//! - **Told**, by [`TOLD`]: commits that are not on a disk.
//! - **Without effect**: `explicit_defaults_for_timestamp`, `character_set_server`, `sql_require_primary_key` and
//!   `sql_generate_invisible_primary_key`, because each table of ours says its engine, its characters, its defaults and its key;
//!   `lower_case_table_names`, because all names are in small letters; `default_tmp_storage_engine`, because there are no such tables;
//!   `innodb_rollback_on_timeout`, because the service rolls back itself.

use diesel::QueryResult;
use diesel_async::{RunQueryDsl as _, SimpleAsyncConnection as _};

use super::Connection;
use crate::adopt::Name;

/// Makes statements mean the same on every server: ends of transactions keep the connection, a statement is a transaction of its own, no
/// statement is refused or cut for its form, keys are checked, values are never cut, new tables have transactions, and messages are English.
macro_rules! meaning {
    () => {
        "SESSION completion_type = 'NO_CHAIN'
        , SESSION autocommit = 1
        , SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO'
        , SESSION sql_safe_updates = 0
        , SESSION sql_select_limit = 18446744073709551615
        , SESSION sql_big_selects = 1
        , SESSION sql_auto_is_null = 0
        , SESSION foreign_key_checks = 1
        , SESSION unique_checks = 1
        , SESSION default_storage_engine = InnoDB
        , SESSION lc_messages = 'en_US'"
    };
}

pub(super) use meaning;

/// Rows if the database cannot be used as it is set. Transactions that only read are no mistake to set right: operators stop all
/// writers by them. READ COMMITTED cannot be written to a log of statements, so each write would fail.
pub(super) const REFUSED: Option<&str> = Some("
    SELECT 'is reached by transactions that only read (transaction_read_only, on MariaDB tx_read_only, is on)' AS what,
        'the service writes' AS must_be,
        CONCAT('SET GLOBAL ', IF(VERSION() LIKE '%MariaDB%', 'tx_read_only', 'transaction_read_only'), ' = OFF') AS statement
    FROM DUAL WHERE /*M! @@tx_read_only */ /*!80000 @@transaction_read_only */
    UNION ALL
    SELECT 'is on a server whose binlog_format is STATEMENT',
        'it must be ROW or MIXED, because the service writes with READ COMMITTED', 'SET GLOBAL binlog_format = ''ROW'''
    FROM DUAL WHERE @@log_bin AND @@SESSION.binlog_format = 'STATEMENT'
    UNION ALL
    SELECT CONCAT('is beside ', CAST(tables.table_name AS CHAR), ', whose engine is ', CAST(tables.engine AS CHAR)),
        'all tables must have transactions', CONCAT('ALTER TABLE ', CAST(tables.table_name AS CHAR), ' ENGINE = InnoDB')
    FROM information_schema.tables AS tables
    JOIN information_schema.engines AS engines ON engines.engine = tables.engine
    WHERE table_schema = DATABASE() AND COALESCE(engines.transactions, 'NO') <> 'YES'
        AND tables.table_name IN ('outbox', 'outbox_incoming', 'journal', 'leases', 'instances', 'parked_orders',
            'skipped_events', 'idempotency_keys', 'id_blocks', 'schema_compatibility', 'sagas')");

/// Rows for what weakens a promise. On MariaDB 3 is as safe as 1.
pub(super) const TOLD: Option<&str> = Some("
    SELECT CONCAT('innodb_flush_log_at_trx_commit is ', @@innodb_flush_log_at_trx_commit,
        ': when the server or its machine fails, changes may be lost that were answered; 1 keeps them') AS name
    FROM DUAL WHERE @@innodb_flush_log_at_trx_commit NOT IN (1, 3)
    UNION ALL
    SELECT CONCAT('sync_binlog is ', @@sync_binlog,
        ': when the machine of the server fails, changes may be lost that were answered, or be missing on its copies; 1 keeps them')
    FROM DUAL WHERE @@log_bin AND @@sync_binlog <> 1");

/// A row if diesel's list of migrations has no transactions.
const LIST: &str = "
    SELECT CAST(tables.engine AS CHAR) AS name FROM information_schema.tables AS tables
    JOIN information_schema.engines AS engines ON engines.engine = tables.engine
    WHERE table_schema = DATABASE() AND tables.table_name = '__diesel_schema_migrations'
        AND COALESCE(engines.transactions, 'NO') <> 'YES'";

/// Gives diesel's list of migrations transactions, and says so. An earlier release made it with the engine that the server prefers,
/// and a server with GTIDs then refuses to write it together with other tables.
pub(super) async fn mend_list(connection: &mut Connection) -> QueryResult<Option<String>> {
    let found: Vec<Name> = diesel::sql_query(LIST).load(connection).await?;
    if found.is_empty() {
        return Ok(None);
    }
    let statement = "ALTER TABLE __diesel_schema_migrations ENGINE = InnoDB";
    connection.batch_execute(statement).await?;
    Ok(Some(statement.to_owned()))
}
