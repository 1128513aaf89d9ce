//! Writes a batch of changes: one statement with several lists of values for each table that gets new rows,
//! and one statement for each order that changes.

use std::sync::Arc;

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection as _};

use super::errors::named;
use super::{BEGIN, Connection};
use crate::backend::BatchOutcome;
use crate::pool::Guarded;
use crate::rows::{AnswerRow, ChangeRows, EventRow, OrderRow};
use crate::schema::{idempotency_keys, orders, outbox, outbox_incoming};

/// Writes changes in one transaction, by the law of [`Backend::write_batch`](crate::backend::Backend).
pub(super) async fn write(
    guarded: &mut Guarded<Connection>,
    changes: &[Arc<ChangeRows>],
    in_doubt: &mut bool,
) -> QueryResult<BatchOutcome> {
    let connection = guarded.begin();
    connection.batch_execute(BEGIN).await?;
    match write_rows(connection, changes).await {
        Ok(stale) => {
            // Whatever error a COMMIT returns, only the rows themselves show its outcome.
            let doubted = std::mem::replace(in_doubt, true);
            connection.batch_execute("COMMIT").await?;
            *in_doubt = doubted;
            guarded.finish();
            Ok(BatchOutcome::Written { stale })
        }
        Err(error) => {
            let error = named(connection, error).await;
            if connection.batch_execute("ROLLBACK").await.is_err() {
                return Err(error);
            }
            guarded.finish();
            match error {
                Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => {
                    Ok(BatchOutcome::Excluded)
                }
                error => Err(error),
            }
        }
    }
}

/// Writes the tables in a fixed order, and the rows of each table in the order of the keys on which writers
/// meet: so one of two instances may wait for the other, but never both.
async fn write_rows(
    connection: &mut Connection,
    changes: &[Arc<ChangeRows>],
) -> QueryResult<Vec<i64>> {
    let mut placed: Vec<&OrderRow> = Vec::new();
    let mut updates: Vec<(&OrderRow, i64)> = Vec::new();
    for change in changes {
        match change.replaces {
            None => placed.push(&change.order),
            Some(version) => updates.push((&change.order, version)),
        }
    }
    placed.sort_by_key(|row| (row.customer_id, row.client_reference.as_deref()));
    updates.sort_by_key(|(row, _)| row.id);
    if !placed.is_empty() {
        diesel::insert_into(orders::table).values(placed).execute(connection).await?;
    }
    let mut stale = Vec::new();
    for (row, version) in updates {
        let stored = orders::table.filter(orders::id.eq(row.id).and(orders::version.eq(version)));
        if diesel::update(stored).set(row.columns()).execute(connection).await? == 0 {
            stale.push(row.id);
        }
    }
    let written = || changes.iter().filter(|change| !stale.contains(&change.order.id));
    let events: Vec<&EventRow> = written().map(|change| &change.event).collect();
    if !events.is_empty() {
        let incoming: Vec<_> = events.iter().map(|event| event.incoming()).collect();
        diesel::insert_into(outbox::table).values(events).execute(connection).await?;
        diesel::insert_into(outbox_incoming::table).values(incoming).execute(connection).await?;
    }
    let mut answers: Vec<&AnswerRow> =
        written().filter_map(|change| change.answer.as_ref()).collect();
    if !answers.is_empty() {
        answers.sort_by_key(|row| row.scope.as_str());
        diesel::insert_into(idempotency_keys::table).values(answers).execute(connection).await?;
    }
    Ok(stale)
}
