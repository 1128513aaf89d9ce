//! Writes a batch of changes: one prepared statement, which is a transaction by itself and takes each column
//! as an array. So it is the same statement for any number of changes, and a batch costs one round trip.
//! Parts that no change of a batch needs are left out, because a part costs the server time even when it
//! has no rows: there are six forms without sagas, and thirteen with them.

use std::marker::PhantomData;
use std::sync::Arc;

use bb8::Pool;
use chrono::NaiveDateTime;
use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Text, Timestamp};
use diesel_async::{RunQueryDsl as _, SimpleAsyncConnection as _};
use order_domain::{CancelReason, Currency, OrderStatus};
use tokio::time::Instant;

use super::errors::{is_english, named};
use super::{Connection, Database, MOMENT};
use crate::backend::BatchOutcome;
use crate::pool::{Guarded, Manager};
use crate::retry::{held, is_held};
use crate::rows::{AnswerRow, ChangeRows, EventRow, OrderRow, SagaRow, SeenRow, Write};
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
            let wanted = changes.iter().filter(|change| change.seen().is_some());
            let stale = wanted.map(|change| change.id).filter(|id| !updated.contains(id));
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
            rows: PhantomData<&'a ()>,
        }

        impl<'a> $columns<'a> {
            fn of(rows: &[$row]) -> Self {
                $(let $column: fn(&$row) -> $rust = $get;)+
                Self { $($column: rows.iter().map($column).collect(),)+ rows: PhantomData }
            }

            /// The rows as a table of the name `new`, with one more column if there is one.
            fn walk<'b>(
                &'b self,
                saga_revision: Option<&'b Vec<i64>>,
                out: &mut AstPass<'_, 'b, Pg>,
            ) -> QueryResult<()> {
                let mut separator = "unnest(";
                $(
                    out.push_sql(std::mem::replace(&mut separator, ", "));
                    out.push_bind_param::<Array<$sql>, _>(&self.$column)?;
                )+
                if let Some(revisions) = saga_revision {
                    out.push_sql(", ");
                    out.push_bind_param::<Array<BigInt>, _>(revisions)?;
                }
                separator = ") AS new (";
                $(
                    out.push_sql(std::mem::replace(&mut separator, ", "));
                    out.push_sql(stringify!($column));
                )+
                out.push_sql(if saga_revision.is_some() { ", saga_revision)" } else { ")" });
                Ok(())
            }
        }
    };
}

