//! What PostgreSQL's catalogue says of an existing table of orders, and which types the service can use.

use order_app::ports::Remedy;

use super::quoted;
use crate::adopt::{Column, Misfit, Needs, Rules, zoned};

/// The columns of the table that the name `orders` means on this connection.
pub(super) const COLUMNS: &str = "
    SELECT attname::text AS name,
        CASE WHEN typtype = 'e' THEN 'enum' ELSE format_type(typ.oid, NULL) END AS kind,
        format_type(atttypid, atttypmod) AS full_type,
        information_schema._pg_char_max_length(atttypid, atttypmod)::bigint AS length,
        information_schema._pg_numeric_precision(atttypid, atttypmod)::bigint AS digits,
        information_schema._pg_numeric_scale(atttypid, atttypmod)::bigint AS decimals,
        information_schema._pg_datetime_precision(atttypid, atttypmod)::bigint AS fraction,
        (NOT attnotnull)::int::bigint AS nullable,
        CASE WHEN attgenerated = '' THEN pg_get_expr(adbin, adrelid) END AS preset,
        concat_ws(' ', CASE attidentity WHEN 'a' THEN 'identity, generated always' WHEN 'd' THEN 'identity' END,
            CASE WHEN attgenerated <> '' THEN 'computed' END) AS extra,
        NULL::text AS collation
    FROM pg_attribute
    JOIN pg_type AS typ ON typ.oid = atttypid
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attrelid = to_regclass('orders') AND attnum > 0 AND NOT attisdropped
    ORDER BY attnum";

