//! What errors of PostgreSQL mean. diesel knows a few of its codes, and keeps the text alone of the others.

use diesel::QueryResult;
use diesel::result::DatabaseErrorKind::{CheckViolation, SerializationFailure, Unknown};
use diesel::result::Error;
use diesel_async::RunQueryDsl as _;

use super::Connection;
use crate::adopt::Name;
use crate::retry::is_held;

/// Values that a column does not take.
const FORBIDDEN: [&str; 3] =
    ["value too long", "numeric field overflow", "has no equivalent in encoding"];

/// What has nothing to do with the values of a statement: locks, time-outs, what the server lacks for the moment, and what is
/// not there or not granted.
const PASSING: [&str; 12] = [
    "canceling statement",
    "deadlock detected",
    "terminating connection",
    "the database system is",
    "connection slots",
    "out of memory",
    "out of shared memory",
    "could not ",
    "cached plan must not change",
    "current transaction is aborted",
    "permission denied",
    "does not exist",
];

/// The triggers of another service on the table.
const TRIGGERS: &str = "SELECT tgname::text AS name FROM pg_trigger \
     WHERE tgrelid = to_regclass('orders') AND NOT tgisinternal AND tgenabled <> 'D' LIMIT 1";

/// Whether the text of an error says in English what it is about. A server says it in the language of its operators.
pub(super) fn is_english(told: &str) -> bool {
    FORBIDDEN.iter().chain(&PASSING).any(|text| told.contains(text))
}

/// The error of the statement before, by the kind that it has. A trigger that refuses a row is like a check, and says so in
/// words of its own, in any language: so what is none of the server's passing errors is taken for a refusal where there is a
/// trigger.
pub(super) async fn named(connection: &mut Connection, error: Error) -> Error {
    if is_held(&error) {
        return error;
    }
    let Error::DatabaseError(Unknown, told) = error else { return error };
    let says = |texts: &[&str]| texts.iter().any(|text| told.message().contains(text));
    let kind = if says(&FORBIDDEN) {
        CheckViolation
    } else if says(&PASSING) {
        SerializationFailure
    } else if has_triggers(connection).await.unwrap_or_default() {
        CheckViolation
    } else {
        Unknown
    };
    Error::DatabaseError(kind, told)
}

async fn has_triggers(connection: &mut Connection) -> QueryResult<bool> {
    let found: Vec<Name> = diesel::sql_query(TRIGGERS).load(connection).await?;
    Ok(!found.is_empty())
}
