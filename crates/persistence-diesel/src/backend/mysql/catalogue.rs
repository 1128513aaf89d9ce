//! What the catalogue of MySQL and MariaDB says of an existing table of orders, and which types the service can use.

use order_app::ports::Remedy;
use order_domain::OrderStatus;

use crate::adopt::{Column, Misfit, Needs, Rules, zoned};

/// The columns of the table `orders` in the database of this connection.
pub(super) const COLUMNS: &str = "
    SELECT column_name AS name, CAST(LOWER(data_type) AS CHAR) AS kind, CAST(column_type AS CHAR) AS full_type,
        CAST(character_maximum_length AS SIGNED) AS length, CAST(numeric_precision AS SIGNED) AS digits,
        CAST(numeric_scale AS SIGNED) AS decimals, CAST(datetime_precision AS SIGNED) AS fraction,
        CAST(is_nullable = 'YES' AS SIGNED) AS nullable,
        CAST(IF(column_default = 'NULL', NULL, column_default) AS CHAR) AS preset,
        CAST(LOWER(IF(COALESCE(generation_expression, '') <> '', 'computed', TRIM(REPLACE(extra, 'DEFAULT_GENERATED', ''))))
            AS CHAR) AS extra,
        IF(data_type = 'json', NULL, CAST(collation_name AS CHAR)) AS collation
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'orders' ORDER BY ordinal_position";

/// A row if the tables have no place.
pub(super) const PLACE: Option<&str> = None;

/// A row if this user may not make the tables that are missing.
pub(super) const MAKING: Option<&str> = None;

/// The checks of the table.
pub(super) const CHECKS: &str = "
    SELECT constraint_name AS name FROM information_schema.table_constraints
    WHERE table_schema = DATABASE() AND table_name = 'orders' AND constraint_type = 'CHECK'";

/// One row if `id` alone is a key.
pub(super) const KEY: &str = "
    SELECT index_name AS name FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'orders' AND non_unique = 0
    GROUP BY index_name HAVING COUNT(*) = 1 AND MAX(column_name) = 'id'";

/// A row if the index is there that is made with the columns that a migration adds, or a table that is made later.
pub(super) const MIGRATED: &str = "
    SELECT index_name AS name FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'orders' AND index_name = 'orders_by_customer'
    UNION ALL SELECT table_name FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'id_blocks'";

/// A row if the migrations say of themselves whether older releases may serve; `None` where the catalogue hides what is not granted.
pub(super) const MARKS: Option<&str> = None;

