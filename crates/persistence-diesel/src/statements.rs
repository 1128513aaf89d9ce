//! Every statement, once for all databases: compiled once as a part of each backend, which says
//! what `Connection` and `Dialect` are. When statements run, and how often, is in `store.rs`.

use std::future::Future;
use std::pin::Pin;

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection as _};
use order_app::ports::{Conflict, CustomerOrders};
use order_domain::{OrderId, OrderStatus};

use super::{Connection, Dialect};
use crate::rows::{AnswerRow, ChangeRows, EventRow, OrderRow};
use crate::schema::{id_blocks, idempotency_keys, orders, outbox};
use crate::types::Guid;

/// A statement, or a few, on one connection.
pub(super) type Running<'c, T> = Pin<Box<dyn Future<Output = QueryResult<T>> + Send + 'c>>;

/// A statement that reads, and what it wants to know.
pub(super) type Query<A, T> = for<'c> fn(&'c mut Connection, &'c A) -> Running<'c, T>;

/// Writes the rows of a change; `false` when something excludes it. In a transaction.
pub(super) async fn write(connection: &mut Connection, rows: &ChangeRows) -> QueryResult<bool> {
    match write_all(connection, rows).await {
        Err(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Ok(false),
        other => other,
    }
}

async fn write_all(connection: &mut Connection, rows: &ChangeRows) -> QueryResult<bool> {
    let order = &rows.order;
    if let Some(version) = rows.replaces {
        // First the compare-and-set: it takes the row's lock.
        let stored =
            orders::table.filter(orders::id.eq(order.id)).filter(orders::version.eq(version));
        let updated = diesel::update(stored)
            .set((
                orders::items.eq(&order.items),
                orders::total_amount.eq(order.total_amount),
                orders::status.eq(&order.status),
                orders::updated_at.eq(order.updated_at),
                orders::version.eq(order.version),
                orders::cancel_reason.eq(&order.cancel_reason),
            ))
            .execute(connection)
            .await?;
        if updated == 0 {
            return Ok(false);
        }
    } else {
        diesel::insert_into(orders::table).values(order).execute(connection).await?;
    }
    diesel::insert_into(outbox::table).values(&rows.event).execute(connection).await?;
    if let Some(answer) = &rows.answer {
        diesel::insert_into(idempotency_keys::table).values(answer).execute(connection).await?;
    }
    Ok(true)
}

/// Why a change could not be written.
pub(super) enum Obstacle {
    /// It had been written before: an earlier attempt landed after all.
    WrittenBefore,
    /// Something excludes it.
    Conflict(Conflict),
    /// Whatever stood in the way is gone.
    Gone,
}

/// Finds out why [`write`] said `false`. Outside a transaction.
pub(super) async fn obstacle(
    connection: &mut Connection,
    rows: &ChangeRows,
) -> QueryResult<Obstacle> {
    if has_event(connection, rows.event.event_id).await? {
        return Ok(Obstacle::WrittenBefore);
    }
    if let Some(answer) = &rows.answer
        && find_answer(connection, &answer.scope).await?.is_some()
    {
        return Ok(Obstacle::Conflict(Conflict::IdempotencyKey));
    }
    if rows.replaces.is_some() {
        return Ok(Obstacle::Conflict(Conflict::Version));
    }
    if let Some(reference) = &rows.order.client_reference {
        let existing = orders::table
            .filter(orders::customer_id.eq(rows.order.customer_id))
            .filter(orders::client_reference.eq(reference))
            .select(orders::id)
            .first::<i64>(connection)
            .await
            .optional()?;
        if let Some(Ok(existing)) = existing.map(OrderId::new) {
            return Ok(Obstacle::Conflict(Conflict::ClientReference { existing }));
        }
    }
    let same_id = orders::table.filter(orders::id.eq(rows.order.id)).count();
    let taken = same_id.get_result::<i64>(connection).await? > 0;
    Ok(if taken { Obstacle::Conflict(Conflict::OrderId) } else { Obstacle::Gone })
}

async fn has_event(connection: &mut Connection, id: Guid) -> QueryResult<bool> {
    let same_id = outbox::table.filter(outbox::event_id.eq(id)).count();
    Ok(same_id.get_result::<i64>(connection).await? > 0)
}

pub(super) fn find_order<'c>(
    connection: &'c mut Connection,
    id: &'c i64,
) -> Running<'c, Option<OrderRow>> {
    Box::pin(async move {
        let order = orders::table.filter(orders::id.eq(id)).select(OrderRow::as_select());
        order.first(connection).await.optional()
    })
}

