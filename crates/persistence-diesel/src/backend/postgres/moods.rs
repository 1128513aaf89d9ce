//! Settings of a server, a database or a role that would change what statements mean, or what a commit promises, and what becomes
//! of each. `docs/operations.md` lists them, too.
//!
//! - **Set** by the set-up of every connection: the isolation, the time-outs, the plans, the time zone, and `quote_all_identifiers` where the
//!   catalogue is read; the client itself says that its
//!   texts are UTF-8.
//! - **Refused**, by [`REFUSED`]: the encoding of the database, transactions that only read.
//! - **Told**, by [`TOLD`]: commits that are not on a disk, row security, triggers that are off, messages in another language.
//! - **Without effect**: `bytea_output`, `DateStyle`, `IntervalStyle` and `extra_float_digits`, because values travel in binary form;
//!   `standard_conforming_strings`, `backslash_quote` and `transform_null_equals`, because no statement has a backslash or compares with
//!   NULL; `default_tablespace` and `default_table_access_method`, which are the operator's; `lo_compat_privileges`, because there are no
//!   large objects.

/// Rows if the database cannot be used as it is set. Transactions that only read are no mistake to set right: operators, and services
/// whose disk is full, stop all writers by them.
pub(super) const REFUSED: Option<&str> = Some("
    SELECT 'is in a database whose encoding is ' || getdatabaseencoding() AS what,
        'it must be UTF8, because texts of orders have any characters; make another database, and copy this one into it with '
            || 'pg_dump and psql' AS must_be,
        'CREATE DATABASE ' || quote_ident(current_database() || '_utf8')
            || ' ENCODING ''UTF8'' LOCALE ''C'' TEMPLATE template0' AS statement
    WHERE getdatabaseencoding() <> 'UTF8'
    UNION ALL
    SELECT 'is reached by transactions that only read (default_transaction_read_only is on)',
        'the service writes',
        CASE source
            WHEN 'user' THEN 'ALTER ROLE ' || quote_ident(session_user) || ' RESET default_transaction_read_only'
            WHEN 'database' THEN
                'ALTER DATABASE ' || quote_ident(current_database()) || ' RESET default_transaction_read_only'
            WHEN 'database user' THEN 'ALTER ROLE ' || quote_ident(session_user) || ' IN DATABASE '
                || quote_ident(current_database()) || ' RESET default_transaction_read_only'
        END
    FROM pg_settings WHERE name = 'default_transaction_read_only' AND setting = 'on'");

/// Rows for what weakens a promise.
pub(super) const TOLD: Option<&str> = Some("
    SELECT bad.name || ' is ' || bad.value || ': when the server or its machine fails, changes may be lost that were answered'
        AS name
    FROM (VALUES ('synchronous_commit', 'off'), ('fsync', 'off'), ('full_page_writes', 'off')) AS bad (name, value)
    WHERE current_setting(bad.name) = bad.value
    UNION ALL
    SELECT 'the table ' || relname || ' has row security for this user: rows that it hides are missing, and the service does '
        || 'not know it'
    FROM pg_class
    WHERE relkind IN ('r', 'p') AND pg_table_is_visible(oid) AND row_security_active(oid) AND relname IN ('orders', 'outbox',
        'outbox_incoming', 'journal', 'leases', 'instances', 'parked_orders', 'skipped_events', 'idempotency_keys', 'id_blocks',
        'sagas')
    UNION ALL
    SELECT 'session_replication_role is ' || current_setting('session_replication_role')
        || ': triggers and references of other services are not applied to orders that the service writes'
    WHERE current_setting('session_replication_role') <> 'origin'
    UNION ALL
    SELECT 'lc_messages is ' || current_setting('lc_messages') || ': some causes of failures are only recognised in English, so '
        || 'a few are answered as lasting that are not (ALTER DATABASE ' || quote_ident(current_database())
        || ' SET lc_messages = ''C'', as superuser)'
    WHERE current_setting('lc_messages') !~ '^(|C|POSIX|C[.].*|en.*)$'");
