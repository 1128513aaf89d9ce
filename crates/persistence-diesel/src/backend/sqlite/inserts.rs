//! Inserts of many rows: the same prepared statement for each, in one go on the thread that the
//! connection works on. (Diesel's own insert of many rows opens a transaction of its own.)

use diesel::{QueryResult, RunQueryDsl as _, SqliteConnection};

use super::Connection;
use crate::rows::{AnswerRow, EventRow, OrderRow};
use crate::schema::{idempotency_keys, orders, outbox, outbox_incoming};

pub(super) async fn orders(connection: &mut Connection, rows: Vec<&OrderRow>) -> QueryResult<()> {
    each(connection, rows, |sqlite, row| {
        diesel::insert_into(orders::table).values(row).execute(sqlite)
    })
    .await
}

pub(super) async fn events(connection: &mut Connection, rows: Vec<&EventRow>) -> QueryResult<()> {
    each(connection, rows, |sqlite, row| {
        diesel::insert_into(outbox::table).values(row).execute(sqlite)
    })
    .await
}

pub(super) async fn incoming(connection: &mut Connection, rows: Vec<&EventRow>) -> QueryResult<()> {
    each(connection, rows, |sqlite, row| {
        diesel::insert_into(outbox_incoming::table).values(row.incoming()).execute(sqlite)
    })
    .await
}

pub(super) async fn answers(connection: &mut Connection, rows: Vec<&AnswerRow>) -> QueryResult<()> {
    each(connection, rows, |sqlite, row| {
        diesel::insert_into(idempotency_keys::table).values(row).execute(sqlite)
    })
    .await
}

async fn each<R: Clone + Send + 'static>(
    connection: &mut Connection,
    rows: Vec<&R>,
    insert: fn(&mut SqliteConnection, &R) -> QueryResult<usize>,
) -> QueryResult<()> {
    let rows: Vec<R> = rows.into_iter().cloned().collect();
    let all = move |sqlite: &mut SqliteConnection| {
        rows.iter().try_for_each(|row| insert(sqlite, row).map(drop))
    };
    connection.spawn_blocking(all).await
}
