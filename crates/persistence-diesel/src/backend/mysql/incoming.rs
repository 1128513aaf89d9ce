//! How the next events get their places: a plain read, which waits for no writer, puts them into
//! the journal, and exactly those are then deleted by their keys.

use diesel::mysql::Mysql;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::BigInt;
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

impl QueryFragment<Mysql> for Place {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
        out.push_sql("INSERT INTO journal (position, shard, order_id, sequence, event_id) SELECT ");
        out.push_bind_param::<BigInt, _>(&self.last)?;
        out.push_sql(" + ROW_NUMBER() OVER (ORDER BY order_id, sequence), order_id % ");
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

impl QueryFragment<Mysql> for Remove {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
        // From the journal to the keys, whatever the optimizer thinks: the other way it would
        // wait for writers who have not committed yet.
        out.push_sql(
            "DELETE incoming FROM journal STRAIGHT_JOIN outbox_incoming AS incoming \
             FORCE INDEX (PRIMARY) ON incoming.order_id = journal.order_id \
             AND incoming.sequence = journal.sequence WHERE journal.position > ",
        );
        out.push_bind_param::<BigInt, _>(&self.last)?;
        Ok(())
    }
}
