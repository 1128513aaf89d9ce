//! The statements about orders, their events and recorded answers.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use chrono::NaiveDateTime;
use diesel::dsl::{self, auto_type};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection as _};
use order_app::ports::{Conflict, CustomerOrders, PAGE_BYTES};
use order_domain::{MAX_ID, OrderId, OrderStatus};

use super::pages::{Data, Items, Within, one_more, share, within};
use super::{Connection, Dialect, SKIPPING, counters, list_key, listed_by};
use crate::backend::{Obstacle, Running};
use crate::read::lists::is_plain;
use crate::rows::{AnswerRow, ChangeRows, JournalRow, OrderRow, StoredRow, Wanted, Write};
use crate::schema::{id_blocks, idempotency_keys, orders, outbox};
use crate::types::Guid;

/// Finds out why a change was not written.
pub(super) fn obstacle<'c>(
    connection: &'c mut Connection,
    rows: &'c ChangeRows,
) -> Running<'c, Obstacle> {
    Box::pin(async move {
        if let Some(event) = rows.event_id()
            && has_event(connection, event).await?
        {
            return Ok(Obstacle::WrittenBefore);
        }
        if let Some(answer) = rows.answer()
            && find_answer(connection, &answer.scope).await?.is_some()
        {
            return Ok(Obstacle::Conflict(Conflict::IdempotencyKey));
        }
        let Write::Insert(new) = &rows.write else {
            return Ok(Obstacle::Conflict(Conflict::Version));
        };
        if let Some(reference) = &new.order.client_reference {
            let existing = orders::table
                .filter(orders::customer_id.eq(new.order.customer_id))
                .filter(orders::client_reference.eq(reference))
                .select(orders::id)
                .first::<i64>(connection)
                .await
                .optional()?;
            if let Some(Ok(existing)) = existing.map(OrderId::new) {
                return Ok(Obstacle::Conflict(Conflict::ClientReference { existing }));
            }
        }
        let same_id = orders::table.filter(orders::id.eq(rows.id)).count();
        let taken = same_id.get_result::<i64>(connection).await? > 0;
        Ok(if taken { Obstacle::Conflict(Conflict::OrderId) } else { Obstacle::Gone })
    })
}

async fn has_event(connection: &mut Connection, id: Guid) -> QueryResult<bool> {
    let same_id = outbox::table.filter(outbox::event_id.eq(id)).count();
    Ok(same_id.get_result::<i64>(connection).await? > 0)
}

/// Which of these events are stored.
pub(in super::super) fn stored_events<'c>(
    connection: &'c mut Connection,
    ids: &'c Vec<Guid>,
) -> Running<'c, Vec<Guid>> {
    let found = outbox::table.filter(outbox::event_id.eq_any(ids)).select(outbox::event_id);
    Box::pin(found.load(connection))
}

/// The id of an order.
#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// Which of these orders no other session has locked; all of them when the server does not tell, as one without SKIP LOCKED,
/// or one with a lock of the whole table.
pub(super) fn unlocked_orders<'c>(
    connection: &'c mut Connection,
    ids: &'c [i64],
) -> Running<'c, Vec<i64>> {
    Box::pin(async move {
        let each: Vec<_> = ids.iter().map(i64::to_string).collect();
        let select = format!("SELECT id FROM orders WHERE id IN ({}){SKIPPING}", each.join(", "));
        connection.batch_execute("BEGIN").await?;
        let unlocked = diesel::sql_query(select).load::<Id>(connection).await;
        connection.batch_execute("ROLLBACK").await?;
        Ok(unlocked.map_or_else(
            |_| ids.to_vec(),
            |unlocked| unlocked.into_iter().map(|Id { id }| id).collect(),
        ))
    })
}

