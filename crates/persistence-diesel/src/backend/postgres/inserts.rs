//! Inserts of many rows: one prepared statement that takes each column as an array, so that it is
//! the same statement for any number of rows.

use std::marker::PhantomData;

use chrono::NaiveDateTime;
use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable, Text, Timestamp};
use diesel_async::RunQueryDsl as _;

use super::Connection;
use crate::rows::{AnswerRow, EventRow, OrderRow};
use crate::schema::sql;
use crate::types::{Document, Guid, Money, Time};

/// Declares an insert by its columns, in the order of the statement.
macro_rules! insert {
    ($insert:ident of $row:ty, $into:literal, $($column:ident: $rust:ty => $sql:ty = $get:expr,)+) => {
        struct $insert<'a> {
            $($column: Vec<$rust>,)+
            of: PhantomData<&'a $row>,
        }

        impl<'a> $insert<'a> {
            fn of(rows: &[&'a $row]) -> Self {
                $(let $column: fn(&'a $row) -> $rust = $get;)+
                Self { $($column: rows.iter().copied().map($column).collect(),)+ of: PhantomData }
            }
        }

        impl QueryFragment<Pg> for $insert<'_> {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
                out.push_sql(concat!("INSERT INTO ", $into, " SELECT * FROM unnest("));
                let mut first = true;
                $(
                    if !std::mem::replace(&mut first, false) {
                        out.push_sql(", ");
                    }
                    out.push_bind_param::<Array<$sql>, _>(&self.$column)?;
                )+
                out.push_sql(")");
                Ok(())
            }
        }

        impl QueryId for $insert<'_> {
            type QueryId = $insert<'static>;
            const HAS_STATIC_QUERY_ID: bool = true;
        }
    };
}

insert! {
    InsertOrders of OrderRow,
    "orders (id, customer_id, items, total_amount, status, created_at, updated_at, version, \
     currency, client_reference, cancel_reason)",
    id: i64 => BigInt = |row| row.id,
    customer_id: i64 => BigInt = |row| row.customer_id,
    items: Option<&'a Document> => Nullable<sql::Document> = |row| row.items.as_ref(),
    total_amount: Option<Money> => Nullable<sql::Money> = |row| row.total_amount,
    status: Option<&'a str> => Nullable<Text> = |row| row.status.as_deref(),
    created_at: Option<Time> => Nullable<Timestamp> = |row| row.created_at,
    updated_at: Option<Time> => Nullable<Timestamp> = |row| row.updated_at,
    version: i64 => BigInt = |row| row.version,
    currency: &'a str => Text = |row| &row.currency,
    client_reference: Option<&'a str> => Nullable<Text> = |row| row.client_reference.as_deref(),
    cancel_reason: Option<&'a str> => Nullable<Text> = |row| row.cancel_reason.as_deref(),
}

insert! {
    InsertEvents of EventRow,
    "outbox (event_id, order_id, sequence, event_type, occurred_at, context, data)",
    event_id: Guid => sql::Guid = |row| row.event_id,
    order_id: i64 => BigInt = |row| row.order_id,
    sequence: i64 => BigInt = |row| row.sequence,
    event_type: &'a str => Text = |row| &row.event_type,
    occurred_at: NaiveDateTime => Timestamp = |row| row.occurred_at,
    context: &'a str => Text = |row| &row.context,
    data: &'a str => Text = |row| &row.data,
}

insert! {
    InsertIncoming of EventRow,
    "outbox_incoming (order_id, sequence, event_id)",
    order_id: i64 => BigInt = |row| row.order_id,
    sequence: i64 => BigInt = |row| row.sequence,
    event_id: Guid => sql::Guid = |row| row.event_id,
}

insert! {
    InsertAnswers of AnswerRow,
    "idempotency_keys (scope, fingerprint, status, headers, body, recorded_at)",
    scope: &'a str => Text = |row| &row.scope,
    fingerprint: &'a [u8] => Binary = |row| &row.fingerprint,
    status: i32 => Integer = |row| row.status,
    headers: &'a str => Text = |row| &row.headers,
    body: &'a [u8] => Binary = |row| &row.body,
    recorded_at: NaiveDateTime => Timestamp = |row| row.recorded_at,
}

pub(super) async fn orders(connection: &mut Connection, rows: Vec<&OrderRow>) -> QueryResult<()> {
    InsertOrders::of(&rows).execute(connection).await.map(drop)
}

pub(super) async fn events(connection: &mut Connection, rows: Vec<&EventRow>) -> QueryResult<()> {
    InsertEvents::of(&rows).execute(connection).await.map(drop)
}

pub(super) async fn incoming(connection: &mut Connection, rows: Vec<&EventRow>) -> QueryResult<()> {
    InsertIncoming::of(&rows).execute(connection).await.map(drop)
}

pub(super) async fn answers(connection: &mut Connection, rows: Vec<&AnswerRow>) -> QueryResult<()> {
    InsertAnswers::of(&rows).execute(connection).await.map(drop)
}
