//! How the next events get their places where that takes two statements: one puts into the journal
//! what a plain read finds, which waits for no writer, and one deletes exactly that. For MySQL,
//! MariaDB and SQLite; PostgreSQL has its own way, in its backend.

use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;
use order_app::ports::SHARDS;

use super::{Connection, Dialect, REMOVE};
use crate::types::SHARD_SPAN;

/// Gives the places after `last` to at most `limit` events. The caller holds the lease, so what is
/// found here is still there when it is deleted.
pub(super) async fn place(
    connection: &mut Connection,
    last: i64,
    limit: i64,
) -> QueryResult<usize> {
    let placed = Place { last, limit }.execute(connection).await?;
    if placed > 0 {
        Remove { last }.execute(connection).await?;
    }
    Ok(placed)
}

#[derive(QueryId)]
struct Place {
    last: i64,
    limit: i64,
}

impl QueryFragment<Dialect> for Place {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Dialect>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO journal (position, shard_position, order_id, sequence, event_id) \
             SELECT position, order_id % ",
        );
        out.push_sql(&SHARDS.to_string());
        out.push_sql(" * ");
        out.push_sql(&SHARD_SPAN.to_string());
        // The limit stands inside: numbers are given to these rows, not to all that wait.
        out.push_sql(" + position, order_id, sequence, event_id FROM (SELECT ");
        out.push_bind_param::<BigInt, _>(&self.last)?;
        out.push_sql(
            " + ROW_NUMBER() OVER (ORDER BY order_id, sequence) AS position, \
             order_id, sequence, event_id FROM (SELECT order_id, sequence, event_id \
             FROM outbox_incoming ORDER BY order_id, sequence LIMIT ",
        );
        out.push_bind_param::<BigInt, _>(&self.limit)?;
        out.push_sql(") AS next) AS placed");
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
