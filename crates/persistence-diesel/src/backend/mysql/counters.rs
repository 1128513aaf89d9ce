//! The counters from which other services give ids to the same table: `AUTO_INCREMENT`, the sequences of MariaDB, and the tables
//! that Hibernate uses as sequences on MySQL. Ids are drawn from them, so that neither service gives an id of the other.

use std::ops::Range;

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection as _};
use order_domain::MAX_ID;

use super::{BEGIN, Connection};
use crate::adopt::{Counter, Name};
use crate::schema::orders;

/// The counter of the table, if there is one: Hibernate's own first, then that of the column.
const FIND: &str = "
    SELECT name, kind, step, CAST(NULL AS CHAR) AS `grant` FROM (
        SELECT 'AUTO_INCREMENT' AS name, 'column' AS kind, CAST(@@auto_increment_increment AS SIGNED) AS step, 1 AS place
        FROM information_schema.columns
        WHERE table_schema = DATABASE() AND table_name = 'orders' AND column_name = 'id'
            AND extra LIKE '%auto_increment%'
        UNION ALL
        SELECT table_name, CAST(LOWER(table_type) AS CHAR), CAST(1 AS SIGNED),
            IF(table_name = 'orders_seq', 0, 2)
        FROM information_schema.tables
        WHERE table_schema = DATABASE() AND table_name IN ('orders_seq', 'hibernate_sequence')
    ) AS counters ORDER BY place LIMIT 1";

/// The most ids that are drawn at a time: each costs a row that is rolled back, or a statement.
const MOST: i64 = 256;

/// The most ids that Hibernate takes by one value of a counter: far more than its default, 50.
const LARGEST_STEP: i64 = 1_000;

/// How far a row may be ahead of a counter.
const FARTHEST: i64 = 10_000_000;

/// A number of a counter.
#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// The counter from which another service gives ids to the table, and whether this user may draw from it.
pub(super) async fn find(connection: &mut Connection) -> QueryResult<Option<Counter>> {
    let Some(mut counter) = found(connection).await? else { return Ok(None) };
    let name = &counter.name;
    // The server looks at the rights before it looks for rows, of which there are none here.
    let (trial, rights) = match &*counter.kind {
        "column" => return Ok(Some(counter)),
        "sequence" => (
            format!("SELECT NEXTVAL({name}) FROM (SELECT 1 AS one) AS none WHERE one = 0"),
            "SELECT, INSERT",
        ),
        _ => (format!("UPDATE {name} SET next_val = next_val WHERE 1 = 0"), "SELECT, UPDATE"),
    };
    if connection.batch_execute(&trial).await.is_err() {
        let user = "SELECT CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''') AS name";
        let user: Name = diesel::sql_query(user).get_result(connection).await?;
        counter.grant = Some(format!("GRANT {rights} ON {name} TO {}", user.name));
    }
    Ok(Some(counter))
}

async fn found(connection: &mut Connection) -> QueryResult<Option<Counter>> {
    diesel::sql_query(FIND).get_result(connection).await.optional()
}

/// Draws ids, about `count` of them, from the counter of the other service; `None` when there is no counter, or it has no
/// valid ids left.
pub(super) async fn draw(
    connection: &mut Connection,
    count: i64,
) -> QueryResult<Option<Range<i64>>> {
    let Some(counter) = found(connection).await? else { return Ok(None) };
    let count = count.min(MOST);
    let drawn = match &*counter.kind {
        "column" => of_column(connection, &counter, count).await?,
        "sequence" => of_sequence(connection, &counter, count).await?,
        _ => of_table(connection, &counter, count).await?,
    };
    let is_valid = drawn.start >= 1 && drawn.end <= MAX_ID;
    Ok(is_valid.then_some(drawn))
}

/// Inserts rows without an id and takes them back: the server gives them numbers that follow each other, and gives
/// none of them again.
async fn of_column(
    connection: &mut Connection,
    counter: &Counter,
    count: i64,
) -> QueryResult<Range<i64>> {
    let count = if counter.step == 1 { count } else { 1 };
    // A query inside the statement would let the numbers of two statements mix.
    let customer =
        "SELECT COALESCE((SELECT customer_id FROM orders WHERE customer_id > 0 LIMIT 1), 1) AS id";
    let customer = number(connection, customer).await?;
    let row = format!("({customer}, '[]', 0, 'PENDING', '2026-01-01', '2026-01-01', 0, 'USD')");
    let rows = vec![row; usize::try_from(count).unwrap_or(1)].join(", ");
    let insert = format!(
        "INSERT INTO orders (customer_id, items, total_amount, status, created_at, updated_at, version, currency) \
         VALUES {rows}"
    );
    connection.batch_execute(BEGIN).await?;
    connection.batch_execute(&insert).await?;
    let first = number(connection, "SELECT CAST(LAST_INSERT_ID() AS SIGNED) AS id").await?;
    connection.batch_execute("ROLLBACK").await?;
    Ok(first..first.saturating_add(count))
}

/// Hibernate uses a value `v` of a sequence for the ids from `v` on, or up to `v`, as many as the step. From values that
/// were drawn one after the other, both leave the ids from the first to the last to us.
async fn of_sequence(
    connection: &mut Connection,
    counter: &Counter,
    count: i64,
) -> QueryResult<Range<i64>> {
    let name = &counter.name;
    let step = number(connection, &format!("SELECT CAST(increment AS SIGNED) AS id FROM {name}"))
        .await?
        .max(1);
    // It never goes back.
    let first =
        number(connection, &format!("SELECT CAST(NEXTVAL({name}) AS SIGNED) AS id")).await?;
    if let Some(largest) = ahead(connection, first).await? {
        let pass = format!("SELECT CAST(COALESCE(SETVAL({name}, {largest}), 0) AS SIGNED) AS id");
        number(connection, &pass).await?;
    }
    let next = format!("SELECT CAST(NEXTVAL({name}) AS SIGNED) AS id");
    let first = number(connection, &next).await?;
    let mut end = first;
    while end.saturating_sub(first) < count {
        let id = number(connection, &next).await?;
        // The other service has drawn a value in between.
        if id != end.saturating_add(step) {
            break;
        }
        end = id;
    }
    Ok(first..end.saturating_add(1))
}

/// Moves the value of a table, under its lock, as Hibernate does, and by more than Hibernate takes at a time.
async fn of_table(
    connection: &mut Connection,
    counter: &Counter,
    count: i64,
) -> QueryResult<Range<i64>> {
    let name = &counter.name;
    connection.batch_execute(BEGIN).await?;
    let read = format!("SELECT CAST(next_val AS SIGNED) AS id FROM {name} LIMIT 1 FOR UPDATE");
    let next = number(connection, &read).await?;
    let first = ahead(connection, next).await?.map_or(next, |largest| largest.saturating_add(1));
    let end = first.saturating_add(count);
    let next = end.saturating_add(LARGEST_STEP);
    connection.batch_execute(&format!("UPDATE {name} SET next_val = {next}")).await?;
    connection.batch_execute("COMMIT").await?;
    Ok(first..end)
}

/// The largest id, if it is ahead of a counter, and not as far as an odd row is: following that would use up the ids of both
/// services.
async fn ahead(connection: &mut Connection, next: i64) -> QueryResult<Option<i64>> {
    let near = orders::id.between(next, next.saturating_add(FARTHEST));
    let largest = diesel::dsl::max(orders::id);
    orders::table.filter(near).select(largest).first(connection).await
}

async fn number(connection: &mut Connection, query: &str) -> QueryResult<i64> {
    let number: Number = diesel::sql_query(query).get_result(connection).await?;
    Ok(number.id)
}
