//! How the next events get their places. There is one writer at a time, so two statements see the
//! same.

use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;
use diesel_async::RunQueryDsl;
use order_app::ports::SHARDS;

use super::Connection;

/// Gives the places after `last` to at most `limit` events. The caller holds the lease.
pub(super) async fn place(
    connection: &mut Connection,
    last: i64,
    limit: i64,
) -> QueryResult<usize> {
    let place = Place { last, limit, shards: i64::from(SHARDS) };
    let placed = place.execute(connection).await?;
    if placed > 0 {
        Remove { last }.execute(connection).await?;
    }
    Ok(placed)
}

#[derive(QueryId)]
struct Place {
    last: i64,
    limit: i64,
    shards: i64,
}

impl QueryFragment<Sqlite> for Place {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("INSERT INTO journal (position, shard, order_id, sequence, event_id) SELECT ");
        out.push_bind_param::<BigInt, _>(&self.last)?;
        out.push_sql(" + row_number() OVER (ORDER BY order_id, sequence), order_id % ");
        out.push_bind_param::<BigInt, _>(&self.shards)?;
        out.push_sql(
            ", order_id, sequence, event_id FROM (SELECT order_id, sequence, event_id \
             FROM outbox_incoming ORDER BY order_id, sequence LIMIT ",
        );
        out.push_bind_param::<BigInt, _>(&self.limit)?;
        out.push_sql(") AS next");
        Ok(())
    }
}

#[derive(QueryId)]
struct Remove {
    last: i64,
}

impl QueryFragment<Sqlite> for Remove {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(
            "DELETE FROM outbox_incoming WHERE (order_id, sequence) IN \
             (SELECT order_id, sequence FROM journal WHERE position > ",
        );
        out.push_bind_param::<BigInt, _>(&self.last)?;
        out.push_sql(")");
        Ok(())
    }
}
