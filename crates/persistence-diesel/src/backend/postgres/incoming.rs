//! How the next events get their places: one statement, which puts into the journal exactly the
//! rows that it has deleted.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;
use order_app::ports::SHARDS;

use super::Connection;
use crate::types::SHARD_SPAN;

/// Gives the places after `last` to at most `limit` events. The caller holds the lease.
pub(super) async fn place(
    connection: &mut Connection,
    last: i64,
    limit: i64,
) -> QueryResult<usize> {
    Place { last, limit }.execute(connection).await
}

#[derive(QueryId)]
struct Place {
    last: i64,
    limit: i64,
}

impl QueryFragment<Pg> for Place {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        // By their place in the table, which nothing moves: a join of the keys may be planned as
        // a walk through everything that waits.
        out.push_sql(
            "WITH taken AS (DELETE FROM outbox_incoming WHERE ctid = ANY (ARRAY( \
             SELECT ctid FROM outbox_incoming ORDER BY order_id, sequence LIMIT ",
        );
        out.push_bind_param::<BigInt, _>(&self.limit)?;
        out.push_sql(")) RETURNING order_id, sequence, event_id), placed AS (SELECT ");
        out.push_bind_param::<BigInt, _>(&self.last)?;
        out.push_sql(
            " + row_number() OVER (ORDER BY order_id, sequence) AS position, \
             order_id, sequence, event_id FROM taken) \
             INSERT INTO journal (position, shard_position, order_id, sequence, event_id) \
             SELECT position, order_id % ",
        );
        out.push_sql(&SHARDS.to_string());
        out.push_sql(" * ");
        out.push_sql(&SHARD_SPAN.to_string());
        out.push_sql(" + position, order_id, sequence, event_id FROM placed");
        Ok(())
    }
}
