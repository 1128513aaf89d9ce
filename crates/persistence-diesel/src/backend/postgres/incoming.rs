//! Events that wait for their positions in the journal. A row holds the events of one batch; one statement
//! assigns positions and inserts into the journal exactly what it has deleted.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Nullable};
use diesel_async::RunQueryDsl;
use order_app::ports::SHARDS;

use super::Connection;
use crate::types::SHARD_SPAN;

/// Assigns the positions after `last` to the events of the first batches, until at least `limit` events
/// have theirs. The caller holds the lease.
///
/// Batches are taken in the order of their numbers. A version of an order has a later number than the
/// version before it, so the earlier versions of a taken event are taken, too, or have their positions.
pub(super) async fn assign(
    connection: &mut Connection,
    last: i64,
    limit: i64,
) -> QueryResult<usize> {
    Assign { last, limit }.execute(connection).await
}

#[derive(QueryId)]
struct Assign {
    last: i64,
    limit: i64,
}

impl QueryFragment<Pg> for Assign {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        // Each batch has at least one event, so it is enough to look at the first `limit` batches.
        out.push_sql(
            "WITH taken AS (DELETE FROM outbox_incoming WHERE number <= (SELECT MAX(number) FROM \
             (SELECT number, SUM(events) OVER (ORDER BY number) - events AS before FROM \
             (SELECT number, CARDINALITY(event_ids) AS events FROM outbox_incoming \
             ORDER BY number LIMIT ",
        );
        out.push_bind_param::<BigInt, _>(&self.limit)?;
        out.push_sql(") AS first) AS counted WHERE before < ");
        out.push_bind_param::<BigInt, _>(&self.limit)?;
        out.push_sql(
            ") RETURNING number, order_ids, sequences, event_ids), \
             assigned AS (SELECT ",
        );
        out.push_bind_param::<BigInt, _>(&self.last)?;
        out.push_sql(
            " + row_number() OVER (ORDER BY number, nth) AS position, \
             order_id, sequence, event_id FROM taken, \
             unnest(order_ids, sequences, event_ids) WITH ORDINALITY \
             AS event (order_id, sequence, event_id, nth)) \
             INSERT INTO journal (position, shard_position, order_id, sequence, event_id) \
             SELECT position, order_id % ",
        );
        out.push_sql(&SHARDS.to_string());
        out.push_sql(" * ");
        out.push_sql(&SHARD_SPAN.to_string());
        out.push_sql(" + position, order_id, sequence, event_id FROM assigned");
        Ok(())
    }
}

/// The first event of an order that waits. Few do, unless no instance assigns positions.
pub(super) async fn first_of(connection: &mut Connection, order: i64) -> QueryResult<Option<i64>> {
    let its = diesel::sql_query(
        "SELECT MIN(sequence) AS sequence FROM outbox_incoming, \
         unnest(order_ids, sequences) AS event (order_id, sequence) \
         WHERE $1 = ANY (order_ids) AND order_id = $1",
    );
    let first: First = its.bind::<BigInt, _>(order).get_result(connection).await?;
    Ok(first.sequence)
}

#[derive(QueryableByName)]
struct First {
    #[diesel(sql_type = Nullable<BigInt>)]
    sequence: Option<i64>,
}

/// How many events wait, and when the oldest of them happened; counts no more than the parameter.
pub(super) const WAITING: &str = "SELECT COUNT(*) AS events, MIN(occurred_at) AS oldest FROM outbox \
     WHERE event_id IN (SELECT unnest(event_ids) FROM outbox_incoming LIMIT $1)";