columns! {
    Placed of (&'a OrderRow, i64),
    id: i64 => BigInt = |row| row.0.id,
    customer_id: Option<i64> => Nullable<BigInt> = |row| row.0.customer_id,
    items: Option<&'a Document> => Nullable<sql_types::Document> = |row| row.0.items.as_ref(),
    total_amount: Option<Money> => Nullable<sql_types::Money> = |row| row.0.total_amount,
    status: Option<Word<OrderStatus>> => Nullable<Text> = |row| row.0.status,
    created_at: Option<Time> => Nullable<Timestamp> = |row| row.0.created_at,
    updated_at: Option<Time> => Nullable<Timestamp> = |row| row.0.updated_at,
    version: Option<Whole> => Nullable<BigInt> = |row| row.0.version,
    currency: Word<Currency> => Text = |row| row.0.currency,
    client_reference: Option<&'a str> => Nullable<Text> = |row| row.0.client_reference.as_deref(),
    cancel_reason: Option<Word<CancelReason>> => Nullable<Text> = |row| row.0.cancel_reason,
}

columns! {
    Changed of (&'a OrderRow, i64, SeenRow),
    id: i64 => BigInt = |row| row.0.id,
    items: Option<&'a Document> => Nullable<sql_types::Document> = |row| row.0.items.as_ref(),
    total_amount: Option<Money> => Nullable<sql_types::Money> = |row| row.0.total_amount,
    status: Option<Word<OrderStatus>> => Nullable<Text> = |row| row.0.status,
    updated_at: Option<Time> => Nullable<Timestamp> = |row| row.0.updated_at,
    version: Option<Whole> => Nullable<BigInt> = |row| row.0.version,
    cancel_reason: Option<Word<CancelReason>> => Nullable<Text> = |row| row.0.cancel_reason,
    saga_seen: i64 => BigInt = |row| row.2.saga_revision,
}

columns! {
    Stepped of (i64, SeenRow),
    id: i64 => BigInt = |row| row.0,
    version: i64 => BigInt = |row| row.1.version,
    saga_seen: i64 => BigInt = |row| row.1.saga_revision,
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
    Answered of (&'a ChangeRows, &'a AnswerRow),
    order_id: i64 => BigInt = |row| row.0.id,
    is_new: bool => Bool = |row| row.0.seen().is_none(),
    scope: &'a str => Text = |row| &row.1.scope,
    fingerprint: &'a [u8] => Binary = |row| &row.1.fingerprint,
    status: i32 => Integer = |row| row.1.status,
    headers: &'a str => Text = |row| &row.1.headers,
    body: &'a [u8] => Binary = |row| &row.1.body,
    recorded_at: NaiveDateTime => Timestamp = |row| row.1.recorded_at,
}

columns! {
    Sagas of (&'a ChangeRows, &'a SagaRow),
    order_id: i64 => BigInt = |row| row.0.id,
    is_new: bool => Bool = |row| row.0.seen().is_none(),
    revision: i64 => BigInt = |row| row.1.revision,
    state: &'a str => Text = |row| &row.1.state,
    due_at: Option<NaiveDateTime> => Nullable<Timestamp> = |row| row.1.due_at,
    attention: bool => Bool = |row| row.1.attention,
    document: &'a str => Text = |row| &row.1.document,
    created_at: NaiveDateTime => Timestamp = |row| row.1.created_at,
    updated_at: NaiveDateTime => Timestamp = |row| row.1.updated_at,
}

/// Everything that a statement writes.
struct Batch<'a> {
    placed: Placed<'a>,
    changed: Changed<'a>,
    stepped: Stepped<'a>,
    noted: Noted<'a>,
    answered: Answered<'a>,
    sagas: Sagas<'a>,
    /// The revisions of the sagas of the orders that are placed, and of those that are changed, if any saga is written. Otherwise new
    /// orders have the default of the column, and others keep what they have.
    revisions: Option<[Vec<i64>; 2]>,
}

impl<'a> Batch<'a> {
    fn of(changes: &'a [Arc<ChangeRows>]) -> Self {
        let (mut placed, mut updates, mut steps) = (Vec::new(), Vec::new(), Vec::new());
        for change in changes {
            match &change.write {
                Write::Insert(new) => placed.push((&new.order, change.saga_revision)),
                Write::Update(seen, new) => {
                    updates.push((&new.order, change.saga_revision, *seen));
                }
                Write::Step(seen) => steps.push((change.id, *seen)),
            }
        }
        let event = |change: &'a Arc<ChangeRows>| Some(&change.version()?.event);
        let answer = |change: &'a Arc<ChangeRows>| Some((&**change, change.answer()?));
        let saga = |change: &'a Arc<ChangeRows>| Some((&**change, change.saga.as_ref()?));
        let noted: Vec<_> = changes.iter().filter_map(event).collect();
        let mut answered: Vec<_> = changes.iter().filter_map(answer).collect();
        let mut sagas: Vec<_> = changes.iter().filter_map(saga).collect();
        // In the order of the keys on which writers meet: so one of two instances may wait for the
        // other, but never both, unless one changes an order whose saga the other steps, and the
        // other way round with another order. Then the time-out for locks ends it.
        placed.sort_by_key(|(row, _)| (row.customer_id, row.client_reference.as_deref()));
        updates.sort_by_key(|(row, ..)| row.id);
        steps.sort_by_key(|(id, _)| *id);
        answered.sort_by_key(|(_, row)| row.scope.as_str());
        sagas.sort_by_key(|(_, row)| row.order_id);
        let revisions = || {
            let placed = placed.iter().map(|(_, revision)| *revision);
            [placed.collect(), updates.iter().map(|(_, revision, _)| *revision).collect()]
        };
        Self {
            revisions: (!sagas.is_empty()).then(revisions),
            placed: Placed::of(&placed),
            changed: Changed::of(&updates),
            stepped: Stepped::of(&steps),
            noted: Noted::of(&noted),
            answered: Answered::of(&answered),
            sagas: Sagas::of(&sagas),
        }
    }

    /// Reads the ids of the orders that were what their changes have seen; `None` when no change needs that.
    fn updated(&self) -> Option<&'static str> {
        match (self.changed.id.is_empty(), self.stepped.id.is_empty()) {
            (true, true) => None,
            (false, true) => Some("SELECT id FROM changed"),
            (true, false) => Some("SELECT id FROM stepped"),
            (false, false) => Some("SELECT id FROM changed UNION ALL SELECT id FROM stepped"),
        }
    }

    /// What belongs to a change of a stored order is written only where the order was.
    fn where_written(&self, is_new: &str, out: &mut AstPass<'_, '_, Pg>) {
        if let Some(updated) = self.updated() {
            for sql in [" WHERE ", is_new, " OR order_id IN (", updated, ")"] {
                out.push_sql(sql);
            }
        }
    }

    fn changed<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "changed AS (UPDATE orders SET items = new.items, \
             total_amount = new.total_amount, status = new.status, \
             updated_at = new.updated_at, version = new.version, \
             cancel_reason = new.cancel_reason",
        );
        let revisions = self.revisions.as_ref().map(|[_, changed]| changed);
        if revisions.is_some() {
            out.push_sql(", saga_revision = new.saga_revision");
        }
        out.push_sql(" FROM ");
        self.changed.walk(revisions, out)?;
        out.push_sql(
            " WHERE orders.id = new.id AND orders.version = new.version - 1 \
             AND orders.saga_revision = new.saga_seen RETURNING orders.id)",
        );
        Ok(())
    }

    /// No column changes that has an index, so the new row stays in its page where there is room, and no index is touched.
    fn stepped<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("stepped AS (UPDATE orders SET saga_revision = new.saga_seen + 1 FROM ");
        self.stepped.walk(None, out)?;
        out.push_sql(
            " WHERE orders.id = new.id AND orders.version = new.version \
             AND orders.saga_revision = new.saga_seen RETURNING orders.id)",
        );
        Ok(())
    }

    fn placed<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "placed AS (INSERT INTO orders (id, customer_id, items, total_amount, status, \
             created_at, updated_at, version, currency, client_reference, cancel_reason",
        );
        let revisions = self.revisions.as_ref().map(|[placed, _]| placed);
        if revisions.is_some() {
            out.push_sql(", saga_revision");
        }
        out.push_sql(") SELECT * FROM ");
        self.placed.walk(revisions, out)?;
        out.push_sql(")");
        Ok(())
    }

    fn answered<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "answered AS (INSERT INTO idempotency_keys (scope, fingerprint, status, headers, \
             body, recorded_at) SELECT scope, fingerprint, status, headers, body, recorded_at \
             FROM ",
        );
        self.answered.walk(None, out)?;
        self.where_written("is_new", out);
        out.push_sql(")");
        Ok(())
    }

    fn noted<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "noted AS (INSERT INTO outbox (event_id, order_id, sequence, event_type, \
             occurred_at, context, data) SELECT * FROM ",
        );
        self.noted.walk(None, out)?;
        if !self.changed.id.is_empty() {
            self.where_written("sequence = 1", out);
            out.push_sql(
                " RETURNING order_id, sequence, event_id), \
                 incoming AS (INSERT INTO outbox_incoming (order_ids, sequences, event_ids) \
                 SELECT array_agg(order_id), array_agg(sequence), array_agg(event_id) FROM noted \
                 HAVING COUNT(*) > 0)",
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
        out.push_sql("))");
        Ok(())
    }

    fn sagas<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "sagas_written AS (INSERT INTO sagas (order_id, revision, state, due_at, attention, \
             document, created_at, updated_at) SELECT order_id, revision, state, due_at, \
             attention, document, created_at, updated_at FROM ",
        );
        self.sagas.walk(None, out)?;
        self.where_written("is_new", out);
        out.push_sql(
            " ON CONFLICT (order_id) DO UPDATE SET revision = excluded.revision, \
             state = excluded.state, due_at = excluded.due_at, attention = excluded.attention, \
             document = excluded.document, created_at = excluded.created_at, \
             updated_at = excluded.updated_at)",
        );
        Ok(())
    }
}

/// One part of the statement.
type Part<'a> = for<'b> fn(&'b Batch<'a>, &mut AstPass<'_, 'b, Pg>) -> QueryResult<()>;

impl<'a> QueryFragment<Pg> for Batch<'a> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let parts: [(bool, Part<'a>); 6] = [
            (self.changed.id.is_empty(), Batch::changed),
            (self.stepped.id.is_empty(), Batch::stepped),
            (self.placed.id.is_empty(), Batch::placed),
            (self.answered.scope.is_empty(), Batch::answered),
            (self.noted.event_id.is_empty(), Batch::noted),
            (self.sagas.order_id.is_empty(), Batch::sagas),
        ];
        let mut separator = "WITH ";
        for (is_empty, part) in parts {
            if !is_empty {
                out.push_sql(std::mem::replace(&mut separator, ", "));
                part(self, &mut out)?;
            }
        }
        out.push_sql(" ");
        out.push_sql(self.updated().unwrap_or("SELECT CAST(NULL AS BIGINT) WHERE FALSE"));
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
