//! Looks at an existing table of orders, and adapts it. The rules are in `adopt.rs` and in the backend's `catalogue.rs`.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection as _};
use order_app::ports::{BoxError, CheckedOrders, Extent, Finding, Remedy, Unsuitable};
use order_domain::{OrderStatus, Version};

use super::catalogue::{CHECKS, COLUMNS, ENGINE, KEY, MAKING, ONE, PLACE, RULES, SESSION};
use super::errors::named;
use super::migrations::{has_sagas, is_migrated, names, newer};
use super::moods::{REFUSED, TOLD};
use super::{BEGIN, Connection, counters};
use crate::adopt::{
    Column, Existing, Facts, Misplaced, Needs, SAGA_REVISION, foreign_values, in_a_new_table,
    refused,
};
use crate::backend::Running;
use crate::rows::{OrderRow, SevenColumns};
use crate::schema::orders;

/// What the table has that is not as the service needs it; `None` when there is no table. It changes nothing: the rows of its
/// trials are rolled back.
pub(crate) async fn look(
    connection: &mut Connection,
    needs: &Needs,
) -> Result<Option<Vec<Finding>>, BoxError> {
    connection.batch_execute(SESSION).await?;
    for query in [REFUSED, PLACE] {
        let misplaced = misplaced(connection, query).await?;
        if !misplaced.is_empty() {
            return Ok(Some(misplaced));
        }
    }
    let columns: Vec<Column> = diesel::sql_query(COLUMNS).load(connection).await?;
    if columns.is_empty() {
        let findings = in_a_new_table(&RULES, needs);
        return Ok((!findings.is_empty()).then_some(findings));
    }
    let engine = match ENGINE {
        Some(query) => names(connection, query).await?.pop(),
        None => None,
    };
    let existing = Existing {
        is_migrated: is_migrated(connection).await?,
        has_sagas: has(&columns, SAGA_REVISION) && has_sagas(connection).await?,
        has_key: !names(connection, KEY).await?.is_empty(),
        counter: if has(&columns, "id") { counters::find(connection).await? } else { None },
        engine: engine.map(|engine| engine.name),
        columns,
    };
    let mut findings = existing.findings(&RULES, needs);
    if findings.is_empty() && !existing.is_migrated {
        findings = foreign(connection, &existing).await?;
    }
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

fn has(columns: &[Column], name: &str) -> bool {
    columns.iter().any(|column| column.name == name)
}

/// What the store must know of the table.
pub(crate) fn facts<'c>(connection: &'c mut Connection, (): &'c ()) -> Running<'c, Facts> {
    Box::pin(async move {
        let columns: Vec<Column> = diesel::sql_query(COLUMNS).load(connection).await?;
        Facts::of(&columns).ok_or(Error::NotFound)
    })
}

/// What an operator should know: migrations of a newer release, and settings of the server that weaken what the service promises.
pub(crate) async fn cautions(connection: &mut Connection) -> Result<Vec<String>, BoxError> {
    let mut cautions = newer(connection).await?;
    if let Some(query) = TOLD {
        cautions.extend(names(connection, query).await?.into_iter().map(|told| told.name));
    }
    Ok(cautions)
}

/// Why the tables have no place, or not here.
async fn misplaced(connection: &mut Connection, query: Option<&str>) -> QueryResult<Vec<Finding>> {
    let Some(query) = query else { return Ok(vec![]) };
    let found: Vec<Misplaced> = diesel::sql_query(query).load(connection).await?;
    Ok(found.into_iter().map(Misplaced::finding).collect())
}

/// The values of columns of another service that the migration keeps, by queries that find few.
const VALUES: [(&str, &str); 3] = [
    ("currency", "SELECT DISTINCT currency AS name FROM orders"),
    (
        "cancel_reason",
        "SELECT DISTINCT cancel_reason AS name FROM orders WHERE cancel_reason IS NOT NULL",
    ),
    (
        "client_reference",
        "SELECT client_reference AS name FROM orders WHERE client_reference IS NOT NULL \
         GROUP BY customer_id, client_reference HAVING COUNT(*) > 1 LIMIT 1",
    ),
];

/// What is wrong with the values of columns that the migration keeps.
async fn foreign(connection: &mut Connection, existing: &Existing) -> QueryResult<Vec<Finding>> {
    let mut findings = Vec::new();
    for (column, query) in VALUES {
        if has(&existing.columns, column) {
            let values = names(connection, query).await?;
            findings.extend(foreign_values(column, &values, &RULES));
        }
    }
    Ok(findings)
}

/// Why the database refuses an order of this status; `None` if it takes one. Only the database knows all of its checks and
/// triggers. The row has an id that no order has and that moves no counter, and is rolled back.
async fn trial(
    connection: &mut Connection,
    status: OrderStatus,
    existing: &Existing,
) -> QueryResult<Option<String>> {
    connection.batch_execute(BEGIN).await?;
    let has = |name: &str| has(&existing.columns, name);
    let (version, one) = if has("version") { (", version", ", 1") } else { ("", "") };
    let (currency, usd) = if has("currency") { (", currency", ", 'USD'") } else { ("", "") };
    let insert = format!(
        "INSERT INTO orders \
         (id, customer_id, items, total_amount, status, created_at, updated_at{version}{currency}) \
         SELECT -8082, COALESCE((SELECT customer_id FROM orders WHERE customer_id > 0 LIMIT 1), 1), \
         '[{{\"productId\":1,\"quantity\":1,\"unitPrice\":\"1.00\"}}]', {ONE}, '{status}', \
         '2026-01-01 00:00:00.000001', '2026-01-01 00:00:00.000001'{one}{usd}"
    );
    let error = match connection.batch_execute(&insert).await {
        Ok(()) => None,
        Err(error) => Some(named(connection, error).await),
    };
    let undone = connection.batch_execute("ROLLBACK").await;
    match error {
        None => undone.map(|()| None),
        // A trigger may have ended the transaction already.
        Some(Error::DatabaseError(kind, told)) if !passes(kind) => {
            Ok(Some(told.message().to_owned()))
        }
        Some(error) => Err(error),
    }
}

/// Whether an error says nothing of the table: the connection is lost, or other transactions are in the way.
const fn passes(kind: DatabaseErrorKind) -> bool {
    use DatabaseErrorKind::{ClosedConnection, SerializationFailure, UnableToSendCommand};
    matches!(kind, ClosedConnection | SerializationFailure | UnableToSendCommand)
}

/// Changes what may be changed, and says what it did; nothing at all when something must not be changed.
pub(crate) async fn adapt(
    connection: &mut Connection,
    needs: &Needs,
    extent: Extent,
) -> Result<Vec<String>, BoxError> {
    connection.batch_execute(SESSION).await?;
    // Tables that a newer release has changed are none of ours to adapt.
    newer(connection).await?;
    let is_allowed = |finding: &Finding| match finding.remedy {
        Remedy::Quick => true,
        Remedy::Rewrite => extent == Extent::Whole,
        Remedy::Operator => false,
    };
    let mut findings = look(connection, needs).await?.unwrap_or_default();
    if findings.is_empty() {
        findings = misplaced(connection, MAKING).await?;
    }
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
    let left = look(connection, needs).await?.unwrap_or_default();
    if left.is_empty() { Ok(done) } else { Err(Unsuitable(left).into()) }
}

/// Reads all orders, as requests would, `at_a_time` by one statement.
pub(crate) async fn check_orders(
    connection: &mut Connection,
    at_a_time: u32,
    tell: &mut (dyn FnMut(CheckedOrders) + Send),
) -> QueryResult<()> {
    let versions_from = if is_migrated(connection).await? {
        Some(facts(connection, &()).await?.versions_from)
    } else {
        None
    };
    let mut above = i64::MIN;
    loop {
        let some = orders::table.filter(orders::id.gt(above)).order(orders::id.asc());
        let some = some.limit(at_a_time.into());
        let rows: Vec<OrderRow> = if versions_from.is_some() {
            some.select(OrderRow::as_select()).load(connection).await?
        } else {
            let seven = some.select(SevenColumns::as_select());
            seven.load(connection).await?.into_iter().map(SevenColumns::row).collect()
        };
        let Some(last) = rows.last() else { return Ok(()) };
        above = last.id;
        let versions_from = versions_from.unwrap_or(Version::FIRST.get());
        tell(CheckedOrders {
            count: u32::try_from(rows.len()).unwrap_or(u32::MAX),
            unreadable: rows.iter().filter_map(|row| row.order(versions_from).err()).collect(),
        });
    }
}
