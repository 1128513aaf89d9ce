//! Writes a batch of changes: the whole transaction in one go on the thread of the connection. Statements
//! with several rows would gain nothing, because no statement is sent anywhere.

use std::sync::Arc;

use diesel::SqliteConnection;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};

use super::errors::of_orders;
use super::{BEGIN, Connection};
use crate::backend::BatchOutcome;
use crate::pool::Guarded;
use crate::rows::ChangeRows;
use crate::schema::{idempotency_keys, orders, outbox, outbox_incoming};

/// Writes changes in one transaction, by the law of [`Backend::write_batch`](crate::backend::Backend).
pub(super) async fn write(
    guarded: &mut Guarded<Connection>,
    changes: &[Arc<ChangeRows>],
    in_doubt: &mut bool,
) -> QueryResult<BatchOutcome> {
    let changes = changes.to_vec();
    let doubted = std::mem::replace(in_doubt, true);
    let transaction = move |sqlite: &mut SqliteConnection| Ok(write_and_commit(sqlite, &changes));
    let ended = guarded.begin().spawn_blocking(transaction).await?;
    if let Ended::Landed(_) | Ended::Undone(_) = ended {
        guarded.finish();
    }
    *in_doubt = doubted || matches!(ended, Ended::Doubtful(_));
    match ended {
        Ended::Landed(stale) => Ok(BatchOutcome::Written { stale }),
        Ended::Undone(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => {
            Ok(BatchOutcome::Excluded)
        }
        Ended::Unwritten(error) | Ended::Undone(error) | Ended::Doubtful(error) => Err(error),
    }
}

/// How a transaction ended.
enum Ended {
    /// Committed, without the changes of these orders.
    Landed(Vec<i64>),
    /// Nothing is written: the transaction could not begin, most likely because another process was writing
    /// for too long, or SQLite has undone it already.
    Unwritten(Error),
    /// Rolled back.
    Undone(Error),
    /// Only the rows show the outcome.
    Doubtful(Error),
}

fn write_and_commit(sqlite: &mut SqliteConnection, changes: &[Arc<ChangeRows>]) -> Ended {
    if let Err(error) = sqlite.batch_execute(BEGIN) {
        return Ended::Unwritten(error);
    }
    match write_rows(sqlite, changes) {
        Ok(stale) => match sqlite.batch_execute("COMMIT") {
            Ok(()) => Ended::Landed(stale),
            Err(error) => Ended::Doubtful(error),
        },
        Err(error) => match sqlite.batch_execute("ROLLBACK") {
            Ok(()) => Ended::Undone(of_orders(sqlite, error)),
            // The error has ended the transaction, as a trigger may.
            Err(over) if over.to_string().contains("no transaction is active") => {
                Ended::Undone(of_orders(sqlite, error))
            }
            Err(_) => Ended::Unwritten(error),
        },
    }
}

fn write_rows(sqlite: &mut SqliteConnection, changes: &[Arc<ChangeRows>]) -> QueryResult<Vec<i64>> {
    let mut stale = Vec::new();
    for change in changes {
        let landed = match change.replaces {
            None => diesel::insert_into(orders::table).values(&change.order).execute(sqlite)?,
            Some(version) => {
                let stored =
                    orders::table.find(change.order.id).filter(orders::version.eq(version));
                diesel::update(stored).set(change.order.columns()).execute(sqlite)?
            }
        };
        if landed == 0 {
            stale.push(change.order.id);
            continue;
        }
        diesel::insert_into(outbox::table).values(&change.event).execute(sqlite)?;
        let incoming = change.event.incoming();
        diesel::insert_into(outbox_incoming::table).values(incoming).execute(sqlite)?;
        if let Some(answer) = &change.answer {
            diesel::insert_into(idempotency_keys::table).values(answer).execute(sqlite)?;
        }
    }
    Ok(stale)
}
