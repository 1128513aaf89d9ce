//! Pages that end by their bytes. The first statement of a page leaves out each document that is larger than its share of
//! the page, so that it never sends more than one page. Usually none is, and the page is there. Otherwise the sizes of
//! those are asked for, and then the documents of the rows that fit.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

use diesel::QueryResult;
use diesel::dsl::sql;
use diesel::expression::{
    AppearsOnTable, Expression, SelectableExpression, TypedExpressionType, ValidGrouping,
    is_aggregate,
};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Integer, Nullable, Text};
use diesel_async::RunQueryDsl;
use order_app::ports::{Deadline, PAGE_BYTES, StoreError, fitting};
use tokio::task::yield_now;

use super::{Connection, Database, Dialect, ITEMS_BYTES};
use crate::backend::Running;
use crate::executor::Executor;
use crate::rows::{JournalRow, OrderRow};
use crate::schema::{orders, outbox, sql_types};
use crate::types::{Guid, Lenient};

/// The rows of one page, and whether others follow.
type Rows<T> = (Vec<T>, bool);

/// How many rows to ask for: one more than a page has shows that there is a next one.
pub(in super::super) fn one_more(limit: u32) -> i64 {
    i64::from(limit).saturating_add(1)
}

/// The bytes that one document may have so that `limit` of them make one page.
pub(in super::super) fn share(page_bytes: usize, limit: u32) -> i32 {
    let rows = usize::try_from(limit).unwrap_or(usize::MAX).max(1);
    i32::try_from(page_bytes.checked_div(rows).unwrap_or_default()).unwrap_or(i32::MAX)
}

/// A column with documents that may be large.
pub(in super::super) trait Documents: 'static {
    type SqlType: diesel::sql_types::SqlType + TypedExpressionType;
    /// The number of bytes of a document, or NULL, and the document itself.
    const SQL: (&'static str, &'static str);
}

/// The lines of orders.
pub(in super::super) enum Items {}

impl Documents for Items {
    type SqlType = Nullable<sql_types::Document>;
    const SQL: (&'static str, &'static str) = (ITEMS_BYTES, "items");
}

/// The data of events.
pub(in super::super) enum Data {}

impl Documents for Data {
    type SqlType = Nullable<Text>;
    const SQL: (&'static str, &'static str) = ("octet_length(outbox.data)", "outbox.data");
}

/// A document, or NULL where it has more bytes than its share.
pub(in super::super) struct Within<D>(i32, PhantomData<D>);

/// The documents that have at most this number of bytes.
pub(in super::super) fn within<D: Documents>(share: i32) -> Within<D> {
    Within(share, PhantomData)
}

impl<D: Documents> Expression for Within<D> {
    type SqlType = D::SqlType;
}

impl<D: Documents> QueryFragment<Dialect> for Within<D> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Dialect>) -> QueryResult<()> {
        let (bytes, document) = D::SQL;
        out.push_sql("CASE WHEN ");
        out.push_sql(bytes);
        out.push_sql(" <= ");
        out.push_bind_param::<Integer, _>(&self.0)?;
        out.push_sql(" THEN ");
        out.push_sql(document);
        out.push_sql(" END");
        Ok(())
    }
}