/// A row if the tables have no place: their schema is not there or not open to this user, or an existing table is in another
/// schema than the one in which new tables are made.
pub(super) const PLACE: Option<&str> = Some("
    SELECT CASE
            WHEN current_schema() IS NOT NULL THEN
                'is in the schema ' || found.relnamespace::regnamespace || ', and new tables are made in ' || quote_ident(current_schema())
            WHEN path = '' OR path LIKE '%,%' OR path LIKE '%$user%' THEN
                'has no place: no schema of the search path (' || path || ') is there and may be used'
            WHEN to_regnamespace(path) IS NULL THEN 'belongs into the schema ' || path || ', which is not there'
            ELSE 'belongs into the schema ' || path || ', which this user may not use'
        END AS what,
        CASE WHEN current_schema() IS NOT NULL THEN 'all tables must be in one schema, which the settings may name'
            ELSE 'the service makes no schema itself' END AS must_be,
        CASE WHEN current_schema() IS NOT NULL OR path = '' OR path LIKE '%,%' OR path LIKE '%$user%' THEN NULL
            WHEN to_regnamespace(path) IS NULL THEN 'CREATE SCHEMA ' || path
            ELSE 'GRANT USAGE, CREATE ON SCHEMA ' || path || ' TO ' || quote_ident(current_user)
        END AS statement
    FROM (SELECT current_setting('search_path') AS path) AS session
    LEFT JOIN pg_class AS found ON found.oid = to_regclass('orders')
    WHERE current_schema() IS NULL OR found.relnamespace <> to_regnamespace(quote_ident(current_schema()))");

/// A row if this user may not make the tables that are missing.
pub(super) const MAKING: Option<&str> = Some("
    SELECT 'belongs into the schema ' || quote_ident(current_schema()) || ', where ' || quote_ident(current_user)
            || ' may make no tables' AS what,
        'the migration makes tables' AS must_be,
        'GRANT CREATE ON SCHEMA ' || quote_ident(current_schema()) || ' TO ' || quote_ident(current_user) AS statement
    WHERE to_regclass('id_blocks') IS NULL AND NOT has_schema_privilege(current_schema(), 'CREATE')");

/// The checks of the table.
pub(super) const CHECKS: &str = "
    SELECT conname::text AS name FROM pg_constraint
    WHERE conrelid = to_regclass('orders') AND contype = 'c'";

/// One row if `id` alone is a key.
pub(super) const KEY: &str = "
    SELECT relname::text AS name FROM pg_index
    JOIN pg_class ON pg_class.oid = indexrelid
    JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0] AND attname = 'id'
    WHERE indrelid = to_regclass('orders') AND indisunique AND indnkeyatts = 1 AND indpred IS NULL";

/// A row if the index is there that is made with the columns that a migration adds, or a table that is made later.
pub(super) const MIGRATED: &str = "
    SELECT relname::text AS name FROM pg_class
    WHERE oid = to_regclass('id_blocks') OR relname = 'orders_by_customer' AND oid IN
        (SELECT indexrelid FROM pg_index WHERE indrelid = to_regclass('orders'))";

/// A row if the migrations say of themselves whether older releases may serve; `None` where the catalogue hides what is not granted.
pub(super) const MARKS: Option<&str> = Some(
    "
    SELECT relname::text AS name FROM pg_class WHERE oid = to_regclass('schema_compatibility')",
);

/// One row if the engine has no transactions.
pub(super) const ENGINE: Option<&str> = None;

/// The set-up of a connection that looks at tables and changes them. It waits for a short time for locks, because others wait
/// behind it.
pub(super) const SESSION: &str = "SET timezone = 'UTC'; SET quote_all_identifiers = off; SET lock_timeout = '5s'; SET statement_timeout = 0";

/// The amount 1.00 in a statement.
pub(super) const ONE: &str = "1.00";

pub(super) const RULES: Rules = Rules {
    judge,
    reuses: true,
    own_time: "timestamp without time zone",
    make_optional: |column| {
        Some(format!("ALTER TABLE orders ALTER COLUMN {} DROP NOT NULL", quoted(&column.name)))
    },
    drop_check: |name| Some(format!("ALTER TABLE orders DROP CONSTRAINT {}", quoted(name))),
    rename: |from, to| format!("ALTER TABLE orders RENAME COLUMN {from} TO {to}"),
};

fn judge(column: &Column, needs: &Needs) -> Vec<Misfit> {
    let kind = &*column.kind;
    let change = |to: &str| format!("ALTER TABLE orders ALTER COLUMN {} TYPE {to}", column.name);
    let convert = |to: &str| format!("{} USING {}::text::{to}", change(to), column.name);
    let text = |least: i64, to: &str| match (kind, column.length) {
        ("character varying" | "text", None) => None,
        ("character varying" | "character", Some(length)) if length >= least => None,
        ("character varying", Some(_)) => {
            Some(Misfit::new(format!("must be {to}"), Remedy::Quick, change(to)))
        }
        _ => Some(Misfit::new(format!("must be {to}"), Remedy::Operator, convert(to))),
    };
    let misfit = match &*column.name {
        "version" if matches!(kind, "bigint" | "integer" | "smallint") => None,
        "version" => {
            let statement =
                "ALTER TABLE orders RENAME COLUMN version TO version_of_another_service";
            Some(Misfit::new("must be a whole number", Remedy::Operator, statement))
        }
        "id" | "customer_id" => match kind {
            "bigint" => None,
            "integer" | "smallint" => {
                Some(Misfit::new("must be bigint", Remedy::Rewrite, change("bigint")))
            }
            _ => Some(Misfit::new("must be bigint", Remedy::Operator, convert("bigint"))),
        },
        "items" => match kind {
            "json" | "jsonb" | "text" => None,
            "character varying" if column.length.is_none() => None,
            "character varying" => {
                Some(Misfit::new("must be text or json", Remedy::Quick, change("text")))
            }
            _ => Some(Misfit::new("must be json", Remedy::Operator, convert("json"))),
        },
        "total_amount" => match (kind, column.digits, column.decimals) {
            ("numeric", None, _) => None,
            ("numeric", Some(digits), Some(scale)) => {
                amount(digits, scale, needs.decimals, &change)
            }
            _ => {
                let must = "must be numeric(19,4)";
                Some(Misfit::new(must, Remedy::Operator, convert("numeric(19,4)")))
            }
        },
        "created_at" | "updated_at" => time(column, needs, &change),
        "status" => text(11, "varchar(20)"),
        "currency" => text(3, "varchar(3)"),
        // Of a text of fixed length, the spaces at the end would be part of the reference.
        "client_reference" if kind == "character" => {
            Some(Misfit::new("must be varchar(64)", Remedy::Operator, convert("varchar(64)")))
        }
        "client_reference" => text(64, "varchar(64)"),
        "cancel_reason" => text(20, "varchar(20)"),
        _ => None,
    };
    let null = column.refused_null().map(|must_be| {
        let change = if column.nullable == 1 { "SET" } else { "DROP" };
        let statement =
            format!("ALTER TABLE orders ALTER COLUMN {} {change} NOT NULL", column.name);
        Misfit::new(must_be, Remedy::Operator, statement)
    });
    let always = column.name == "id" && column.extra.contains("generated always");
    let always = always.then(|| {
        let statement = "ALTER TABLE orders ALTER COLUMN id SET GENERATED BY DEFAULT";
        Misfit::new(
            "must be generated by default, because the service gives ids",
            Remedy::Quick,
            statement,
        )
    });
    misfit.into_iter().chain(null).chain(always).collect()
}

/// A time needs microseconds, and must be UTC where it has no zone.
fn time(column: &Column, needs: &Needs, change: &dyn Fn(&str) -> String) -> Option<Misfit> {
    match (&*column.kind, column.fraction) {
        ("timestamp without time zone", _) if needs.time_zone.is_some() => zoned(needs, |zone| {
            let (to, zone) = (change("timestamptz(6)"), literal(zone));
            Some(format!("{to} USING {} AT TIME ZONE {zone}", column.name))
        }),
        ("timestamp without time zone" | "timestamp with time zone", None | Some(6)) => None,
        ("timestamp without time zone", _) => Some(fine(change("timestamp(6)"))),
        ("timestamp with time zone", _) => Some(fine(change("timestamptz(6)"))),
        _ => {
            let must = "must be timestamp(6), in UTC";
            Some(Misfit::new(must, Remedy::Operator, change("timestamp(6)")))
        }
    }
}

/// A time zone in a statement. An offset is an interval: in a name, PostgreSQL reads its sign the other way round.
fn literal(zone: &str) -> String {
    let offset = ["UTC", "GMT"].iter().find_map(|utc| zone.strip_prefix(utc)).unwrap_or(zone);
    if offset.starts_with(['+', '-']) {
        return format!("INTERVAL '{}'", offset.replace('\'', "''"));
    }
    format!("'{}'", zone.replace('\'', "''"))
}

/// An amount needs fifteen digits before the point. More of them need no rewriting as long as the decimals stay.
fn amount(
    digits: i64,
    scale: i64,
    decimals: i64,
    change: &dyn Fn(&str) -> String,
) -> Option<Misfit> {
    if scale < decimals {
        let must = format!("must have {decimals} decimals or more");
        return Some(Misfit::new(must, Remedy::Rewrite, change("numeric(19,4)")));
    }
    let whole = digits.saturating_sub(scale);
    let wider = format!("numeric({},{scale})", scale.saturating_add(15));
    (whole < 15).then(|| Misfit::new(format!("must be {wider}"), Remedy::Quick, change(&wider)))
}

fn fine(statement: String) -> Misfit {
    Misfit::new("must have microseconds", Remedy::Quick, statement)
}
