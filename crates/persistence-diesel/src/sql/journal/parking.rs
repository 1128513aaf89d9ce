//! The progress of a shard's publisher, and the orders that it could not publish.

use chrono::NaiveDateTime;
use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use order_app::ports::{BoxError, Lease, Leased, Parked, Parking, Progress, shard};
use order_domain::{OrderId, Version};

use super::Connection;
use super::clock::now;
use super::leases::{hold, move_on};
use crate::backend::Running;
use crate::executor::Ending;
use crate::schema::{parked_orders, skipped_events};

/// Reasons are cut at this number of characters: no text may keep an order from being parked.
const LONGEST_REASON: usize = 1_000;

/// A row of `parked_orders`.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = parked_orders)]
pub(super) struct ParkedRow {
    order_id: i64,
    sequence: i64,
    reason: String,
    since: NaiveDateTime,
    attempts: i32,
    redrive: bool,
}

impl ParkedRow {
    /// The parked order that this row holds.
    pub(super) fn into_parked(self) -> Result<Parked, BoxError> {
        Ok(Parked {
            order: OrderId::new(self.order_id)?,
            from: Version::new(self.sequence)?,
            reason: self.reason,
            since: self.since.and_utc(),
            attempts: u32::try_from(self.attempts)?,
            redrive: self.redrive,
        })
    }
}

/// Records progress under a lease.
pub(super) fn advance<'c>(
    connection: &'c mut Connection,
    (lease, progress): &'c (Lease, Progress),
) -> Running<'c, Ending<Leased<()>>> {
    Box::pin(async move {
        if hold(connection, lease).await?.is_none() {
            return Ok(Ending::Undo(Leased::Lost));
        }
        move_on(connection, lease.duty, progress.position).await?;
        if !progress.unpark.is_empty() {
            let orders: Vec<i64> = progress.unpark.iter().map(|order| order.get()).collect();
            let done = parked_orders::table.filter(parked_orders::order_id.eq_any(orders));
            diesel::delete(done).execute(connection).await?;
        }
        for parking in &progress.park {
            park(connection, parking).await?;
        }
        Ok(Ending::Keep(Leased::Done(())))
    })
}

/// Parks an order, or parks it again. Only the holder of its shard's lease does that, so no other writer
/// comes in between. When the same call comes again, because an answer was lost, no further attempt is
/// counted, and events that were skipped meanwhile stay skipped.
async fn park(connection: &mut Connection, parking: &Parking) -> QueryResult<()> {
    let (order, from) = (parking.order.get(), parking.from.get());
    let stored = parked_orders::table.filter(parked_orders::order_id.eq(order));
    let reason = legible(&parking.reason);
    if stored.count().get_result::<i64>(connection).await? == 0 {
        let row = (
            parked_orders::order_id.eq(order),
            parked_orders::shard.eq(shard_column(shard(parking.order))),
            parked_orders::sequence.eq(from),
            parked_orders::reason.eq(reason),
            parked_orders::since.eq(now()),
            parked_orders::attempts.eq(1),
            parked_orders::redrive.eq(false),
        );
        return diesel::insert_into(parked_orders::table)
            .values(row)
            .execute(connection)
            .await
            .map(drop);
    }
    #[expect(clippy::arithmetic_side_effects, reason = "the database counts, and checks")]
    let once_more = parked_orders::attempts + 1;
    let tried = parked_orders::redrive.or(parked_orders::sequence.lt(from));
    diesel::update(stored.filter(parked_orders::sequence.le(from)))
        .set((
            // The first assignment, because on MySQL the later ones see what it did.
            parked_orders::attempts
                .eq(case_when(tried, once_more).otherwise(parked_orders::attempts)),
            parked_orders::sequence.eq(from),
            parked_orders::reason.eq(reason),
            parked_orders::redrive.eq(false),
        ))
        .execute(connection)
        .await
        .map(drop)
}

/// A shard as it is stored.
pub(super) fn shard_column(shard: u16) -> i16 {
    i16::try_from(shard).unwrap_or(i16::MAX)
}

/// A reason that every database takes.
fn legible(reason: &str) -> String {
    reason.chars().filter(|character| *character != '\0').take(LONGEST_REASON).collect()
}

/// The parked orders of a shard or of all, oldest first.
pub(super) fn list<'c>(
    connection: &'c mut Connection,
    (shard, limit): &'c (Option<i16>, u32),
) -> Running<'c, Vec<ParkedRow>> {
    let oldest_first = parked_orders::table
        .order((parked_orders::since.asc(), parked_orders::order_id.asc()))
        .limit(i64::from(*limit))
        .select(ParkedRow::as_select());
    match shard {
        Some(shard) => {
            Box::pin(oldest_first.filter(parked_orders::shard.eq(*shard)).load(connection))
        }
        None => Box::pin(oldest_first.load(connection)),
    }
}

/// Which parked order is to be published again.
pub(super) struct Redriving {
    pub(super) order: i64,
    /// The event to leave out, and why.
    pub(super) skip: Option<(i64, String)>,
}

/// Asks for an order to be published again, perhaps without its first event. A request that has no result
/// yet stays as it is, so that asking twice skips once.
pub(super) fn redrive<'c>(
    connection: &'c mut Connection,
    about: &'c Redriving,
) -> Running<'c, Ending<bool>> {
    Box::pin(async move {
        let stored = parked_orders::table.filter(parked_orders::order_id.eq(about.order));
        let wish = (parked_orders::sequence, parked_orders::redrive);
        let found = stored.select(wish).first::<(i64, bool)>(connection).await.optional()?;
        let Some((sequence, asked)) = found else { return Ok(Ending::Undo(false)) };
        let skip = about.skip.as_ref();
        // A repeated call skips no other event than the first call did.
        if asked || skip.is_some_and(|(event, _)| *event != sequence) {
            return Ok(Ending::Undo(true));
        }
        let from = sequence.saturating_add(i64::from(skip.is_some()));
        let unchanged = stored
            .filter(parked_orders::sequence.eq(sequence))
            .filter(parked_orders::redrive.eq(false));
        let asked = diesel::update(unchanged)
            .set((parked_orders::sequence.eq(from), parked_orders::redrive.eq(true)))
            .execute(connection)
            .await?;
        if asked == 0 {
            return Ok(Ending::Again);
        }
        if let Some((_, reason)) = skip {
            let row = (
                skipped_events::order_id.eq(about.order),
                skipped_events::sequence.eq(sequence),
                skipped_events::reason.eq(legible(reason)),
                skipped_events::skipped_at.eq(now()),
            );
            diesel::insert_into(skipped_events::table).values(row).execute(connection).await?;
        }
        Ok(Ending::Keep(true))
    })
}
