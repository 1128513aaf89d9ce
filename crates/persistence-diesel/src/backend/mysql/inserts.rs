//! Inserts of many rows: one statement with as many lists of values.

use diesel::QueryResult;
use diesel_async::RunQueryDsl as _;

use super::Connection;
use crate::rows::{AnswerRow, EventRow, OrderRow};
use crate::schema::{idempotency_keys, orders, outbox, outbox_incoming};

pub(super) async fn orders(connection: &mut Connection, rows: Vec<&OrderRow>) -> QueryResult<()> {
    diesel::insert_into(orders::table).values(rows).execute(connection).await.map(drop)
}

pub(super) async fn events(connection: &mut Connection, rows: Vec<&EventRow>) -> QueryResult<()> {
    diesel::insert_into(outbox::table).values(rows).execute(connection).await.map(drop)
}

pub(super) async fn incoming(connection: &mut Connection, rows: Vec<&EventRow>) -> QueryResult<()> {
    let rows: Vec<_> = rows.into_iter().map(EventRow::incoming).collect();
    diesel::insert_into(outbox_incoming::table).values(rows).execute(connection).await.map(drop)
}

pub(super) async fn answers(connection: &mut Connection, rows: Vec<&AnswerRow>) -> QueryResult<()> {
    diesel::insert_into(idempotency_keys::table).values(rows).execute(connection).await.map(drop)
}