/// The orders that are asked for, in the order of the questions.
pub(super) fn find_orders<'c>(
    connection: &'c mut Connection,
    wanted: &'c [Wanted],
) -> Running<'c, Vec<Option<Arc<StoredRow>>>> {
    Box::pin(async move {
        // One id is the same prepared statement on every database.
        if let [Wanted { id, customer }] = *wanted {
            let found = orders::table.select(StoredRow::as_select()).filter(orders::id.eq(id));
            let mut row: Vec<StoredRow> = match customer {
                None => found.load(connection).await?,
                Some(own) => found.filter(orders::customer_id.eq(own)).load(connection).await?,
            };
            return Ok(vec![row.pop().map(Arc::new)]);
        }
        let (own, any): (Vec<_>, Vec<_>) = wanted.iter().partition(|each| each.customer.is_some());
        let ids = |some: &[&Wanted]| some.iter().map(|each| each.id).collect::<BTreeSet<_>>();
        let mut rows: Vec<StoredRow> = Vec::new();
        if !any.is_empty() {
            let found = orders::table.select(StoredRow::as_select());
            rows = found.filter(orders::id.eq_any(ids(&any))).load(connection).await?;
        }
        if !own.is_empty() {
            let customers: BTreeSet<_> = own.iter().filter_map(|each| each.customer).collect();
            let found = orders::table.select(StoredRow::as_select());
            let theirs = found.filter(orders::customer_id.eq_any(customers));
            rows.extend(theirs.filter(orders::id.eq_any(ids(&own))).load(connection).await?);
        }
        let rows: HashMap<_, _> =
            rows.into_iter().map(|row| (row.order.id, Arc::new(row))).collect();
        Ok(wanted.iter().map(|each| each.among(&rows)).collect())
    })
}

define_sql_function! {
    /// In capitals.
    fn upper(text: Nullable<Text>) -> Nullable<Text>;
}

define_sql_function! {
    /// With another text in the place of each occurrence of one.
    fn replace(text: Nullable<Text>, each: Text, by: Text) -> Nullable<Text>;
}

/// The letters of statuses.
fn spellings(statuses: &[OrderStatus]) -> Vec<String> {
    let spellings = |status: &OrderStatus| {
        let letters = status.as_str().replace('_', "");
        let american = (*status == OrderStatus::Cancelled).then(|| "CANCELED".to_owned());
        american.into_iter().chain([letters])
    };
    statuses.iter().flat_map(spellings).collect()
}

/// The columns of an [`OrderRow`], with the lines where they have at most this number of bytes.
#[auto_type]
fn listed(share: i32) -> _ {
    let lines: Within<Items> = within(share);
    (
        orders::id,
        orders::customer_id,
        lines,
        orders::total_amount,
        orders::status,
        orders::created_at,
        orders::updated_at,
        orders::version,
        orders::currency,
        orders::client_reference,
        orders::cancel_reason,
    )
}

/// The rows of one page, and one more when there is a next page. Lines that have more than their share of a page are left
/// out.
pub(in super::super) fn list_orders<'c>(
    connection: &'c mut Connection,
    query: &'c CustomerOrders,
) -> Running<'c, Vec<OrderRow>> {
    let theirs = orders::table
        .filter(orders::customer_id.eq(query.customer_id.get()))
        // Rows that other programs wrote without a time or with an invalid id are not listed.
        .filter(listed_by.is_not_null())
        .filter(orders::id.between(1, MAX_ID))
        .select(listed(share(PAGE_BYTES, query.limit)));
    let newest_first = (listed_by.desc(), orders::id.desc());
    let limit = one_more(query.limit);
    if is_plain(query) {
        // The most frequent query is always the same prepared statement.
        return Box::pin(theirs.order(newest_first).limit(limit).load(connection));
    }
    let mut rows = theirs.into_boxed::<Dialect>();
    if !query.statuses.is_empty() {
        // Letters alone count, as in `rows/reading.rs`: what is read as one status is found as that status.
        let words = replace(replace(upper(orders::status), "_", ""), "-", "");
        rows = rows.filter(replace(words, " ", "").eq_any(spellings(&query.statuses)));
    }
    if let Some(from) = query.created_from {
        rows = rows.filter(listed_by.ge(list_key(from)));
    }
    if let Some(to) = query.created_to {
        rows = rows.filter(listed_by.lt(list_key(to)));
    }
    if let Some(last) = query.after {
        // The first condition bounds the range of the index, the second one decides ties.
        let at = list_key(last.created_at);
        rows =
            rows.filter(listed_by.le(at)).filter(listed_by.lt(at).or(orders::id.lt(last.id.get())));
    }
    Box::pin(rows.order(newest_first).limit(limit).load(connection))
}

