//! How many events wait to be published: counted up to a bound, each shard by its own range of an index.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Nullable, Timestamp};
use diesel_async::RunQueryDsl;
use order_app::ports::{Backlog, Duty, SHARDS};

use super::leases::{name, positions};
use super::positions::in_shard;
use super::{Connection, Dialect, incoming};
use crate::backend::Running;
use crate::schema::{journal, outbox, parked_orders};

/// Counts the rows of another query.
struct Count<Q>(Q);

impl<Q> Query for Count<Q> {
    type SqlType = BigInt;
}

impl<Q> QueryId for Count<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: QueryFragment<Dialect>> QueryFragment<Dialect> for Count<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Dialect>) -> QueryResult<()> {
        out.push_sql("SELECT COUNT(*) FROM (");
        self.0.walk_ast(out.reborrow())?;
        out.push_sql(") AS bounded");
        Ok(())
    }
}

/// How many events wait for their positions, and when the oldest of them happened.
#[derive(QueryableByName)]
struct Waiting {
    #[diesel(sql_type = BigInt)]
    events: i64,
    #[diesel(sql_type = Nullable<Timestamp>)]
    oldest: Option<NaiveDateTime>,
}

/// The backlog now. It is put together from several statements, each of which has its own snapshot.
pub(super) fn backlog<'c>(connection: &'c mut Connection, (): &'c ()) -> Running<'c, Backlog> {
    Box::pin(async move {
        let mut backlog = Backlog::default();
        let waiting = diesel::sql_query(incoming::WAITING).bind::<BigInt, _>(room(&backlog));
        let Waiting { events, oldest } = waiting.get_result(connection).await?;
        add(&mut backlog, events, oldest);
        let positions = positions(connection).await?;
        let passed = |duty| positions.get(&name(duty)).copied().unwrap_or_default();
        let head = passed(Duty::Sequence);
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

/// Adds the events of a shard that its publisher has not passed. Positions grow with time, so the first
/// of these events is the oldest.
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
    let events: i64 = Count(keys).get_result(connection).await?;
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
