//! Writes a batch of changes: one prepared statement, which is a transaction by itself and takes each column
//! as an array. So it is the same statement for any number of changes, and a batch costs one round trip.
//! Parts that no change of a batch needs are left out, because a part costs the server time even when it
//! has no rows: there are six forms at most.

use std::sync::Arc;

use bb8::Pool;
use chrono::NaiveDateTime;
use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable, Text, Timestamp};
use diesel_async::{RunQueryDsl as _, SimpleAsyncConnection as _};
use order_domain::{CancelReason, Currency, OrderStatus};
use tokio::time::Instant;

use super::errors::{is_english, named};
use super::{Connection, Database, MOMENT};
use crate::backend::BatchOutcome;
use crate::pool::{Guarded, Manager};
use crate::retry::{held, is_held};
use crate::rows::{AnswerRow, ChangeRows, EventRow, OrderRow};
use crate::schema::sql_types;
use crate::types::{Document, Guid, Money, Time, Whole, Word};

/// Writes changes in one transaction, by the law of [`Backend::write_batch`](crate::backend::Backend).
pub(super) async fn write(
    guarded: &mut Guarded<Connection>,
    changes: &[Arc<ChangeRows>],
    in_doubt: &mut bool,
    _: &Pool<Manager<Database>>,
) -> QueryResult<BatchOutcome> {
    let connection = guarded.begin();
    let begin = Instant::now();
    let doubted = std::mem::replace(in_doubt, true);
    let mut written = Batch::of(changes).load::<i64>(connection).await;
    if let Err(error) = written {
        // When the server refuses a statement and still answers, it has undone it.
        if connection.batch_execute("SELECT").await.is_err() {
            return Err(error);
        }
        written = Err(match error {
            Error::DatabaseError(DatabaseErrorKind::Unknown, told)
                if begin.elapsed() >= MOMENT && !is_english(told.message()) =>
            {
                held(told.message())
            }
            error => named(connection, error).await,
        });
    }
    guarded.finish();
    *in_doubt = doubted;
    match written {
        Ok(updated) => {
            let wanted = changes.iter().filter(|change| change.replaces.is_some());
            let stale = wanted.map(|change| change.order.id).filter(|id| !updated.contains(id));
            Ok(BatchOutcome::Written { stale: stale.collect() })
        }
        Err(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => {
            Ok(BatchOutcome::Excluded)
        }
        Err(error) if changes.len() > 1 && is_held(&error) => Ok(BatchOutcome::Held),
        Err(error) => Err(error),
    }
}

/// The columns of the rows of one table; each column is one array.
macro_rules! columns {
    ($columns:ident of $row:ty, $($column:ident: $rust:ty => $sql:ty = $get:expr,)+) => {
        struct $columns<'a> {
            $($column: Vec<$rust>,)+
        }

        impl<'a> $columns<'a> {
            fn of(rows: &[$row]) -> Self {
                $(let $column: fn(&$row) -> $rust = $get;)+
                Self { $($column: rows.iter().map($column).collect(),)+ }
            }

            /// The rows as a table of the name `new`.
            fn walk<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
                let mut separator = "unnest(";
                $(
                    out.push_sql(std::mem::replace(&mut separator, ", "));
                    out.push_bind_param::<Array<$sql>, _>(&self.$column)?;
                )+
                separator = ") AS new (";
                $(
                    out.push_sql(std::mem::replace(&mut separator, ", "));
                    out.push_sql(stringify!($column));
                )+
                out.push_sql(")");
                Ok(())
            }
        }
    };
}

columns! {
    Placed of &'a OrderRow,
    id: i64 => BigInt = |row| row.id,
    customer_id: Option<i64> => Nullable<BigInt> = |row| row.customer_id,
    items: Option<&'a Document> => Nullable<sql_types::Document> = |row| row.items.as_ref(),
    total_amount: Option<Money> => Nullable<sql_types::Money> = |row| row.total_amount,
    status: Option<Word<OrderStatus>> => Nullable<Text> = |row| row.status,
    created_at: Option<Time> => Nullable<Timestamp> = |row| row.created_at,
    updated_at: Option<Time> => Nullable<Timestamp> = |row| row.updated_at,
    version: Option<Whole> => Nullable<BigInt> = |row| row.version,
    currency: Word<Currency> => Text = |row| row.currency,
    client_reference: Option<&'a str> => Nullable<Text> = |row| row.client_reference.as_deref(),
    cancel_reason: Option<Word<CancelReason>> => Nullable<Text> = |row| row.cancel_reason,
}

columns! {
    Changed of &'a OrderRow,
    id: i64 => BigInt = |row| row.id,
    items: Option<&'a Document> => Nullable<sql_types::Document> = |row| row.items.as_ref(),
    total_amount: Option<Money> => Nullable<sql_types::Money> = |row| row.total_amount,
    status: Option<Word<OrderStatus>> => Nullable<Text> = |row| row.status,
    updated_at: Option<Time> => Nullable<Timestamp> = |row| row.updated_at,
    version: Option<Whole> => Nullable<BigInt> = |row| row.version,
    cancel_reason: Option<Word<CancelReason>> => Nullable<Text> = |row| row.cancel_reason,
}

