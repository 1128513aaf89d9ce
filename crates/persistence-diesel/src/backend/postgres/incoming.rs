//! How the next events get their places: one statement, which puts into the journal exactly the
//! rows that it has deleted.

use diesel::pg::Pg;
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
    Place { last, limit, shards: i64::from(SHARDS) }.execute(connection).await
}

#[derive(QueryId)]
struct Place {
    last: i64,
    limit: i64,
    shards: i64,
}

impl QueryFragment<Pg> for Place {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "WITH next AS (SELECT order_id, sequence FROM outbox_incoming \
             ORDER BY order_id, sequence LIMIT ",
        );
        out.push_bind_param::<BigInt, _>(&self.limit)?;
        out.push_sql(
            "), taken AS (DELETE FROM outbox_incoming AS incoming USING next \
             WHERE incoming.order_id = next.order_id AND incoming.sequence = next.sequence \
             RETURNING incoming.order_id, incoming.sequence, incoming.event_id) \
             INSERT INTO journal (position, shard, order_id, sequence, event_id) SELECT ",
        );
        out.push_bind_param::<BigInt, _>(&self.last)?;
        out.push_sql(" + row_number() OVER (ORDER BY order_id, sequence), order_id % ");
        out.push_bind_param::<BigInt, _>(&self.shards)?;
        out.push_sql(", order_id, sequence, event_id FROM taken");
        Ok(())
    }
}
