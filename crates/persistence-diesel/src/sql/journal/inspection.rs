//! The journal as operators ask about it. Nothing here writes. How events are selected is in
//! `selecting.rs`, and how the events of one order are found in `of_order.rs`.

use async_trait::async_trait;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use order_app::ports::{
    BoxError, Deadline, Duty, DutyState, JOURNAL_PAGE_BYTES, JournalInspection, OrderEvents, Page,
    Parked, SHARDS, SelectedPage, Selection, Skipped, StoreError,
};
use order_domain::{CustomerId, OrderId, Version};

use super::clock::now;
use super::leases::name;
use super::parking::{ParkedRow, shard_column};
use super::selecting::Selecting;
use super::{Connection, Dialect, Journal, of_order, pages, selecting};
use crate::backend::Running;
use crate::rows::JournalRow;
use crate::schema::{leases, parked_orders, skipped_events};
use crate::types::Guid;

type LeaseRow = (String, Option<Guid>, bool, i64);
type SkippedRow = (i64, i64, String, NaiveDateTime);

#[async_trait]
impl JournalInspection for Journal {
    async fn duties(&self, deadline: Deadline) -> Result<Vec<DutyState>, StoreError> {
        let rows = self.0.read(deadline, list_leases, ()).await?;
        let duties = std::iter::once(Duty::Sequence).chain((0..SHARDS).map(Duty::Publish));
        let duty_state = |duty: Duty| {
            let (_, holder, lasts, position) = rows.iter().find(|row| row.0 == name(duty))?;
            let holder = holder.filter(|_| *lasts).map(|holder| holder.0);
            Some(DutyState { duty, holder, position: *position })
        };
        Ok(duties.filter_map(duty_state).collect())
    }

    async fn parked_after(
        &self,
        after: i64,
        shard: Option<u16>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<Parked>, StoreError> {
        let about = (after, shard.map(shard_column), limit);
        let rows = self.0.read(deadline, list_parked, about).await?;
        rows.into_iter().map(|row| row.into_parked().map_err(StoreError::Corrupt)).collect()
    }

    async fn skipped_after(
        &self,
        after: (i64, i64),
        order: Option<OrderId>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<Skipped>, StoreError> {
        let about = (after, order.map(OrderId::get), limit);
        let rows = self.0.read(deadline, list_skipped, about).await?;
        rows.into_iter().map(|row| skipped(row).map_err(StoreError::Corrupt)).collect()
    }

    async fn select(
        &self,
        selection: &Selection,
        after: i64,
        limit: u32,
        deadline: Deadline,
    ) -> Result<SelectedPage, StoreError> {
        let about = Selecting { selection: selection.clone(), after, limit };
        let (head, rows) = self.0.read(deadline, selecting::list, about).await?;
        let size = (limit, JOURNAL_PAGE_BYTES);
        let (rows, more) = pages::of_events(&self.0, rows, size, deadline).await?;
        let last = rows.last().filter(|_| more).map(|row| row.position);
        let entry = |row: JournalRow| row.into_entry().map_err(StoreError::Corrupt);
        let events = pages::read(rows, entry).await?;
        let window = after.saturating_add(selecting::WINDOW).min(head).max(after);
        Ok(SelectedPage { events, through: last.unwrap_or(window) })
    }

    async fn customer_order_ids(
        &self,
        customer: CustomerId,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<OrderId>, StoreError> {
        let ids = self.0.read(deadline, of_order::orders_of, (customer.get(), limit)).await?;
        // An order with an invalid id has no events.
        Ok(ids.into_iter().filter_map(|id| OrderId::new(id).ok()).collect())
    }

    async fn order_events(
        &self,
        order: OrderId,
        after: i64,
        limit: u32,
        deadline: Deadline,
    ) -> Result<OrderEvents, StoreError> {
        let about = (order, after, limit);
        let of_order::Found { rows, unpublished } =
            self.0.read(deadline, of_order::list, about).await?;
        let size = (limit, JOURNAL_PAGE_BYTES);
        let (rows, more) = pages::of_events(&self.0, rows, size, deadline).await?;
        let items = pages::read(rows, |row| row.into_stored(order)).await?;
        let events = Page { items, more };
        let unpublished = unpublished.map(Version::new).transpose();
        let unpublished = unpublished.map_err(|error| StoreError::Corrupt(error.into()))?;
        Ok(OrderEvents { events, unpublished })
    }
}

fn list_leases<'c>(connection: &'c mut Connection, (): &'c ()) -> Running<'c, Vec<LeaseRow>> {
    let lasts = leases::expires_at.gt(now());
    let rows = leases::table.select((leases::name, leases::instance, lasts, leases::position));
    Box::pin(rows.load(connection))
}

fn list_parked<'c>(
    connection: &'c mut Connection,
    &(after, shard, limit): &'c (i64, Option<i16>, u32),
) -> Running<'c, Vec<ParkedRow>> {
    let mut rows = parked_orders::table
        .filter(parked_orders::order_id.gt(after))
        .order(parked_orders::order_id.asc())
        .limit(i64::from(limit))
        .select(ParkedRow::as_select())
        .into_boxed::<Dialect>();
    if let Some(shard) = shard {
        rows = rows.filter(parked_orders::shard.eq(shard));
    }
    Box::pin(rows.load(connection))
}

fn list_skipped<'c>(
    connection: &'c mut Connection,
    &((last, sequence), order, limit): &'c ((i64, i64), Option<i64>, u32),
) -> Running<'c, Vec<SkippedRow>> {
    let later = skipped_events::order_id
        .gt(last)
        .or(skipped_events::order_id.eq(last).and(skipped_events::sequence.gt(sequence)));
    let mut rows = skipped_events::table
        .filter(later)
        .order((skipped_events::order_id.asc(), skipped_events::sequence.asc()))
        .limit(i64::from(limit))
        .into_boxed::<Dialect>();
    if let Some(order) = order {
        rows = rows.filter(skipped_events::order_id.eq(order));
    }
    Box::pin(rows.load(connection))
}

fn skipped((order, sequence, reason, at): SkippedRow) -> Result<Skipped, BoxError> {
    let (order, sequence) = (OrderId::new(order)?, Version::new(sequence)?);
    Ok(Skipped { order, sequence, reason, at: at.and_utc() })
}
