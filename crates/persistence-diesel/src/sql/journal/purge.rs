//! Purges what is published and old: entries from the beginning of the journal on, and the events that
//! later ones have made superfluous. All statements are bounded, use ranges of indexes, and run in one
//! short transaction.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Timestamp};
use diesel_async::RunQueryDsl;
use order_app::ports::{Duty, Purged, SHARDS};

use super::leases::{PURGE, hold_purge, move_on_row, name, positions};
use super::{Connection, Dialect, JOIN_EVENTS};
use crate::backend::Running;
use crate::executor::Ending;
use crate::schema::{journal, leases, outbox, parked_orders, sql_types};
use crate::types::{Guid, Lenient, SHARD_SPAN};

/// An entry, and when its event happened.
#[derive(Queryable)]
struct Entry {
    position: i64,
    shard_position: i64,
    order: i64,
    sequence: i64,
    event: Guid,
    at: Option<Lenient<NaiveDateTime>>,
}

impl Entry {
    /// Whether the event happened before a time. An event that is gone, or whose time cannot be read, is
    /// old, because it must not keep all later ones.
    fn is_old(&self, before: NaiveDateTime) -> bool {
        self.at.as_ref().is_none_or(|Lenient(at)| at.as_ref().map_or(true, |at| *at < before))
    }
}

/// Up to where the journal is purged.
pub(super) fn purged<'c>(connection: &'c mut Connection, (): &'c ()) -> Running<'c, i64> {
    let row = leases::table.filter(leases::name.eq(PURGE));
    Box::pin(row.select(leases::position).first(connection))
}

/// Purges one batch. The row of the purge is locked first, so that one instance at a time purges. It waits
/// for no publisher: the positions of the shards are read before the parked orders, so an order that is
/// not parked by then is published.
pub(super) fn purge<'c>(
    connection: &'c mut Connection,
    &(before, limit): &'c (NaiveDateTime, u32),
) -> Running<'c, Ending<Purged>> {
    Box::pin(async move {
        let from = hold_purge(connection).await?;
        let passed = passed(connection, from, before, limit).await?;
        let Some(to) = passed.last().map(|entry| entry.position) else {
            return Ok(Ending::Undo(Purged::default()));
        };
        let left = Left { from, to, before, limit: i64::from(limit) };
        let left: Vec<Guid> = left.load(connection).await?;
        if u32::try_from(left.len()).is_ok_and(|left| left >= limit) {
            // There may be more of them, and their positions are gone already.
            let events = delete(connection, left).await?;
            return Ok(Ending::Keep(Purged { events, more: true }));
        }
        let more = u32::try_from(passed.len()).is_ok_and(|passed| passed >= limit);
        let superfluous = superfluous(connection, passed, before).await?;
        let events = delete(connection, left.into_iter().chain(superfluous).collect()).await?;
        let purged =
            journal::table.filter(journal::position.gt(from)).filter(journal::position.le(to));
        diesel::delete(purged).execute(connection).await?;
        move_on_row(connection, PURGE.to_owned(), to).await?;
        Ok(Ending::Keep(Purged { events, more }))
    })
}

/// The next entries that their shards have passed, up to the last one whose event is old.
async fn passed(
    connection: &mut Connection,
    from: i64,
    before: NaiveDateTime,
    limit: u32,
) -> QueryResult<Vec<Entry>> {
    let published = positions(connection).await?;
    let shards: Vec<i64> = (0..SHARDS)
        .map(|shard| published.get(&name(Duty::Publish(shard))).copied().unwrap_or_default())
        .collect();
    let is_published = |entry: &Entry| {
        let shard = entry.shard_position.checked_div(SHARD_SPAN).map(usize::try_from);
        let passed = shard.and_then(Result::ok).and_then(|shard| shards.get(shard));
        passed.is_some_and(|passed| entry.position <= *passed)
    };
    let entries: Vec<Entry> = journal::table
        .left_join(outbox::table.on(outbox::event_id.eq(journal::event_id)))
        .filter(journal::position.gt(from))
        .order(journal::position.asc())
        .limit(i64::from(limit))
        .select((
            journal::position,
            journal::shard_position,
            journal::order_id,
            journal::sequence,
            journal::event_id,
            outbox::occurred_at.nullable(),
        ))
        .load(connection)
        .await?;
    let mut entries: Vec<Entry> = entries.into_iter().take_while(is_published).collect();
    let last = entries.iter().rposition(|entry| entry.is_old(before));
    entries.truncate(last.map_or(0, |last| last.saturating_add(1)));
    Ok(entries)
}

/// The old events among these that a later one among these follows, except those of parked orders.
async fn superfluous(
    connection: &mut Connection,
    passed: Vec<Entry>,
    before: NaiveDateTime,
) -> QueryResult<Vec<Guid>> {
    let newest: BTreeMap<i64, i64> = passed.iter().map(|one| (one.order, one.sequence)).collect();
    let orders: Vec<i64> = newest.keys().copied().collect();
    let parked = parked_orders::table.filter(parked_orders::order_id.eq_any(orders));
    let parked: Vec<i64> = parked.select(parked_orders::order_id).load(connection).await?;
    let parked: BTreeSet<i64> = parked.into_iter().collect();
    let superfluous = passed.into_iter().filter(|entry| {
        let followed = newest.get(&entry.order).is_some_and(|newest| entry.sequence < *newest);
        followed && entry.is_old(before) && !parked.contains(&entry.order)
    });
    Ok(superfluous.map(|entry| entry.event).collect())
}

async fn delete(connection: &mut Connection, events: Vec<Guid>) -> QueryResult<u32> {
    if events.is_empty() {
        return Ok(0);
    }
    let gone = outbox::table.filter(outbox::event_id.eq_any(events));
    let gone = diesel::delete(gone).execute(connection).await?;
    Ok(u32::try_from(gone).unwrap_or(u32::MAX))
}

/// The old events that earlier purges have left, and that an entry among these follows: they were the
/// newest of their orders at the time, or their orders were parked.
#[derive(QueryId)]
struct Left {
    from: i64,
    to: i64,
    before: NaiveDateTime,
    limit: i64,
}

impl Query for Left {
    type SqlType = sql_types::Guid;
}

impl QueryFragment<Dialect> for Left {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Dialect>) -> QueryResult<()> {
        out.push_sql(
            "SELECT event.event_id FROM (SELECT order_id, MIN(sequence) AS lowest FROM journal \
             WHERE position > ",
        );
        out.push_bind_param::<BigInt, _>(&self.from)?;
        out.push_sql(" AND position <= ");
        out.push_bind_param::<BigInt, _>(&self.to)?;
        out.push_sql(" GROUP BY order_id) AS passed ");
        out.push_sql(JOIN_EVENTS);
        out.push_sql(
            " ON event.order_id = passed.order_id AND event.sequence < passed.lowest \
             WHERE event.occurred_at < ",
        );
        out.push_bind_param::<Timestamp, _>(&self.before)?;
        out.push_sql(
            " AND NOT EXISTS (SELECT 1 FROM parked_orders AS parked \
             WHERE parked.order_id = event.order_id) LIMIT ",
        );
        out.push_bind_param::<BigInt, _>(&self.limit)?;
        Ok(())
    }
}
