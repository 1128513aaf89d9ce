//! How much waits to be published: counted up to a bound, each shard by its own range of an index.

use std::collections::HashMap;
use std::marker::PhantomData;

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Nullable, Timestamp};
use diesel_async::RunQueryDsl;
use order_app::ports::{Backlog, Duty, SHARDS};

use super::super::statements::Running;
use super::super::{Connection, Dialect};
use super::leases::name;
use super::places::in_shard;
use crate::schema::{journal, leases, outbox, outbox_incoming, parked_orders};

/// An aggregate over the rows of another query.
struct Over<Q, T> {
    aggregate: &'static str,
    rows: Q,
    of: PhantomData<T>,
}

fn count<Q>(rows: Q) -> Over<Q, BigInt> {
    Over { aggregate: "COUNT(*)", rows, of: PhantomData }
}

fn oldest<Q>(rows: Q) -> Over<Q, Nullable<Timestamp>> {
    Over { aggregate: "MIN(occurred_at)", rows, of: PhantomData }
}

impl<Q, T> Query for Over<Q, T> {
    type SqlType = T;
}

impl<Q, T> QueryId for Over<Q, T> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: QueryFragment<Dialect>, T> QueryFragment<Dialect> for Over<Q, T> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Dialect>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        out.push_sql(self.aggregate);
        out.push_sql(" FROM (");
        self.rows.walk_ast(out.reborrow())?;
        out.push_sql(") AS bounded");
        Ok(())
    }
}

/// What waits now. It is put together from several statements, each true at its moment.
pub(super) fn backlog<'c>(connection: &'c mut Connection, (): &'c ()) -> Running<'c, Backlog> {
    Box::pin(async move {
        let mut backlog = Backlog::default();
        add_incoming(connection, &mut backlog).await?;
        let positions: Vec<(String, i64)> =
            leases::table.select((leases::name, leases::position)).load(connection).await?;
        let positions: HashMap<String, i64> = positions.into_iter().collect();
        let passed = |duty| positions.get(&name(duty)).copied().unwrap_or_default();
        let head = passed(Duty::Arrange);
        for shard in 0..SHARDS {
            let position = passed(Duty::Publish(shard));
            if position < head && backlog.events < Backlog::BOUND {
                add_shard(connection, &mut backlog, shard, position).await?;
            }
        }
        let parked: i64 = parked_orders::table.count().get_result(connection).await?;
        backlog.parked = u64::try_from(parked).unwrap_or_default();
        Ok(backlog)
    })
}

/// Adds the events without a place.
async fn add_incoming(connection: &mut Connection, backlog: &mut Backlog) -> QueryResult<()> {
    let rows = outbox_incoming::table
        .inner_join(outbox::table.on(outbox::event_id.eq(outbox_incoming::event_id)))
        .select(outbox::occurred_at)
        .limit(room(backlog));
    let keys = outbox_incoming::table.select(outbox_incoming::order_id).limit(room(backlog));
    let events: i64 = count(keys).get_result(connection).await?;
    if events > 0 {
        let oldest: Option<NaiveDateTime> = oldest(rows).get_result(connection).await?;
        add(backlog, events, oldest);
    }
    Ok(())
}

/// Adds the events of a shard that its publisher has not passed. Places grow with time, so the
/// first of them is the oldest.
async fn add_shard(
    connection: &mut Connection,
    backlog: &mut Backlog,
    shard: u16,
    passed: i64,
) -> QueryResult<()> {
    let range = in_shard(shard, passed);
    let waiting = journal::table
        .filter(journal::shard_position.ge(range.start))
        .filter(journal::shard_position.lt(range.end));
    let keys = waiting.select(journal::shard_position).limit(room(backlog));
    let events: i64 = count(keys).get_result(connection).await?;
    if events > 0 {
        let oldest: Option<NaiveDateTime> = waiting
            .inner_join(outbox::table.on(outbox::event_id.eq(journal::event_id)))
            .order(journal::shard_position.asc())
            .select(outbox::occurred_at)
            .first(connection)
            .await
            .optional()?;
        add(backlog, events, oldest);
    }
    Ok(())
}

/// How many more may be counted.
fn room(backlog: &Backlog) -> i64 {
    i64::try_from(Backlog::BOUND.saturating_sub(backlog.events)).unwrap_or_default()
}

fn add(backlog: &mut Backlog, events: i64, oldest: Option<NaiveDateTime>) {
    let events = u64::try_from(events).unwrap_or_default();
    backlog.events = backlog.events.saturating_add(events);
    let oldest = oldest.map(|time| time.and_utc());
    backlog.oldest = [backlog.oldest, oldest].into_iter().flatten().min();
}
