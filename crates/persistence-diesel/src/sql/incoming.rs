//! Events that wait for their positions in the journal, one row each, on MySQL, MariaDB and SQLite. One
//! statement inserts into the journal what a plain read finds, which waits for no writer, and another one
//! deletes exactly these rows. PostgreSQL's own form is in its backend.

use diesel::dsl::min;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;
use order_app::ports::SHARDS;

use super::{Connection, Dialect, REMOVE};
use crate::schema::outbox_incoming;
use crate::types::SHARD_SPAN;

/// Assigns the positions after `last` to at most `limit` events. The caller holds the lease, so the rows
/// that are found here are still there when they are deleted.
pub(super) async fn assign(
    connection: &mut Connection,
    last: i64,
    limit: i64,
) -> QueryResult<usize> {
    let assigned = Assign { last, limit }.execute(connection).await?;
    if assigned > 0 {
        Remove { last }.execute(connection).await?;
    }
    Ok(assigned)
}

#[derive(QueryId)]
struct Assign {
    last: i64,
    limit: i64,
}

impl QueryFragment<Dialect> for Assign {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Dialect>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO journal (position, shard_position, order_id, sequence, event_id) \
             SELECT position, order_id % ",
        );
        out.push_sql(&SHARDS.to_string());
        out.push_sql(" * ");
        out.push_sql(&SHARD_SPAN.to_string());
        // The limit stands inside, so that only these rows are numbered, not all that wait.
        out.push_sql(" + position, order_id, sequence, event_id FROM (SELECT ");
        out.push_bind_param::<BigInt, _>(&self.last)?;
        out.push_sql(
            " + ROW_NUMBER() OVER (ORDER BY order_id, sequence) AS position, \
             order_id, sequence, event_id FROM (SELECT order_id, sequence, event_id \
             FROM outbox_incoming ORDER BY order_id, sequence LIMIT ",
        );
        out.push_bind_param::<BigInt, _>(&self.limit)?;
        out.push_sql(") AS next) AS assigned");
        Ok(())
    }
}

#[derive(QueryId)]
struct Remove {
    last: i64,
}

impl QueryFragment<Dialect> for Remove {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Dialect>) -> QueryResult<()> {
        let (before, after) = REMOVE;
        out.push_sql(before);
        out.push_bind_param::<BigInt, _>(&self.last)?;
        out.push_sql(after);
        Ok(())
    }
}

/// The first event of an order that waits.
pub(super) async fn first_of(connection: &mut Connection, order: i64) -> QueryResult<Option<i64>> {
    let its = outbox_incoming::table.filter(outbox_incoming::order_id.eq(order));
    its.select(min(outbox_incoming::sequence)).get_result(connection).await
}

/// How many events wait, and when the oldest of them happened; counts no more than the parameter.
pub(super) const WAITING: &str = "SELECT COUNT(*) AS events, MIN(occurred_at) AS oldest FROM (SELECT occurred_at \
     FROM outbox_incoming JOIN outbox ON outbox.event_id = outbox_incoming.event_id \
     LIMIT ?) AS bounded";
