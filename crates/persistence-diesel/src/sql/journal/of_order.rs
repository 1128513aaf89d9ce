//! The events of one order, by indexes that begin with the order. The journal is sorted by positions, and
//! another index of it by orders would cost every event that is written.

use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use order_app::ports::{Duty, JOURNAL_PAGE_BYTES, shard};
use order_domain::{MAX_ID, OrderId};

use super::leases::name;
use super::pages::{one_more, share};
use super::positions::in_shard;
use super::statements::stored_event;
use super::{Connection, incoming, listed_by};
use crate::backend::Running;
use crate::rows::JournalRow;
use crate::schema::{journal, leases, orders, outbox, parked_orders, skipped_events};

/// Which events: of an order, after a sequence, at most this number.
type Asked = (OrderId, i64, u32);

/// The events of an order.
pub(super) struct Found {
    /// The events, without their positions, and one more than asked for if there is one. Large data is left out.
    pub(super) rows: Vec<JournalRow>,
    /// The first sequence that is not published.
    pub(super) unpublished: Option<i64>,
}

/// The orders of a customer, in the order of the index of their list.
pub(super) fn orders_of<'c>(
    connection: &'c mut Connection,
    (customer, limit): &'c (i64, u32),
) -> Running<'c, Vec<i64>> {
    let theirs = orders::table
        .filter(orders::customer_id.eq(*customer))
        .order((listed_by.asc(), orders::id.asc()))
        .limit(i64::from(*limit));
    Box::pin(theirs.select(orders::id).load(connection))
}

/// Reads the events first; then the order's events that wait for their positions, those that its shard's
/// publisher has not passed, and whether the order is parked. An event only moves from each of these to the
/// next, so an event that is in none of them is published.
pub(super) fn list<'c>(connection: &'c mut Connection, asked: &'c Asked) -> Running<'c, Found> {
    Box::pin(async move {
        let order = asked.0.get();
        let rows = events(connection, asked).await?;
        let without_position = incoming::first_of(connection, order).await?;
        let waiting = first_waiting(connection, asked.0).await?;
        let parked = parked_orders::table.filter(parked_orders::order_id.eq(order));
        let parked = parked.select(parked_orders::sequence).first(connection).await.optional()?;
        let unpublished = [without_position, waiting, parked].into_iter().flatten().min();
        Ok(Found { rows, unpublished })
    })
}

async fn events(
    connection: &mut Connection,
    &(order, after, limit): &Asked,
) -> QueryResult<Vec<JournalRow>> {
    let skipped = skipped_events::table
        .filter(skipped_events::order_id.eq(outbox::order_id))
        .filter(skipped_events::sequence.eq(outbox::sequence));
    outbox::table
        .filter(outbox::order_id.eq(order.get()))
        .filter(outbox::sequence.gt(after))
        .filter(outbox::sequence.le(MAX_ID))
        .filter(not(exists(skipped)))
        .order(outbox::sequence.asc())
        .limit(one_more(limit))
        .select(stored_event(share(JOURNAL_PAGE_BYTES, limit)))
        .load(connection)
        .await
}

/// The first event of an order that has a position and that its shard's publisher has not passed.
async fn first_waiting(connection: &mut Connection, order: OrderId) -> QueryResult<Option<i64>> {
    let number = shard(order);
    let publisher = leases::table.filter(leases::name.eq(name(Duty::Publish(number))));
    let passed: i64 = publisher.select(leases::position).first(connection).await?;
    let range = in_shard(number, passed);
    journal::table
        .filter(journal::shard_position.ge(range.start))
        .filter(journal::shard_position.lt(range.end))
        .filter(journal::order_id.eq(order.get()))
        .order(journal::shard_position.asc())
        .select(journal::sequence)
        .first(connection)
        .await
        .optional()
}