columns! {
    Noted of &'a EventRow,
    event_id: Guid => sql_types::Guid = |row| row.event_id,
    order_id: i64 => BigInt = |row| row.order_id,
    sequence: i64 => BigInt = |row| row.sequence,
    event_type: &'a str => Text = |row| &row.event_type,
    occurred_at: NaiveDateTime => Timestamp = |row| row.occurred_at,
    context: &'a str => Text = |row| &row.context,
    data: &'a str => Text = |row| &row.data,
}

columns! {
    Answered of (&'a OrderRow, &'a AnswerRow),
    order_id: i64 => BigInt = |row| row.0.id,
    version: Option<Whole> => Nullable<BigInt> = |row| row.0.version,
    scope: &'a str => Text = |row| &row.1.scope,
    fingerprint: &'a [u8] => Binary = |row| &row.1.fingerprint,
    status: i32 => Integer = |row| row.1.status,
    headers: &'a str => Text = |row| &row.1.headers,
    body: &'a [u8] => Binary = |row| &row.1.body,
    recorded_at: NaiveDateTime => Timestamp = |row| row.1.recorded_at,
}

/// Everything that a statement writes.
struct Batch<'a> {
    placed: Placed<'a>,
    changed: Changed<'a>,
    noted: Noted<'a>,
    answered: Answered<'a>,
}

impl<'a> Batch<'a> {
    fn of(changes: &'a [Arc<ChangeRows>]) -> Self {
        let order = |change: &'a Arc<ChangeRows>| &change.order;
        let is_new = |change: &&'a Arc<ChangeRows>| change.replaces.is_none();
        let answer = |change: &'a Arc<ChangeRows>| Some((&change.order, change.answer.as_ref()?));
        let mut placed: Vec<_> = changes.iter().filter(is_new).map(order).collect();
        let mut updates: Vec<_> = changes.iter().filter(|one| !is_new(one)).map(order).collect();
        let noted: Vec<_> = changes.iter().map(|change| &change.event).collect();
        let mut answered: Vec<_> = changes.iter().filter_map(answer).collect();
        // In the order of the keys on which writers meet: so one of two instances may wait for the
        // other, but never both.
        placed.sort_by_key(|row| (row.customer_id, row.client_reference.as_deref()));
        updates.sort_by_key(|row| row.id);
        answered.sort_by_key(|(_, row)| row.scope.as_str());
        Self {
            placed: Placed::of(&placed),
            changed: Changed::of(&updates),
            noted: Noted::of(&noted),
            answered: Answered::of(&answered),
        }
    }
}

impl QueryFragment<Pg> for Batch<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let updates = !self.changed.id.is_empty();
        out.push_sql("WITH ");
        if updates {
            out.push_sql(
                "changed AS (UPDATE orders SET items = new.items, \
                 total_amount = new.total_amount, status = new.status, \
                 updated_at = new.updated_at, version = new.version, \
                 cancel_reason = new.cancel_reason FROM ",
            );
            self.changed.walk(&mut out)?;
            out.push_sql(
                " WHERE orders.id = new.id AND orders.version = new.version - 1 \
                 RETURNING orders.id), ",
            );
        }
        if !self.placed.id.is_empty() {
            out.push_sql(
                "placed AS (INSERT INTO orders (id, customer_id, items, total_amount, status, \
                 created_at, updated_at, version, currency, client_reference, cancel_reason) \
                 SELECT * FROM ",
            );
            self.placed.walk(&mut out)?;
            out.push_sql("), ");
        }
        if !self.answered.scope.is_empty() {
            out.push_sql(
                "answered AS (INSERT INTO idempotency_keys (scope, fingerprint, status, headers, \
                 body, recorded_at) SELECT scope, fingerprint, status, headers, body, recorded_at \
                 FROM ",
            );
            self.answered.walk(&mut out)?;
            // The answer to a change is written only where the change was.
            if updates {
                out.push_sql(" WHERE version = 1 OR order_id IN (SELECT id FROM changed)");
            }
            out.push_sql("), ");
        }
        out.push_sql(
            "noted AS (INSERT INTO outbox (event_id, order_id, sequence, event_type, \
             occurred_at, context, data) SELECT * FROM ",
        );
        self.noted.walk(&mut out)?;
        if updates {
            out.push_sql(
                " WHERE sequence = 1 OR order_id IN (SELECT id FROM changed) \
                 RETURNING order_id, sequence, event_id), \
                 incoming AS (INSERT INTO outbox_incoming (order_ids, sequences, event_ids) \
                 SELECT array_agg(order_id), array_agg(sequence), array_agg(event_id) FROM noted \
                 HAVING COUNT(*) > 0) \
                 SELECT id FROM changed",
            );
            return Ok(());
        }
        out.push_sql(
            "), incoming AS (INSERT INTO outbox_incoming (order_ids, sequences, event_ids) VALUES (",
        );
        out.push_bind_param::<Array<BigInt>, _>(&self.noted.order_id)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.noted.sequence)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<sql_types::Guid>, _>(&self.noted.event_id)?;
        out.push_sql(")) SELECT CAST(NULL AS BIGINT) WHERE FALSE");
        Ok(())
    }
}

/// Prepared by its text, of which there is one for each form.
impl QueryId for Batch<'_> {
    type QueryId = Batch<'static>;
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Batch<'_> {
    type SqlType = BigInt;
}
