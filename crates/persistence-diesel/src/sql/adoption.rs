//! Looks at an existing table of orders, and adapts it. The rules are in `adopt.rs` and in the backend's `catalogue.rs`.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection as _};
use order_app::ports::{BoxError, CheckedOrders, Extent, Finding, Remedy, Unsuitable};
use order_domain::{OrderStatus, Version};

use super::catalogue::{CHECKS, COLUMNS, ENGINE, KEY, MIGRATED, ONE, RULES, SESSION};
use super::{BEGIN, Connection, counters};
use crate::adopt::{Column, Existing, Facts, Name, refused};
use crate::backend::Running;
use crate::rows::{OrderRow, SevenColumns};
use crate::schema::orders;

/// What the table has that is not as the service needs it; `None` when there is no table. It changes nothing: the rows of its
/// trials are rolled back. `decimals` is the most that amounts have.
pub(crate) async fn look(
    connection: &mut Connection,
    decimals: u32,
) -> QueryResult<Option<Vec<Finding>>> {
    connection.batch_execute(SESSION).await?;
    let columns: Vec<Column> = diesel::sql_query(COLUMNS).load(connection).await?;
    if columns.is_empty() {
        return Ok(None);
    }
    let engine = match ENGINE {
        Some(query) => names(connection, query).await?.pop(),
        None => None,
    };
    let existing = Existing {
        is_migrated: is_migrated(connection).await?,
        has_key: !names(connection, KEY).await?.is_empty(),
        counter: if columns.iter().any(|column| column.name == "id") {
            counters::find(connection).await?
        } else {
            None
        },
        engine: engine.map(|engine| engine.name),
        columns,
    };
    let mut findings = existing.findings(&RULES, decimals.into());
    if findings.is_empty() {
        let checks = names(connection, CHECKS).await?;
        let mut refusals: Vec<(String, Vec<OrderStatus>)> = Vec::new();
        for status in OrderStatus::ALL {
            let Some(message) = trial(connection, status, &existing).await? else { continue };
            match refusals.iter_mut().find(|(told, _)| *told == message) {
                Some((_, statuses)) => statuses.push(status),
                None => refusals.push((message, vec![status])),
            }
        }
        findings.extend(refusals.iter().map(|refusal| refused(refusal, &checks, &RULES)));
    }
    Ok(Some(findings))
}

/// What the store must know of the table.
pub(crate) fn facts<'c>(connection: &'c mut Connection, (): &'c ()) -> Running<'c, Facts> {
    Box::pin(async move {
        let columns: Vec<Column> = diesel::sql_query(COLUMNS).load(connection).await?;
        Facts::of(&columns).ok_or(Error::NotFound)
    })
}

async fn names(connection: &mut Connection, query: &str) -> QueryResult<Vec<Name>> {
    diesel::sql_query(query).load(connection).await
}

/// Whether the table has the columns that a migration adds. The user may have no right to look into the list of migrations.
async fn is_migrated(connection: &mut Connection) -> QueryResult<bool> {
    Ok(!names(connection, MIGRATED).await?.is_empty())
}

/// Why the database refuses an order of this status; `None` if it takes one. Only the database knows all of its checks and
/// triggers. The row has an id that no order has and that moves no counter, and is rolled back.
async fn trial(
    connection: &mut Connection,
    status: OrderStatus,
    existing: &Existing,
) -> QueryResult<Option<String>> {
    connection.batch_execute(BEGIN).await?;
    let has_version = existing.columns.iter().any(|column| column.name == "version");
    let (version, one) = if has_version { (", version", ", 1") } else { ("", "") };
    let insert = format!(
        "INSERT INTO orders \
         (id, customer_id, items, total_amount, status, created_at, updated_at{version}) \
         SELECT -8082, COALESCE((SELECT customer_id FROM orders WHERE customer_id > 0 LIMIT 1), 1), \
         '[{{\"productId\":1,\"quantity\":1,\"unitPrice\":\"1.00\"}}]', {ONE}, '{status}', \
         '2026-01-01 00:00:00.000001', '2026-01-01 00:00:00.000001'{one}"
    );
    let done = connection.batch_execute(&insert).await;
    connection.batch_execute("ROLLBACK").await?;
    match done {
        Ok(()) => Ok(None),
        Err(Error::DatabaseError(kind, told)) if !passes(kind, told.message()) => {
            Ok(Some(told.message().to_owned()))
        }
        Err(error) => Err(error),
    }
}

/// Whether an error says nothing of the table: the connection is lost, or other transactions are in the way.
fn passes(kind: DatabaseErrorKind, message: &str) -> bool {
    use DatabaseErrorKind::{ClosedConnection, SerializationFailure, UnableToSendCommand};
    matches!(kind, ClosedConnection | SerializationFailure | UnableToSendCommand)
        || [
            "database is locked",
            "Lock wait timeout",
            "Deadlock",
            "deadlock",
            "lock timeout",
            "Input/output",
        ]
        .iter()
        .any(|part| message.contains(part))
}

/// Changes what may be changed, and says what it did; nothing at all when something must not be changed.
pub(crate) async fn adapt(
    connection: &mut Connection,
    decimals: u32,
    extent: Extent,
) -> Result<Vec<String>, BoxError> {
    let is_allowed = |finding: &Finding| match finding.remedy {
        Remedy::Quick => true,
        Remedy::Rewrite => extent == Extent::Whole,
        Remedy::Operator => false,
    };
    let findings = look(connection, decimals).await?.unwrap_or_default();
    if !findings.iter().all(is_allowed) {
        return Err(Unsuitable(findings).into());
    }
    let mut done = Vec::new();
    for statement in findings.into_iter().filter_map(|finding| finding.statement) {
        connection.batch_execute(&statement).await?;
        done.push(statement);
    }
    if done.is_empty() {
        return Ok(done);
    }
    // What the changes have uncovered, such as checks, which are tried last.
    let left = look(connection, decimals).await?.unwrap_or_default();
    if left.is_empty() { Ok(done) } else { Err(Unsuitable(left).into()) }
}

/// Reads orders one by one, as requests would.
pub(crate) async fn check_orders(
    connection: &mut Connection,
    above: i64,
    limit: u32,
) -> QueryResult<CheckedOrders> {
    let some = orders::table.filter(orders::id.gt(above)).order(orders::id.asc());
    let mut versions_from = Version::FIRST.get();
    let rows: Vec<OrderRow> = if is_migrated(connection).await? {
        versions_from = facts(connection, &()).await?.versions_from;
        some.limit(limit.into()).select(OrderRow::as_select()).load(connection).await?
    } else {
        let seven = some.limit(limit.into()).select(SevenColumns::as_select());
        seven.load(connection).await?.into_iter().map(SevenColumns::row).collect()
    };
    Ok(CheckedOrders {
        count: u32::try_from(rows.len()).unwrap_or(u32::MAX),
        last: rows.last().map(|row| row.id),
        unreadable: rows.iter().filter_map(|row| row.order(versions_from).err()).collect(),
    })
}
