//! What operators ask of the journal. Nothing here writes.

use async_trait::async_trait;
use chrono::NaiveDateTime;
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use order_app::ports::{
    BoxError, Deadline, Duty, Holding, JournalInspection, Parked, Placed, SHARDS, Selected,
    Selection, Skipped, StoreError,
};
use order_domain::{OrderId, Version};

use super::super::statements::Running;
use super::super::{Connection, Dialect};
use super::Journal;
use super::clock::now;
use super::leases::name;
use super::parking::{ParkedRow, shard_column};
use super::places::head;
use crate::rows::EventRow;
use crate::schema::{journal, leases, orders, outbox, parked_orders, skipped_events};
use crate::types::Guid;

/// So many places are looked at in one statement, whatever is selected: it answers in a fraction of
/// a second even when nothing of it is in memory.
const WINDOW: i64 = 20_000;

/// Which events are asked for.
struct Selecting {
    selection: Selection,
    after: i64,
    limit: u32,
}

/// Which parked orders are asked for.
struct ParkedAfter {
    after: i64,
    shard: Option<i16>,
    limit: u32,
}

/// Which skipped events are asked for.
struct SkippedAfter {
    after: (i64, i64),
    order: Option<i64>,
    limit: u32,
}

type LeaseRow = (String, Option<Guid>, bool, i64);
type SkippedRow = (i64, i64, String, NaiveDateTime);
/// How far the journal reached, and what was found then.
type Found = (i64, Vec<(i64, EventRow)>);

#[async_trait]
impl JournalInspection for Journal {
    async fn holdings(&self, deadline: Deadline) -> Result<Vec<Holding>, StoreError> {
        let rows = self.read(deadline, list_leases, ()).await?;
        let duties = std::iter::once(Duty::Arrange).chain((0..SHARDS).map(Duty::Publish));
        let holding = |duty: Duty| {
            let (_, holder, lasts, position) = rows.iter().find(|row| row.0 == name(duty))?;
            let holder = holder.filter(|_| *lasts).map(|holder| holder.0);
            Some(Holding { duty, holder, position: *position })
        };
        Ok(duties.filter_map(holding).collect())
    }

    async fn parked_after(
        &self,
        after: i64,
        shard: Option<u16>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<Parked>, StoreError> {
        let about = ParkedAfter { after, shard: shard.map(shard_column), limit };
        let rows = self.read(deadline, list_parked, about).await?;
        rows.into_iter().map(|row| row.into_parked().map_err(StoreError::Corrupt)).collect()
    }

    async fn skipped_after(
        &self,
        after: (i64, i64),
        order: Option<OrderId>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<Skipped>, StoreError> {
        let about = SkippedAfter { after, order: order.map(OrderId::get), limit };
        let rows = self.read(deadline, list_skipped, about).await?;
        rows.into_iter().map(|row| skipped(row).map_err(StoreError::Corrupt)).collect()
    }

    async fn select(
        &self,
        selection: &Selection,
        after: i64,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Selected, StoreError> {
        let about = Selecting { selection: selection.clone(), after, limit };
        let (head, rows) = self.read(deadline, list_selected, about).await?;
        let full = u32::try_from(rows.len()).is_ok_and(|rows| rows >= limit);
        let window = after.saturating_add(WINDOW).min(head).max(after);
        let mut events = Vec::with_capacity(rows.len());
        for (position, row) in rows {
            match row.into_event() {
                Ok(event) => events.push(Placed { position, event }),
                Err(error) if events.is_empty() => {
                    let error = format!("the event at position {position}: {error}");
                    return Err(StoreError::Corrupt(error.into()));
                }
                Err(_) => {
                    let through = events.last().map_or(after, |placed| placed.position);
                    return Ok(Selected { events, through });
                }
            }
        }
        let last = events.last().filter(|_| full).map(|placed| placed.position);
        Ok(Selected { events, through: last.unwrap_or(window) })
    }
}

fn list_leases<'c>(connection: &'c mut Connection, (): &'c ()) -> Running<'c, Vec<LeaseRow>> {
    let lasts = leases::expires_at.gt(now());
    let rows = leases::table.select((leases::name, leases::instance, lasts, leases::position));
    Box::pin(rows.load(connection))
}

fn list_parked<'c>(
    connection: &'c mut Connection,
    about: &'c ParkedAfter,
) -> Running<'c, Vec<ParkedRow>> {
    let mut rows = parked_orders::table
        .filter(parked_orders::order_id.gt(about.after))
        .order(parked_orders::order_id.asc())
        .limit(i64::from(about.limit))
        .select(ParkedRow::as_select())
        .into_boxed::<Dialect>();
    if let Some(shard) = about.shard {
        rows = rows.filter(parked_orders::shard.eq(shard));
    }
    Box::pin(rows.load(connection))
}

fn list_skipped<'c>(
    connection: &'c mut Connection,
    about: &'c SkippedAfter,
) -> Running<'c, Vec<SkippedRow>> {
    let (order, sequence) = about.after;
    let later = skipped_events::order_id
        .gt(order)
        .or(skipped_events::order_id.eq(order).and(skipped_events::sequence.gt(sequence)));
    let mut rows = skipped_events::table
        .filter(later)
        .order((skipped_events::order_id.asc(), skipped_events::sequence.asc()))
        .limit(i64::from(about.limit))
        .into_boxed::<Dialect>();
    if let Some(order) = about.order {
        rows = rows.filter(skipped_events::order_id.eq(order));
    }
    Box::pin(rows.load(connection))
}