impl<D: Documents> QueryId for Within<D> {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<D: Documents> ValidGrouping<()> for Within<D> {
    type IsAggregate = is_aggregate::No;
}

impl<D: Documents, From> AppearsOnTable<From> for Within<D> {}
impl<D: Documents, From> SelectableExpression<From> for Within<D> {}

/// One page of a list, of which at most `limit` rows were asked for, and one more.
pub(super) async fn of_orders(
    executor: &Arc<Executor<Database>>,
    mut rows: Vec<OrderRow>,
    limit: u32,
    deadline: Deadline,
) -> Result<Rows<OrderRow>, StoreError> {
    let mut more = cut(&mut rows, limit);
    let absent = |row: &OrderRow| row.items.is_none().then_some(row.id);
    let asked: Vec<i64> = rows.iter().filter_map(absent).collect();
    let is_here = asked.is_empty();
    let _place = if is_here { None } else { Some(executor.page_place(deadline).await?) };
    let sizes =
        if is_here { HashMap::new() } else { executor.read(deadline, order_sizes, asked).await? };
    let left_out = |row: &OrderRow| row.items.is_none() && sizes.contains_key(&row.id);
    let size = |row: &OrderRow| {
        let here = row.items.as_ref().map(|items| items.0.len());
        here.or_else(|| sizes.get(&row.id).copied()).unwrap_or_default()
    };
    let fits = fitting(rows.iter().map(size), PAGE_BYTES);
    more |= fits < rows.len();
    rows.truncate(fits);
    if is_here {
        return Ok((rows, more));
    }
    let wanted = rows.iter().filter(|row| left_out(row)).map(|row| row.id).collect();
    let mut whole = executor.read(deadline, whole_orders, wanted).await?;
    for row in &mut rows {
        if let Some(whole) = whole.remove(&row.id) {
            *row = whole;
        }
    }
    // An order that another program has deleted since is not in the list any more.
    rows.retain(|row| !left_out(row));
    Ok((rows, more))
}

/// One page of events of at most this number of bytes, of which at most `limit` rows were asked for, and one more.
pub(super) async fn of_events(
    executor: &Arc<Executor<Database>>,
    mut rows: Vec<JournalRow>,
    (limit, page_bytes): (u32, usize),
    deadline: Deadline,
) -> Result<Rows<JournalRow>, StoreError> {
    let mut more = cut(&mut rows, limit);
    let asked: Vec<Guid> = rows.iter().filter_map(JournalRow::left_out).collect();
    if asked.is_empty() {
        return Ok((rows, more));
    }
    let sizes = executor.read(deadline, event_sizes, asked).await?;
    let size = |row: &JournalRow| {
        let there = row.left_out().and_then(|id| sizes.get(&id).copied());
        there.unwrap_or_else(|| row.bytes())
    };
    let fits = fitting(rows.iter().map(size), page_bytes);
    more |= fits < rows.len();
    rows.truncate(fits);
    let wanted = rows.iter().filter_map(JournalRow::left_out).collect();
    let mut texts = executor.read(deadline, event_texts, wanted).await?;
    // An event that was purged since is not listed any more.
    rows.retain_mut(|row| match row.left_out() {
        None => true,
        Some(id) => texts.remove(&id).map(|text| row.fill(text)).is_some(),
    });
    if rows.is_empty() && more {
        return Err(StoreError::Unavailable("the events were purged while they were read".into()));
    }
    Ok((rows, more))
}

/// After how many bytes of events other tasks of the thread have their turn: checking a page of large events takes a while.
const TURN: usize = 64 << 10;

/// What rows mean.
pub(super) async fn read<T>(
    rows: Vec<JournalRow>,
    each: impl Fn(JournalRow) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let (mut items, mut bytes) = (Vec::with_capacity(rows.len()), 0_usize);
    for row in rows {
        bytes = bytes.saturating_add(row.bytes());
        items.push(each(row)?);
        if bytes >= TURN {
            bytes = 0;
            yield_now().await;
        }
    }
    Ok(items)
}

/// Cuts off the one row that was read to see whether others follow. Says whether some do.
fn cut<T>(rows: &mut Vec<T>, limit: u32) -> bool {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    more
}

/// A number of bytes, as a database tells it.
fn bytes(told: i32) -> usize {
    usize::try_from(told).unwrap_or_default()
}

/// The bytes of the lines of these orders, where there are lines.
fn order_sizes<'c>(
    connection: &'c mut Connection,
    ids: &'c Vec<i64>,
) -> Running<'c, HashMap<i64, usize>> {
    Box::pin(async move {
        let sizes = (orders::id, sql::<Nullable<Integer>>(ITEMS_BYTES));
        let found = orders::table.filter(orders::id.eq_any(ids)).select(sizes);
        let found: Vec<(i64, Option<i32>)> = found.load(connection).await?;
        Ok(found.into_iter().filter_map(|(id, size)| Some((id, bytes(size?)))).collect())
    })
}

fn whole_orders<'c>(
    connection: &'c mut Connection,
    ids: &'c Vec<i64>,
) -> Running<'c, HashMap<i64, OrderRow>> {
    Box::pin(async move {
        let found = orders::table.filter(orders::id.eq_any(ids)).select(OrderRow::as_select());
        let found: Vec<OrderRow> = found.load(connection).await?;
        Ok(found.into_iter().map(|row| (row.id, row)).collect())
    })
}

fn event_sizes<'c>(
    connection: &'c mut Connection,
    ids: &'c Vec<Guid>,
) -> Running<'c, HashMap<Guid, usize>> {
    Box::pin(async move {
        let sizes = (outbox::event_id, sql::<Nullable<Integer>>(Data::SQL.0));
        let found = outbox::table.filter(outbox::event_id.eq_any(ids)).select(sizes);
        let found: Vec<(Guid, Option<i32>)> = found.load(connection).await?;
        Ok(found.into_iter().map(|(id, size)| (id, size.map_or(0, bytes))).collect())
    })
}

fn event_texts<'c>(
    connection: &'c mut Connection,
    ids: &'c Vec<Guid>,
) -> Running<'c, HashMap<Guid, Lenient<String>>> {
    Box::pin(async move {
        let texts = (outbox::event_id, outbox::data);
        let found = outbox::table.filter(outbox::event_id.eq_any(ids)).select(texts);
        let found: Vec<(Guid, Lenient<String>)> = found.load(connection).await?;
        Ok(found.into_iter().collect())
    })
}
