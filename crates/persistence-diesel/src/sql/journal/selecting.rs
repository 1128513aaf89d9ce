//! Which events of a window of the journal are selected.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use order_app::ports::Selection;
use order_domain::{MAX_ID, OrderEventKind};

use super::positions::{columns, head, is_not_skipped, with_events};
use super::{Connection, Dialect};
use crate::backend::Running;
use crate::rows::PlacedRow;
use crate::schema::{journal, orders, outbox};

/// So many places are looked at in one statement, whatever is selected: it answers in a fraction of
/// a second even when nothing of it is in memory.
pub(super) const WINDOW: i64 = 20_000;

/// Which events are asked for.
pub(super) struct Selecting {
    pub(super) selection: Selection,
    pub(super) after: i64,
    pub(super) limit: u32,
}

/// How far the journal reached, and what was found then.
type Found = (i64, Vec<PlacedRow>);

/// First how far the journal reaches, then what is selected: what is given a place in between is
/// for the next page.
pub(super) fn list<'c>(connection: &'c mut Connection, about: &'c Selecting) -> Running<'c, Found> {
    Box::pin(async move {
        let head = head(connection, &()).await?;
        let rows = list_window(connection, about, head).await?;
        Ok((head, rows))
    })
}

/// The selected events of one window. A row that is gone may have been anything, and a type that
/// nobody knows may stand for any.
fn list_window<'c>(
    connection: &'c mut Connection,
    about: &'c Selecting,
    head: i64,
) -> Running<'c, Vec<PlacedRow>> {
    let end = about.after.saturating_add(WINDOW).min(head);
    let mut rows = with_events()
        .filter(is_not_skipped())
        .filter(journal::order_id.between(1, MAX_ID))
        .filter(journal::sequence.between(1, MAX_ID))
        .filter(journal::position.gt(about.after))
        .filter(journal::position.le(end))
        .order(journal::position.asc())
        .limit(i64::from(about.limit))
        .select(columns())
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
