//! Writes a batch of changes: statements with several lists of values for each table that gets new rows, and for sagas, each as
//! large as the server takes, and one statement for each order that changes.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bb8::Pool;
use diesel::dsl::DuplicatedKeys;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::{SingleValue, SqlType};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection as _};
use tokio::time::timeout;

use super::errors::named;
use super::sql::statements::stored_events;
use super::{BEGIN, Connection, Database};
use crate::backend::BatchOutcome;
use crate::pool::{Guarded, Manager, connection};
use crate::retry::is_held;
use crate::rows::{AnswerRow, ChangeRows, EventRow, OrderRow, SagaRow, Write};
use crate::schema::{idempotency_keys, orders, outbox, outbox_incoming, sagas};

/// How long the statements of one change may take, before its COMMIT. The server's own time-out for locks is a second
/// at least, so another connection stops them.
const MOMENT: Duration = Duration::from_millis(200);
/// The same for several changes, which others wait for: the least, and more for each change.
const SHORT_MOMENT: Duration = Duration::from_millis(100);
const FOR_EACH: Duration = Duration::from_millis(1);

/// What a row takes in a statement beside its texts, in its values and in the text of the statement, and what the
/// statement takes beside its rows.
const ROW_BYTES: usize = 512;

/// Writes changes in one transaction, by the law of [`Backend::write_batch`](crate::backend::Backend).
pub(super) async fn write(
    guarded: &mut Guarded<Connection>,
    changes: &[Arc<ChangeRows>],
    in_doubt: &mut bool,
    pool: &Pool<Manager<Database>>,
) -> QueryResult<BatchOutcome> {
    let introduction = guarded.introduction;
    let most_bytes = introduction.most_bytes.unwrap_or(usize::MAX);
    let connection = guarded.begin();
    connection.batch_execute(BEGIN).await?;
    let written = {
        let mut writing = pin!(write_rows(connection, changes, most_bytes));
        if let Ok(written) = timeout(moment(changes.len()), &mut writing).await {
            written
        } else {
            // Until it ends, the statement of the other connection must not meet the COMMIT.
            stop(pool, introduction.number).await;
            writing.await
        }
    };
    match written {
        Ok(stale) => commit(guarded, changes, stale, in_doubt).await,
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
                error if changes.len() > 1 && is_held(&error) => Ok(BatchOutcome::Held),
                error => Err(error),
            }
        }
    }
}

fn moment(changes: usize) -> Duration {
    match u32::try_from(changes) {
        Ok(0 | 1) => MOMENT,
        several => {
            SHORT_MOMENT.saturating_add(FOR_EACH.saturating_mul(several.unwrap_or(u32::MAX)))
        }
    }
}

/// Stops the statement of a connection, which most likely waits for a lock. A server that does not do it gives the
/// statement up a second after its begin.
async fn stop(pool: &Pool<Manager<Database>>, number: Option<i64>) {
    let Some(number) = number else { return };
    let Ok(mut other) = connection(pool).await else { return };
    if other.begin().batch_execute(&format!("KILL QUERY {number}")).await.is_ok() {
        other.finish();
    }
}

/// Commits. Whatever error a COMMIT returns, only the events themselves show its outcome. While the connection works, they
/// are looked for at once: a server that refuses a COMMIT has ended the transaction. Without events it stays open.
async fn commit(
    guarded: &mut Guarded<Connection>,
    changes: &[Arc<ChangeRows>],
    stale: Vec<i64>,
    in_doubt: &mut bool,
) -> QueryResult<BatchOutcome> {
    let connection = &mut guarded.connection;
    let doubted = std::mem::replace(in_doubt, true);
    if let Err(error) = connection.batch_execute("COMMIT").await {
        connection.batch_execute("ROLLBACK").await?;
        // Stale changes have written none.
        let written = changes.iter().filter(|change| !stale.contains(&change.id));
        let events: Vec<_> = written.filter_map(|change| change.event_id()).collect();
        if stored_events(connection, &events).await?.is_empty() {
            *in_doubt = doubted || events.is_empty();
            guarded.finish();
            return Err(error);
        }
    }
    *in_doubt = doubted;
    guarded.finish();
    Ok(BatchOutcome::Written { stale })
}

define_sql_function! {
    /// The value of a column in the row that was to be inserted.
    fn values<T: SqlType + SingleValue>(column: T) -> T;
}

/// Writes the tables in a fixed order, and the rows of each table in the order of the keys on which writers
/// meet: so one of two instances may wait for the other, but never both.
async fn write_rows(
    connection: &mut Connection,
    changes: &[Arc<ChangeRows>],
    most_bytes: usize,
) -> QueryResult<Vec<i64>> {
    let stale = write_orders(connection, changes, most_bytes).await?;
    let written = || changes.iter().filter(|change| !stale.contains(&change.id));
    let events = written().filter_map(|change| Some(&change.version()?.event));
    let events: Vec<&EventRow> = events.collect();
    let incoming: Vec<_> = events.iter().map(|event| event.incoming()).collect();
    for events in parts(events, |row| event_bytes(row), most_bytes)? {
        diesel::insert_into(outbox::table).values(events).execute(connection).await?;
    }
    for incoming in parts(incoming, |_| 0, most_bytes)? {
        diesel::insert_into(outbox_incoming::table).values(incoming).execute(connection).await?;
    }
    let mut answers: Vec<&AnswerRow> = written().filter_map(|change| change.answer()).collect();
    answers.sort_by_key(|row| row.scope.as_str());
    for answers in parts(answers, |row| answer_bytes(row), most_bytes)? {
        diesel::insert_into(idempotency_keys::table).values(answers).execute(connection).await?;
    }
    let mut written: Vec<&SagaRow> = written().filter_map(|change| change.saga.as_ref()).collect();
    written.sort_by_key(|row| row.order_id);
    for some in parts(written, |row| row.document.len(), most_bytes)? {
        let insert = diesel::insert_into(sagas::table).values(some);
        let replace = insert.on_conflict(DuplicatedKeys).do_update().set((
            sagas::revision.eq(values(sagas::revision)),
            sagas::state.eq(values(sagas::state)),
            sagas::due_at.eq(values(sagas::due_at)),
            sagas::attention.eq(values(sagas::attention)),
            sagas::document.eq(values(sagas::document)),
            sagas::created_at.eq(values(sagas::created_at)),
            sagas::updated_at.eq(values(sagas::updated_at)),
        ));
        replace.execute(connection).await?;
    }
    Ok(stale)
}