/// One row if the engine has no transactions.
pub(super) const ENGINE: Option<&str> = Some("
    SELECT CAST(tables.engine AS CHAR) AS name FROM information_schema.tables AS tables
    JOIN information_schema.engines AS engines ON engines.engine = tables.engine
    WHERE table_schema = DATABASE() AND table_name = 'orders' AND COALESCE(engines.transactions, 'NO') <> 'YES'");

/// The set-up of a connection that looks at tables and changes them. It waits for a short time for locks, because others wait
/// behind it.
pub(super) const SESSION: &str = concat!(
    "SET ",
    super::moods::meaning!(),
    ", SESSION lock_wait_timeout = 5 /*M! , SESSION max_statement_time = 0 */ /*!80000 , SESSION max_execution_time = 0 */"
);

/// The amount 1.00 in a statement.
pub(super) const ONE: &str = "1.00";

pub(super) const RULES: Rules = Rules {
    judge,
    reuses: true,
    own_time: "timestamp",
    make_optional: |column| {
        Some(format!(
            "ALTER TABLE orders MODIFY {} {} NULL",
            quoted(&column.name),
            column.full_type
        ))
    },
    drop_check: |name| Some(format!("ALTER TABLE orders DROP CONSTRAINT {}", quoted(name))),
    rename: |from, to| format!("ALTER TABLE orders RENAME COLUMN {from} TO {to}"),
};

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn judge(column: &Column, needs: &Needs) -> Vec<Misfit> {
    let kind = &*column.kind;
    let null = if column.nullable == 1 { "NULL" } else { "NOT NULL" };
    let change = |to: &str| format!("ALTER TABLE orders MODIFY {} {to} {null}", column.name);
    let text = |least: i64, to: &str| match (kind, column.length) {
        ("varchar" | "char", Some(length)) if length >= least => None,
        ("tinytext" | "text" | "mediumtext" | "longtext", _) => None,
        ("varchar", _) => Some(Misfit::new(format!("must be {to}"), Remedy::Rewrite, change(to))),
        _ => Some(Misfit::new(format!("must be {to}"), Remedy::Operator, change(to))),
    };
    let misfit = match &*column.name {
        "version" if matches!(kind, "bigint" | "int" | "mediumint" | "smallint") => None,
        "version" => {
            let statement =
                "ALTER TABLE orders RENAME COLUMN version TO version_of_another_service";
            Some(Misfit::new("must be a whole number", Remedy::Operator, statement))
        }
        "id" | "customer_id" => {
            let filled =
                if column.extra.contains("auto_increment") { " AUTO_INCREMENT" } else { "" };
            let statement = change("BIGINT") + filled;
            match kind {
                "bigint" => None,
                "int" | "mediumint" | "smallint" | "tinyint" => {
                    Some(Misfit::new("must be bigint", Remedy::Rewrite, statement))
                }
                _ => Some(Misfit::new("must be bigint", Remedy::Operator, statement)),
            }
        }
        "items" => document(column, &change),
        "total_amount" => amount(column, needs.decimals, &change),
        "created_at" | "updated_at" => match kind {
            "datetime" if needs.time_zone.is_some() => zoned(needs, |zone| {
                let to = change("timestamp(6)");
                let zone = zone.replace('\'', "''");
                Some(format!("SET time_zone = '{zone}'; {to} DEFAULT CURRENT_TIMESTAMP(6)"))
            }),
            "timestamp" | "datetime" => None,
            _ => Some(Misfit::new(
                "must be datetime(6), in UTC",
                Remedy::Operator,
                change("datetime(6)"),
            )),
        },
        "status" if kind == "enum" => enumeration(column, null),
        "status" => text(11, "varchar(20)"),
        "currency" => text(3, "varchar(3)"),
        "client_reference" => text(64, EXACT).or_else(|| exact(column, &change)),
        "cancel_reason" => text(20, "varchar(20)"),
        _ => None,
    };
    let null_misfit = column.refused_null().map(|must_be| {
        let other = if column.nullable == 1 { "NOT NULL" } else { "NULL" };
        let statement =
            format!("ALTER TABLE orders MODIFY {} {} {other}", column.name, column.full_type);
        Misfit::new(must_be, Remedy::Operator, statement)
    });
    misfit.into_iter().chain(null_misfit).chain(moving(column, null)).collect()
}

/// An amount needs fifteen digits before the point, and the decimals of its currency.
fn amount(column: &Column, decimals: i64, change: &dyn Fn(&str) -> String) -> Option<Misfit> {
    let ("decimal", Some(digits), Some(scale)) = (&*column.kind, column.digits, column.decimals)
    else {
        let must = "must be decimal(19,4)";
        return Some(Misfit::new(must, Remedy::Operator, change("decimal(19,4)")));
    };
    let kept = scale.max(decimals);
    let wider = format!("decimal({},{kept})", kept.saturating_add(15));
    let fits = scale >= decimals && digits.saturating_sub(scale) >= 15;
    (!fits).then(|| Misfit::new(format!("must be {wider}"), Remedy::Rewrite, change(&wider)))
}

/// The type of references, which are different ones when they differ in capitals.
const EXACT: &str = "varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";

/// References must tell capitals from small letters.
fn exact(column: &Column, change: &dyn Fn(&str) -> String) -> Option<Misfit> {
    let collation = column.collation.as_deref().unwrap_or_default();
    let is_exact = collation.ends_with("_bin") || collation.contains("_cs");
    let must_be = "must tell capitals from small letters";
    (!is_exact).then(|| Misfit::new(must_be, Remedy::Operator, change(EXACT)))
}

/// A document of 200 lines has up to 200 KiB, in UTF-8.
fn document(column: &Column, change: &dyn Fn(&str) -> String) -> Option<Misfit> {
    let to = "longtext CHARACTER SET utf8mb4";
    match (&*column.kind, column.collation.as_deref().is_some_and(|set| set.starts_with("utf8mb4")))
    {
        ("json", _) | ("mediumtext" | "longtext", true) => None,
        ("text" | "varchar" | "tinytext", true) => {
            Some(Misfit::new("must be json or longtext", Remedy::Rewrite, change(to)))
        }
        ("longtext" | "mediumtext" | "text" | "varchar" | "tinytext", _) => {
            Some(Misfit::new("must be json, or longtext in utf8mb4", Remedy::Rewrite, change(to)))
        }
        _ => Some(Misfit::new("must be json", Remedy::Operator, change("json"))),
    }
}

/// An enumeration must have each status.
fn enumeration(column: &Column, null: &str) -> Option<Misfit> {
    let quoted = |status: &OrderStatus| format!("'{}'", status.as_str());
    let there = column.full_type.to_uppercase();
    let missing: Vec<_> =
        OrderStatus::ALL.iter().map(quoted).filter(|status| !there.contains(status)).collect();
    let all = column.full_type.trim_end_matches(')');
    let missing = missing.join(",");
    let statement = format!("ALTER TABLE orders MODIFY status {all},{missing}) {null}");
    (!missing.is_empty())
        .then(|| Misfit::new(format!("must have {missing} too"), Remedy::Operator, statement))
}

/// The time of creation must not move with each change.
fn moving(column: &Column, null: &str) -> Option<Misfit> {
    let moves = column.name == "created_at" && column.extra.contains("on update");
    // MySQL gives a default that is a value without its quotes.
    let is_quoted =
        |text: &str| text.starts_with('\'') || text.to_lowercase().starts_with("current_timestamp");
    let preset = column.preset.as_ref().map(|preset| {
        let quote = if is_quoted(preset) { "" } else { "'" };
        format!(" DEFAULT {quote}{preset}{quote}")
    });
    let (full_type, preset) = (&column.full_type, preset.unwrap_or_default());
    let statement = format!("ALTER TABLE orders MODIFY created_at {full_type} {null}{preset}");
    moves.then(|| Misfit::new("must not change with the row", Remedy::Quick, statement))
}