fn skipped((order, sequence, reason, at): SkippedRow) -> Result<Skipped, BoxError> {
    let (order, sequence) = (OrderId::new(order)?, Version::new(sequence)?);
    Ok(Skipped { order, sequence, reason, at: at.and_utc() })
}

/// First how far the journal reaches, then what is selected: what is given a place in between is
/// for the next page.
fn list_selected<'c>(connection: &'c mut Connection, about: &'c Selecting) -> Running<'c, Found> {
    Box::pin(async move {
        let head = head(connection, &()).await?;
        let rows = list_window(connection, about, head).await?;
        Ok((head, rows))
    })
}

/// The selected events of one window.
fn list_window<'c>(
    connection: &'c mut Connection,
    about: &'c Selecting,
    head: i64,
) -> Running<'c, Vec<(i64, EventRow)>> {
    let skipped = skipped_events::table
        .filter(skipped_events::order_id.eq(journal::order_id))
        .filter(skipped_events::sequence.eq(journal::sequence));
    let end = about.after.saturating_add(WINDOW).min(head);
    let mut rows = journal::table
        .inner_join(outbox::table.on(outbox::event_id.eq(journal::event_id)))
        .filter(not(exists(skipped)))
        .filter(journal::position.gt(about.after))
        .filter(journal::position.le(end))
        .order(journal::position.asc())
        .limit(i64::from(about.limit))
        .select((journal::position, EventRow::as_select()))
        .into_boxed::<Dialect>();
    let Selection { orders: ids, customers, kinds, from, to } = &about.selection;
    if !ids.is_empty() {
        let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
        rows = rows.filter(journal::order_id.eq_any(ids));
    }
    if !customers.is_empty() {
        let customers: Vec<i64> = customers.iter().map(|id| id.get()).collect();
        let theirs = orders::table.filter(orders::customer_id.eq_any(customers));
        rows = rows.filter(journal::order_id.eq_any(theirs.select(orders::id)));
    }
    if !kinds.is_empty() {
        let kinds: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect();
        rows = rows.filter(outbox::event_type.eq_any(kinds));
    }
    if let Some(from) = from {
        rows = rows.filter(outbox::occurred_at.ge(from.naive_utc()));
    }
    if let Some(to) = to {
        rows = rows.filter(outbox::occurred_at.lt(to.naive_utc()));
    }
    Box::pin(rows.load(connection))
}