/// The columns of a [`JournalRow`] for an event without its position.
type EventColumns = (
    dsl::AsExprOf<i64, BigInt>,
    outbox::order_id,
    outbox::sequence,
    dsl::Nullable<outbox::event_id>,
    dsl::Nullable<outbox::event_type>,
    dsl::Nullable<outbox::occurred_at>,
    dsl::Nullable<outbox::context>,
    Within<Data>,
);

pub(super) fn stored_event(share: i32) -> EventColumns {
    (
        0_i64.into_sql::<BigInt>(),
        outbox::order_id,
        outbox::sequence,
        outbox::event_id.nullable(),
        outbox::event_type.nullable(),
        outbox::occurred_at.nullable(),
        outbox::context.nullable(),
        within(share),
    )
}

/// The events of an order after a sequence, at most `limit`, and one more. Data that has more than its share of a page is left out.
pub(super) fn list_events<'c>(
    connection: &'c mut Connection,
    &(order, after, limit): &'c (i64, i64, u32),
) -> Running<'c, Vec<JournalRow>> {
    Box::pin(
        outbox::table
            .filter(outbox::order_id.eq(order))
            .filter(outbox::sequence.gt(after))
            .filter(outbox::sequence.le(MAX_ID))
            .select(stored_event(share(PAGE_BYTES, limit)))
            .order(outbox::sequence.asc())
            .limit(one_more(limit))
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

/// Reads one of our tables: a database without them is of no use.
pub(super) fn ping<'c>(connection: &'c mut Connection, (): &'c ()) -> Running<'c, ()> {
    Box::pin(connection.batch_execute("SELECT next_id FROM id_blocks WHERE name = 'orders'"))
}

/// How many scopes, of 350 bytes at most, one statement names: as many as the smallest servers take in one.
const SCOPES: usize = 100;

/// Deletes the oldest answers recorded before a time and returns their number. Their keys are read
/// first, because each database bounds a delete in its own way.
pub(super) fn purge_answers<'c>(
    connection: &'c mut Connection,
    (before, limit): &'c (NaiveDateTime, u32),
) -> Running<'c, usize> {
    Box::pin(async move {
        let scopes: Vec<String> = idempotency_keys::table
            .filter(idempotency_keys::recorded_at.lt(before))
            .select(idempotency_keys::scope)
            .order(idempotency_keys::recorded_at.asc())
            .limit(i64::from(*limit))
            .load(connection)
            .await?;
        let mut deleted = 0_usize;
        for scopes in scopes.chunks(SCOPES) {
            let expired = idempotency_keys::table
                .filter(idempotency_keys::scope.eq_any(scopes))
                .filter(idempotency_keys::recorded_at.lt(before));
            deleted = deleted.saturating_add(diesel::delete(expired).execute(connection).await?);
        }
        Ok(deleted)
    })
}

/// Reserves a block of order ids; `None` when another instance came first. Where another service gives ids to the same table
/// from a counter, they come from that counter. Otherwise no lock is held between the statements: the last one compares
/// and sets.
pub(super) async fn reserve_ids(
    connection: &mut Connection,
    count: i64,
) -> QueryResult<Option<Range<i64>>> {
    if let Some(drawn) = counters::draw(connection, count).await? {
        return Ok(Some(drawn));
    }
    let row = id_blocks::table.filter(id_blocks::name.eq("orders"));
    let next: i64 = row.select(id_blocks::next_id).first(connection).await?;
    // The block starts after the rows of other programs, unless that would use all ids up.
    let ours = orders::table.filter(orders::id.le(MAX_ID));
    let largest: Option<i64> = ours.select(dsl::max(orders::id)).first(connection).await?;
    let behind = largest.map_or(next, |largest| largest.saturating_add(1).max(next));
    let first = if behind > MAX_ID.saturating_sub(count) { next } else { behind };
    let reserved = diesel::update(row.filter(id_blocks::next_id.eq(next)))
        .set(id_blocks::next_id.eq(first.saturating_add(count)))
        .execute(connection)
        .await?;
    Ok((reserved > 0).then(|| first..first.saturating_add(count)))
}
