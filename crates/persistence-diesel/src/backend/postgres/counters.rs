//! The counters from which other services give ids to the same table: the sequence of a `serial` or identity column, and the
//! sequences that Hibernate makes. Ids are drawn from them, so that neither service gives an id of the other.

use std::ops::Range;

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;
use order_domain::MAX_ID;

use super::Connection;
use crate::adopt::Counter;
use crate::schema::orders;

/// The sequence of the table, if there is one: Hibernate's own first, then that of the column.
const FIND: &str = "
    SELECT seqrelid::regclass::text AS name, 'sequence' AS kind, seqincrement AS step,
        CASE WHEN NOT has_sequence_privilege(seqrelid, 'USAGE') THEN
            'GRANT USAGE ON SEQUENCE ' || seqrelid::regclass || ' TO ' || quote_ident(current_user) END AS \"grant\"
    FROM pg_sequence
    WHERE seqrelid IN (to_regclass('orders_seq'), to_regclass(pg_get_serial_sequence('orders', 'id')),
        to_regclass('hibernate_sequence'))
    ORDER BY CASE seqrelid::oid WHEN to_regclass('orders_seq')::oid THEN 0
        WHEN to_regclass('hibernate_sequence')::oid THEN 2 ELSE 1 END
    LIMIT 1";

/// The most values that one statement draws to bring a sequence behind the largest id.
const MOST_STEPS: i64 = 100_000;

/// How many values the largest id may be ahead. A row that is farther ahead is an odd one: following it would use up the
/// ids of both services.
const FARTHEST: i64 = 1_000_000;

/// An id that was drawn.
#[derive(QueryableByName)]
struct Drawn {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// The counter from which another service gives ids to the table.
pub(super) async fn find(connection: &mut Connection) -> QueryResult<Option<Counter>> {
    diesel::sql_query(FIND).get_result(connection).await.optional()
}

/// Draws ids, about `count` of them, from the counter of the other service; `None` when there is no counter, or it has no
/// valid ids left.
///
/// Hibernate uses a value `v` for the ids from `v` on, or up to `v`, as many as the step. From values that were drawn one
/// after the other, both leave the ids from the first to the last to us.
pub(super) async fn draw(
    connection: &mut Connection,
    count: i64,
) -> QueryResult<Option<Range<i64>>> {
    let Some(counter) = find(connection).await? else { return Ok(None) };
    let step = counter.step.max(1);
    let values = count.div_euclid(step).saturating_add(if step == 1 { 0 } else { 2 });
    let mut drawn = next_values(connection, &counter, values).await?;
    if let Some(Drawn { id: first }) = drawn.as_slice().first() {
        let far = first.saturating_add(FARTHEST.saturating_mul(step));
        let near = orders::table.filter(orders::id.between(first, far));
        let largest: Option<i64> =
            near.select(diesel::dsl::max(orders::id)).first(connection).await?;
        if let Some(largest) = largest {
            pass(connection, &counter, step, *first, largest).await?;
            drawn = next_values(connection, &counter, values).await?;
        }
    }
    let mut ids = drawn.into_iter().map(|drawn| drawn.id);
    let Some(first) = ids.next() else { return Ok(None) };
    let mut end = first;
    for id in ids {
        // The other service has drawn a value in between.
        if id != end.saturating_add(step) {
            break;
        }
        end = id;
    }
    let is_valid = first >= 1 && end <= MAX_ID;
    Ok(is_valid.then(|| first..end.saturating_add(1)))
}

/// Brings the sequence behind the largest id.
async fn pass(
    connection: &mut Connection,
    counter: &Counter,
    step: i64,
    last: i64,
    largest: i64,
) -> QueryResult<()> {
    let mut steps = largest.saturating_sub(last).div_euclid(step).saturating_add(1);
    // Drawn, so that it never goes back, whatever the other service draws meanwhile.
    while steps > 0 {
        let some = steps.min(MOST_STEPS);
        let name = counter.name.replace('\'', "''");
        let draw = format!("SELECT max(nextval('{name}')) AS id FROM generate_series(1, {some})");
        diesel::sql_query(draw).load::<Drawn>(connection).await?;
        steps = steps.saturating_sub(some);
    }
    Ok(())
}

async fn next_values(
    connection: &mut Connection,
    counter: &Counter,
    count: i64,
) -> QueryResult<Vec<Drawn>> {
    let name = counter.name.replace('\'', "''");
    let query = format!("SELECT nextval('{name}') AS id FROM generate_series(1, {count})");
    diesel::sql_query(query).load(connection).await
}
