//! A customer's list of orders: which queries may share a statement, and how rows become a page. The
//! statements are in `sql/statements.rs` and `backend/postgres/lists.rs`.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use order_app::ports::{CustomerOrders, OrderPage, PagePosition, UnreadableOrder};
use order_domain::OrderId;

use super::lookups::{Lookups, Reader};
use crate::backend::Backend;
use crate::commit::limits::BatchLimits;
use crate::executor::Executor;
use crate::rows::{OrderRow, time};

/// The most rows of lists that are read by one statement: eight pages of the usual size. One process of
/// the server reads the lists one after the other, so with more of them, the wait of the
/// first caller for the last list costs more than sharing a statement saves.
const MOST_ROWS: usize = 168;

/// Looks up the newest orders of customers. Queries must be [plain](is_plain).
pub(crate) type ListLookups = Lookups<CustomerOrders, Vec<OrderRow>>;

impl ListLookups {
    /// Uses at most this number of connections; `None` on a database that reads each list by a statement
    /// of its own. Must be called on the runtime on which the connections live.
    pub(crate) fn of_lists<B: Backend>(
        executor: Arc<Executor<B>>,
        connections: u32,
    ) -> Option<Self> {
        let rows = |query: &CustomerOrders| {
            usize::try_from(query.limit).unwrap_or(usize::MAX).saturating_add(1)
        };
        let reader = Reader { executor, query: B::LISTS?, rows, most_rows: MOST_ROWS };
        Some(Self::over(reader, BatchLimits::of_lists(connections)))
    }
}

/// Whether a query asks for the newest orders without any filter.
pub(crate) fn is_plain(query: &CustomerOrders) -> bool {
    let bounds = [query.created_from, query.created_to];
    query.statuses.is_empty() && bounds == [None, None] && query.after.is_none()
}

/// The page that these rows make, with others after it or without. Rows that cannot be read are logged, left out and counted. `untimed` is the place of rows
/// whose time is none, where they have one.
pub(crate) fn page(
    rows: &[OrderRow],
    more: bool,
    versions_from: i64,
    untimed: Option<DateTime<Utc>>,
) -> OrderPage {
    let position = |row: &OrderRow| {
        let id = OrderId::new(row.id).ok()?;
        Some(PagePosition { created_at: time(row.created_at).or(untimed)?, id })
    };
    // The next page starts after the last row that has a position: this repeats a row rather than
    // skipping one.
    let next = rows.iter().rev().find_map(position).filter(|_| more);
    let report = |error: UnreadableOrder| {
        tracing::error!(order.id = error.id, column = error.column, %error, "an order is unreadable");
    };
    let readable = rows.iter().filter_map(|row| row.order(versions_from).map_err(report).ok());
    let orders: Vec<_> = readable.collect();
    let left_out = rows.len().saturating_sub(orders.len());
    OrderPage { orders, next, left_out: u32::try_from(left_out).unwrap_or(u32::MAX) }
}
