//! Events without a place in the journal: how the next ones get theirs, and how many there are. A
//! row holds the events of one batch; giving places is one statement, which puts into the journal
//! exactly what it has deleted.

use chrono::NaiveDateTime;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Nullable, Timestamp};
use diesel_async::RunQueryDsl;
use order_app::ports::SHARDS;

use super::Connection;
use crate::types::SHARD_SPAN;

/// Gives the places after `last` to the events of the first batches: to no further batch when
/// `limit` events have theirs. The caller holds the lease.
///
/// In the order of their numbers, which no version of an order has before the one before it: so
/// whatever is taken, the earlier versions are among it or have their places.
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
        // Each batch has an event at least, so the first `limit` batches are enough to look at.
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
             placed AS (SELECT ",
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
        out.push_sql(" + position, order_id, sequence, event_id FROM placed");
        Ok(())
    }
}

/// The first event of an order that is among them. They are few, unless nobody gives places.
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

/// How many there are, and when the oldest of them happened; of at most so many.
pub(super) async fn waiting(
    connection: &mut Connection,
    most: i64,
) -> QueryResult<(i64, Option<NaiveDateTime>)> {
    let events = diesel::sql_query(
        "SELECT COUNT(*) AS events, MIN(occurred_at) AS oldest FROM outbox \
         WHERE event_id IN (SELECT unnest(event_ids) FROM outbox_incoming LIMIT $1)",
    );
    let waiting: Waiting = events.bind::<BigInt, _>(most).get_result(connection).await?;
    Ok((waiting.events, waiting.oldest))
}

#[derive(QueryableByName)]
struct Waiting {
    #[diesel(sql_type = BigInt)]
    events: i64,
    #[diesel(sql_type = Nullable<Timestamp>)]
    oldest: Option<NaiveDateTime>,
}
