//! Selects events in a window of the journal.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use order_app::ports::{JOURNAL_PAGE_BYTES, Selection};
use order_domain::{MAX_ID, OrderEventKind};

use super::pages::{one_more, share};
use super::positions::{columns, is_not_skipped, last_position, with_events};
use super::{Connection, Dialect};
use crate::backend::Running;
use crate::rows::JournalRow;
use crate::schema::{journal, orders, outbox};

/// How many positions one statement looks at, whatever is selected: it takes a fraction of a second even
/// when nothing is in memory.
pub(super) const WINDOW: i64 = 20_000;

/// Which events are asked for.
pub(super) struct Selecting {
    pub(super) selection: Selection,
    pub(super) after: i64,
    pub(super) limit: u32,
}

/// The last position, and the events that were found.
type Found = (i64, Vec<JournalRow>);

/// Reads the last position first and selects then. Events that get their positions in between belong to
/// the next page.
pub(super) fn list<'c>(connection: &'c mut Connection, about: &'c Selecting) -> Running<'c, Found> {
    Box::pin(async move {
        let last = last_position(connection, &()).await?;
        let rows = list_window(connection, about, last).await?;
        Ok((last, rows))
    })
}

/// The selected events of one window, and one more than asked for. Large data is left out. A row that is gone, and an event of an unknown type, may be any
/// event, so both are selected.
fn list_window<'c>(
    connection: &'c mut Connection,
    about: &'c Selecting,
    last: i64,
) -> Running<'c, Vec<JournalRow>> {
    let end = about.after.saturating_add(WINDOW).min(last);
    let mut rows = with_events()
        .filter(is_not_skipped())
        .filter(journal::order_id.between(1, MAX_ID))
        .filter(journal::sequence.between(1, MAX_ID))
        .filter(journal::position.gt(about.after))
        .filter(journal::position.le(end))
        .order(journal::position.asc())
        .limit(one_more(about.limit))
        .select(columns(share(JOURNAL_PAGE_BYTES, about.limit)))
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
    let is_gone = || outbox::event_id.nullable().is_null();
    if !kinds.is_empty() {
        let others = OrderEventKind::ALL.into_iter().filter(|kind| !kinds.contains(kind));
        let others: Vec<_> = others.map(OrderEventKind::as_str).collect();
        rows = rows.filter(is_gone().or(outbox::event_type.nullable().ne_all(others)));
    }
    if let Some(from) = from {
        rows = rows.filter(is_gone().or(outbox::occurred_at.nullable().ge(from.naive_utc())));
    }
    if let Some(to) = to {
        rows = rows.filter(is_gone().or(outbox::occurred_at.nullable().lt(to.naive_utc())));
    }
    Box::pin(rows.load(connection))
}