/// Writes the rows of orders; returns those that are not what their changes have seen.
async fn write_orders(
    connection: &mut Connection,
    changes: &[Arc<ChangeRows>],
    most_bytes: usize,
) -> QueryResult<Vec<i64>> {
    let mut placed = Vec::new();
    let mut updates = Vec::new();
    for change in changes {
        let revision = orders::saga_revision.eq(change.saga_revision);
        match &change.write {
            Write::Insert(new) => placed.push((&new.order, revision)),
            Write::Update(seen, new) => updates.push((change.id, seen, revision, Some(&new.order))),
            Write::Step(seen) => updates.push((change.id, seen, revision, None)),
        }
    }
    placed.sort_by_key(|(row, _)| (row.customer_id, row.client_reference.as_deref()));
    updates.sort_by_key(|(id, ..)| *id);
    for placed in parts(placed, |(row, _)| order_bytes(row), most_bytes)? {
        diesel::insert_into(orders::table).values(placed).execute(connection).await?;
    }
    let mut stale = Vec::new();
    for (id, seen, revision, row) in updates {
        let stored = orders::table
            .filter(orders::id.eq(id))
            .filter(orders::version.eq(seen.version))
            .filter(orders::saga_revision.eq(seen.saga_revision));
        let landed = if let Some(row) = row {
            fits(order_bytes(row), most_bytes)?;
            diesel::update(stored).set((row.columns(), revision)).execute(connection).await?
        } else {
            // A table may set the time of the last change by itself, and a saga alone is none.
            let same_time = orders::updated_at.eq(orders::updated_at);
            diesel::update(stored).set((revision, same_time)).execute(connection).await?
        };
        if landed == 0 {
            stale.push(id);
        }
    }
    Ok(stale)
}

fn order_bytes(row: &OrderRow) -> usize {
    let reference = row.client_reference.as_ref().map_or(0, String::len);
    row.items.as_ref().map_or(0, |items| items.0.len()).saturating_add(reference)
}

fn event_bytes(row: &EventRow) -> usize {
    row.context.len().saturating_add(row.data.len())
}

fn answer_bytes(row: &AnswerRow) -> usize {
    let AnswerRow { scope, headers, body, .. } = row;
    scope.len().saturating_add(headers.len()).saturating_add(body.len())
}

/// Rows in parts that one statement may hold each, in their order. A server closes the connection of a statement that
/// is too large for it.
fn parts<R>(
    rows: Vec<R>,
    bytes: impl Fn(&R) -> usize,
    most_bytes: usize,
) -> QueryResult<Vec<Vec<R>>> {
    let mut parts: Vec<Vec<R>> = Vec::new();
    let mut room = 0_usize;
    for row in rows {
        let needs = fits(bytes(&row), most_bytes)?;
        match parts.last_mut() {
            Some(part) if needs <= room => part.push(row),
            _ => {
                room = most_bytes.saturating_sub(ROW_BYTES);
                parts.push(vec![row]);
            }
        }
        room = room.saturating_sub(needs);
    }
    Ok(parts)
}

/// What a row with this many bytes of texts takes in a statement; an error if the server takes no such statement. It
/// will not, however often it is tried.
fn fits(bytes: usize, most_bytes: usize) -> QueryResult<usize> {
    let needs = bytes.saturating_add(ROW_BYTES);
    // The server spells JSON with more spaces than we do, and the row must be readable, too.
    let room = most_bytes.saturating_sub(most_bytes.div_euclid(4)).saturating_sub(ROW_BYTES);
    if needs <= room {
        return Ok(needs);
    }
    let told = format!(
        "a row of about {needs} bytes is too large for the server, whose max_allowed_packet is {most_bytes}"
    );
    Err(Error::DatabaseError(DatabaseErrorKind::CheckViolation, Box::new(told)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_written_in_as_few_statements_as_the_server_takes() {
        let of = |rows: &[usize]| parts(rows.to_vec(), |bytes| *bytes, 65_536).unwrap();
        assert!(of(&[]).is_empty());
        assert_eq!(of(&[10, 20]), [[10, 20]]);
        assert_eq!(of(&[40_000, 10_000, 30_000, 1]), [vec![40_000, 10_000], vec![30_000, 1]]);
        let many = of(&[100; 128]);
        assert_eq!(many.iter().map(Vec::len).collect::<Vec<_>>(), [106, 22]);
    }

    #[test]
    fn a_row_that_no_statement_can_hold_is_refused_for_ever() {
        let refused = parts(vec![10, 60_000], |bytes| *bytes, 65_536).unwrap_err();
        assert!(crate::retry::is_permanent(&refused), "{refused}");
        assert!(refused.to_string().contains("max_allowed_packet is 65536"), "{refused}");
    }
}
