//! What errors of SQLite mean. diesel knows a few of its codes, and keeps the text alone of the others.

use diesel::prelude::*;
use diesel::result::DatabaseErrorKind::{CheckViolation, SerializationFailure, Unknown};
use diesel::result::Error;

use super::Connection;
use crate::adopt::Name;

/// What has nothing to do with the values of a statement: locks, the disk, and what is not there.
const PASSING: [&str; 12] = [
    "is locked",
    "locking protocol",
    "disk I/O error",
    "disk is full",
    "out of memory",
    "interrupted",
    "readonly database",
    "unable to open",
    "malformed",
    "schema has changed",
    "no such",
    "cannot start a transaction",
];

/// The triggers of another service on the table.
const TRIGGERS: &str =
    "SELECT name FROM sqlite_master WHERE type = 'trigger' AND lower(tbl_name) = 'orders' LIMIT 1";

/// The error of the statement before, by the kind that it has. A trigger that refuses a row is like a check, and says so in
/// words of its own: so what is none of SQLite's passing errors is taken for a refusal where there is a trigger.
pub(super) async fn named(connection: &mut Connection, error: Error) -> Error {
    let Error::DatabaseError(Unknown, _) = &error else { return error };
    let find = |sqlite: &mut SqliteConnection| Ok(of_orders(sqlite, error));
    match connection.spawn_blocking(find).await {
        Ok(error) | Err(error) => error,
    }
}

/// The same, on the thread of the connection.
pub(super) fn of_orders(sqlite: &mut SqliteConnection, error: Error) -> Error {
    let Error::DatabaseError(Unknown, told) = error else { return error };
    let is_passing = PASSING.iter().any(|text| told.message().contains(text));
    let mut found = || diesel::sql_query(TRIGGERS).load::<Name>(sqlite);
    let kind = if is_passing {
        SerializationFailure
    } else if found().is_ok_and(|found| !found.is_empty()) {
        CheckViolation
    } else {
        Unknown
    };
    Error::DatabaseError(kind, told)
}
