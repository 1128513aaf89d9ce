//! Writes a batch of changes: the whole transaction in one go on the thread of the connection. Statements
//! with several rows would gain nothing, because no statement is sent anywhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bb8::Pool;
use diesel::SqliteConnection;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};

use super::errors::of_orders;
use super::{BEGIN, Connection, Database};
use crate::backend::BatchOutcome;
use crate::pool::{Guarded, Manager};
use crate::retry::writes_nothing;
use crate::rows::{ChangeRows, SeenRow, Write};
use crate::schema::{idempotency_keys, orders, outbox, outbox_incoming, sagas};

/// Writes changes in one transaction, by the law of [`Backend::write_batch`](crate::backend::Backend).
pub(super) async fn write(
    guarded: &mut Guarded<Connection>,
    changes: &[Arc<ChangeRows>],
    in_doubt: &mut bool,
    _: &Pool<Manager<Database>>,
) -> QueryResult<BatchOutcome> {
    let changes = changes.to_vec();
    let doubted = *in_doubt;
    let doubt = Doubt::of(in_doubt);
    let decided = Arc::clone(&doubt.decided);
    let transaction =
        move |sqlite: &mut SqliteConnection| Ok(write_and_commit(sqlite, &changes, &decided));
    let ended = guarded.begin().spawn_blocking(transaction).await?;
    drop(doubt);
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

/// Whether the transaction of another thread may commit: either it has begun to, or its caller has gone away
/// first, and then it does not.
struct Doubt<'d> {
    flag: &'d mut bool,
    before: bool,
    /// Set by the one that comes first.
    decided: Arc<AtomicBool>,
}

impl<'d> Doubt<'d> {
    fn of(in_doubt: &'d mut bool) -> Self {
        let before = std::mem::replace(in_doubt, true);
        Self { flag: in_doubt, before, decided: Arc::default() }
    }
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if !self.decided.swap(true, Ordering::AcqRel) {
            *self.flag = self.before;
        }
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

fn write_and_commit(
    sqlite: &mut SqliteConnection,
    changes: &[Arc<ChangeRows>],
    decided: &AtomicBool,
) -> Ended {
    if let Err(error) = sqlite.batch_execute(BEGIN) {
        return Ended::Unwritten(error);
    }
    match write_rows(sqlite, changes) {
        Ok(_) if decided.swap(true, Ordering::AcqRel) => undone(sqlite, Error::RollbackTransaction),
        Ok(stale) => match sqlite.batch_execute("COMMIT") {
            Ok(()) => Ended::Landed(stale),
            // The page that makes the transaction valid is the last one that is written.
            Err(error) if writes_nothing(&error) => undone(sqlite, error),
            Err(error) => Ended::Doubtful(error),
        },
        Err(error) => undone(sqlite, error),
    }
}

/// Rolls back. The error may have ended the transaction, as that of a trigger or of a full disk.
fn undone(sqlite: &mut SqliteConnection, error: Error) -> Ended {
    match sqlite.batch_execute("ROLLBACK") {
        Err(over) if !over.to_string().contains("no transaction is active") => {
            Ended::Unwritten(error)
        }
        _ => Ended::Undone(of_orders(sqlite, error)),
    }
}

fn write_rows(sqlite: &mut SqliteConnection, changes: &[Arc<ChangeRows>]) -> QueryResult<Vec<i64>> {
    let mut stale = Vec::new();
    for change in changes {
        let revision = orders::saga_revision.eq(change.saga_revision);
        let stored = |seen: &SeenRow| {
            let same_version =
                orders::table.find(change.id).filter(orders::version.eq(seen.version));
            same_version.filter(orders::saga_revision.eq(seen.saga_revision))
        };
        let landed = match &change.write {
            Write::Insert(new) => {
                diesel::insert_into(orders::table).values((&new.order, revision)).execute(sqlite)?
            }
            Write::Update(seen, new) => {
                let set = (new.order.columns(), revision);
                diesel::update(stored(seen)).set(set).execute(sqlite)?
            }
            Write::Step(seen) => diesel::update(stored(seen)).set(revision).execute(sqlite)?,
        };
        if landed == 0 {
            stale.push(change.id);
            continue;
        }
        if let Some(version) = change.version() {
            diesel::insert_into(outbox::table).values(&version.event).execute(sqlite)?;
            let incoming = version.event.incoming();
            diesel::insert_into(outbox_incoming::table).values(incoming).execute(sqlite)?;
        }
        if let Some(answer) = change.answer() {
            diesel::insert_into(idempotency_keys::table).values(answer).execute(sqlite)?;
        }
        if let Some(saga) = &change.saga {
            diesel::replace_into(sagas::table).values(saga).execute(sqlite)?;
        }
    }
    Ok(stale)
}
