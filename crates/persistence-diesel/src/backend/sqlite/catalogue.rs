//! What SQLite's catalogue says of an existing table of orders, and which types the service can use.

use order_app::ports::Remedy;

use crate::adopt::{Column, Misfit, Needs, Rules, zoned};

/// The columns of the table `orders`.
pub(super) const COLUMNS: &str = "
    SELECT name, lower(type) AS kind, type AS full_type, NULL AS length, NULL AS digits, NULL AS decimals,
        NULL AS fraction, \"notnull\" = 0 AS nullable, dflt_value AS preset,
        CASE WHEN hidden IN (2, 3) THEN 'computed' WHEN pk = 1 THEN 'identity' ELSE '' END AS extra, NULL AS collation
    FROM pragma_table_xinfo('orders') ORDER BY cid";

/// A row if the tables have no place.
pub(super) const PLACE: Option<&str> = None;

/// A row if this user may not make the tables that are missing.
pub(super) const MAKING: Option<&str> = None;

/// The checks of a table stand in its statement alone.
pub(super) const CHECKS: &str = "SELECT name FROM sqlite_master WHERE 0";

/// One row if `id` alone is a key.
pub(super) const KEY: &str = "
    SELECT name FROM pragma_table_xinfo('orders')
    WHERE name = 'id' AND pk = 1 AND (SELECT count(*) FROM pragma_table_xinfo('orders') WHERE pk > 0) = 1
    UNION ALL
    SELECT lists.name FROM pragma_index_list('orders') AS lists
    WHERE lists.\"unique\" = 1 AND lists.partial = 0
        AND (SELECT group_concat(name) FROM pragma_index_info(lists.name)) = 'id'";

/// A row if the index is there that is made with the columns that a migration adds, or a table that is made later.
pub(super) const MIGRATED: &str =
    "SELECT name FROM sqlite_master WHERE name IN ('orders_by_customer', 'id_blocks')";

/// A row if the migrations say of themselves whether older releases may serve; `None` where the catalogue hides what is not granted.
pub(super) const MARKS: Option<&str> =
    Some("SELECT name FROM sqlite_master WHERE name = 'schema_compatibility'");

/// One row if the engine has no transactions.
pub(super) const ENGINE: Option<&str> = None;

/// The set-up of a connection that looks at tables and changes them. It waits for a short time for locks, because others wait
/// behind it.
pub(super) const SESSION: &str = "PRAGMA busy_timeout = 60000";

/// The amount 1.00 in a statement.
pub(super) const ONE: &str = "10000";

/// SQLite changes no type of a column, and no NOT NULL.
pub(super) const RULES: Rules = Rules {
    judge,
    reuses: false,
    own_time: "timestamp",
    make_optional: |_| None,
    drop_check: |_| None,
    rename: |from, to| format!("ALTER TABLE orders RENAME COLUMN {from} TO {to}"),
};

fn judge(column: &Column, needs: &Needs) -> Vec<Misfit> {
    let must_be = match &*column.name {
        "id" | "customer_id" | "version" if !column.kind.contains("int") => "must be BIGINT",
        "total_amount" if !column.kind.contains("int") => {
            "must be BIGINT, with whole ten-thousandths"
        }
        "created_at" | "updated_at" => return zoned(needs, |_| None).into_iter().collect(),
        _ => return vec![],
    };
    vec![Misfit { must_be: must_be.into(), remedy: Remedy::Operator, statement: None }]
}