/// The rows of one page, and one more when there is a next page.
pub(super) fn list_orders<'c>(
    connection: &'c mut Connection,
    query: &'c CustomerOrders,
) -> Running<'c, Vec<OrderRow>> {
    let mut rows = orders::table
        .filter(orders::customer_id.eq(query.customer_id.get()))
        .select(OrderRow::as_select())
        .into_boxed::<Dialect>();
    if !query.statuses.is_empty() {
        let statuses: Vec<_> = query.statuses.iter().copied().map(OrderStatus::as_str).collect();
        rows = rows.filter(orders::status.eq_any(statuses));
    }
    if let Some(from) = query.created_from {
        rows = rows.filter(orders::created_at.ge(from.naive_utc()));
    }
    if let Some(to) = query.created_to {
        rows = rows.filter(orders::created_at.lt(to.naive_utc()));
    }
    if let Some(last) = query.after {
        // The first condition bounds the range of the index, the second one decides ties.
        let at = last.created_at.naive_utc();
        rows = rows
            .filter(orders::created_at.le(at))
            .filter(orders::created_at.lt(at).or(orders::id.lt(last.id.get())));
    }
    Box::pin(
        rows.order((orders::created_at.desc(), orders::id.desc()))
            .limit(i64::from(query.limit).saturating_add(1))
            .load(connection),
    )
}

/// Which events are asked for.
pub(super) struct EventsAfter {
    pub(super) order: i64,
    pub(super) after: i64,
    pub(super) limit: u32,
}

pub(super) fn list_events<'c>(
    connection: &'c mut Connection,
    about: &'c EventsAfter,
) -> Running<'c, Vec<EventRow>> {
    Box::pin(
        outbox::table
            .filter(outbox::order_id.eq(about.order))
            .filter(outbox::sequence.gt(about.after))
            .select(EventRow::as_select())
            .order(outbox::sequence.asc())
            .limit(i64::from(about.limit))
            .load(connection),
    )
}

pub(super) fn find_answer<'c>(
    connection: &'c mut Connection,
    scope: &'c String,
) -> Running<'c, Option<AnswerRow>> {
    Box::pin(async move {
        let answer = idempotency_keys::table.filter(idempotency_keys::scope.eq(scope));
        answer.select(AnswerRow::as_select()).first(connection).await.optional()
    })
}

pub(super) fn ping<'c>(connection: &'c mut Connection, (): &'c ()) -> Running<'c, ()> {
    Box::pin(connection.batch_execute("SELECT 1"))
}

/// Deletes the oldest answers recorded before a time; first their keys are read, because no two
/// databases agree on how to bound a delete.
pub(super) async fn purge_answers(
    connection: &mut Connection,
    before: chrono::NaiveDateTime,
    limit: u32,
) -> QueryResult<usize> {
    let scopes: Vec<String> = idempotency_keys::table
        .filter(idempotency_keys::recorded_at.lt(before))
        .select(idempotency_keys::scope)
        .order(idempotency_keys::recorded_at.asc())
        .limit(i64::from(limit))
        .load(connection)
        .await?;
    let expired = idempotency_keys::table
        .filter(idempotency_keys::scope.eq_any(scopes))
        .filter(idempotency_keys::recorded_at.lt(before));
    diesel::delete(expired).execute(connection).await
}

/// Reserves a block of order ids and answers the first. In a transaction.
pub(super) async fn reserve_ids(connection: &mut Connection, count: i64) -> QueryResult<i64> {
    let row = id_blocks::table.filter(id_blocks::name.eq("orders"));
    #[expect(clippy::arithmetic_side_effects, reason = "the database adds, and checks")]
    let moved = id_blocks::next_id + count;
    // The update comes first: it takes the row's lock.
    diesel::update(row).set(id_blocks::next_id.eq(moved)).execute(connection).await?;
    let end: i64 = row.select(id_blocks::next_id).first(connection).await?;
    // Rows that others inserted, or that were there before us, are skipped.
    let largest: Option<i64> =
        orders::table.select(diesel::dsl::max(orders::id)).first(connection).await?;
    let first = end.saturating_sub(count);
    let free = largest.map_or(first, |largest| largest.saturating_add(1).max(first));
    if free > first {
        diesel::update(row)
            .set(id_blocks::next_id.eq(free.saturating_add(count)))
            .execute(connection)
            .await?;
    }
    Ok(free)
}
