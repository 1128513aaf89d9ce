//! Positions in the journal: how events get them, and how entries are read by them.

use std::ops::Range;
use std::sync::OnceLock;

use diesel::dsl::{Nullable, auto_type, exists, not};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use order_app::ports::{Duty, JOURNAL_PAGE_BYTES, Lease, Leased};
use order_domain::MAX_ID;

use super::leases::{hold, move_on, name};
use super::pages::{Data, Within, one_more, share, within};
use super::{Connection, incoming};
use crate::backend::Running;
use crate::executor::Ending;
use crate::rows::JournalRow;
use crate::schema::{journal, leases, outbox, skipped_events};
use crate::types::SHARD_SPAN;

/// Which positions are to be assigned.
pub(super) struct Assignment {
    pub(super) lease: Lease,
    pub(super) limit: u32,
    /// The last position when the first attempt began. When a later attempt finds more, an earlier attempt
    /// has landed, and the answer to its COMMIT was lost.
    pub(super) before: OnceLock<i64>,
}

/// Assigns the next positions. The lease is locked until the end of the transaction, so the next
/// assignment starts, and takes its snapshot, when these positions are visible. So positions become
/// visible in their order.
///
/// Events are taken in the order of (order, sequence) from one snapshot. A version is committed after the
/// one before it, so a snapshot with a version has all earlier ones, and the limit cuts off later versions
/// alone: of each order, the events without a position are always the latest. Low order ids go first. They hold the others up for no
/// longer than clearing the backlog takes, because assigning positions is several times as fast as writing
/// events.
pub(super) fn assign<'c>(
    connection: &'c mut Connection,
    about: &'c Assignment,
) -> Running<'c, Ending<Leased<u32>>> {
    Box::pin(async move {
        let Some(last) = hold(connection, &about.lease).await? else {
            return Ok(Ending::Undo(Leased::Lost));
        };
        let landed = last.saturating_sub(*about.before.get_or_init(|| last));
        if landed > 0 {
            return Ok(Ending::Undo(Leased::Done(u32::try_from(landed).unwrap_or(u32::MAX))));
        }
        let assigned = incoming::assign(connection, last, i64::from(about.limit)).await?;
        let assigned = u32::try_from(assigned).unwrap_or(u32::MAX);
        if assigned == 0 {
            return Ok(Ending::Undo(Leased::Done(0)));
        }
        move_on(connection, Duty::Sequence, last.saturating_add(i64::from(assigned))).await?;
        Ok(Ending::Keep(Leased::Done(assigned)))
    })
}

/// The values of `shard_position` after a position in a shard.
pub(super) fn in_shard(shard: u16, after: i64) -> Range<i64> {
    let start = i64::from(shard).saturating_mul(SHARD_SPAN);
    let end = start.saturating_add(SHARD_SPAN);
    let after = after.clamp(-1, SHARD_SPAN.saturating_sub(1));
    start.saturating_add(after).saturating_add(1)..end
}

/// The columns of a [`JournalRow`], with the data where it has at most this number of bytes.
type Columns = (
    journal::position,
    journal::order_id,
    journal::sequence,
    Nullable<outbox::event_id>,
    Nullable<outbox::event_type>,
    Nullable<outbox::occurred_at>,
    Nullable<outbox::context>,
    Within<Data>,
);

pub(super) fn columns(share: i32) -> Columns {
    (
        journal::position,
        journal::order_id,
        journal::sequence,
        outbox::event_id.nullable(),
        outbox::event_type.nullable(),
        outbox::occurred_at.nullable(),
        outbox::context.nullable(),
        within(share),
    )
}

/// Positions, each with its event, if that exists. The join uses the index of event ids, in which events
/// are stored about as they are in the journal, also the latest ones of old orders. The other
/// conditions are ranges, so that the planner does not choose their index.
#[auto_type]
pub(super) fn with_events() -> _ {
    journal::table.left_join(
        outbox::table.on(outbox::event_id
            .eq(journal::event_id)
            .and(outbox::order_id.between(journal::order_id, journal::order_id))
            .and(outbox::sequence.between(journal::sequence, journal::sequence))),
    )
}

/// The event of a position is not skipped. Usually there are no skipped events at all, which is checked
/// once for all rows: looking each event up is a seventh of the cost of a page. With an equation
/// PostgreSQL would hash all skipped events for every page; with two bounds it reads the index once.
#[auto_type]
pub(super) fn is_not_skipped() -> _ {
    let this_one = skipped_events::table
        .filter(skipped_events::order_id.eq(journal::order_id))
        .filter(skipped_events::sequence.ge(journal::sequence))
        .filter(skipped_events::sequence.le(journal::sequence));
    let any = skipped_events::table.select(skipped_events::order_id);
    not(exists(any)).or(not(exists(this_one)))
}

/// The entries after a position, except skipped events, and one more than asked for. Large data is left out. Rows with an invalid order id or sequence are not
/// listed.
pub(super) fn list<'c>(
    connection: &'c mut Connection,
    &(position, shard, limit): &'c (i64, Option<u16>, u32),
) -> Running<'c, Vec<JournalRow>> {
    let found = with_events()
        .filter(is_not_skipped())
        .filter(journal::order_id.between(1, MAX_ID))
        .filter(journal::sequence.between(1, MAX_ID))
        .limit(one_more(limit))
        .select(columns(share(JOURNAL_PAGE_BYTES, limit)));
    if let Some(shard) = shard {
        let range = in_shard(shard, position);
        let found = found
            .filter(journal::shard_position.ge(range.start))
            .filter(journal::shard_position.lt(range.end))
            .order(journal::shard_position.asc());
        return Box::pin(found.load(connection));
    }
    let found = found.filter(journal::position.gt(position)).order(journal::position.asc());
    Box::pin(found.load(connection))
}

/// The last position that is assigned.
pub(super) fn last_position<'c>(connection: &'c mut Connection, (): &'c ()) -> Running<'c, i64> {
    let assigned = leases::table.filter(leases::name.eq(name(Duty::Sequence)));
    Box::pin(assigned.select(leases::position).first(connection))
}
