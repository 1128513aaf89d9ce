//! What the codes of MySQL and MariaDB mean. diesel knows a few of them, and keeps the text alone of the others.

use diesel::QueryableByName;
use diesel::result::DatabaseErrorKind::{
    CheckViolation, ClosedConnection, SerializationFailure, Unknown,
};
use diesel::result::Error;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{RunQueryDsl as _, SimpleAsyncConnection as _};

use super::Connection;
use crate::retry::held;

/// Values that a column or a check does not take: too large, too long, of another character set, of another type, no JSON,
/// and a check of MariaDB.
const FORBIDDEN: [i64; 7] = [1_264, 1_406, 1_366, 1_265, 3_140, 4_025, 1_690];

/// Locks that others hold, and statements that were stopped because they waited for one.
const HELD: [i64; 4] = [1_205, 1_317, 1_969, 3_572];

/// Deadlocks, and statements that took too long.
const PASSING: [i64; 3] = [1_213, 3_024, 1_159];

/// What the server says of the statement before.
#[derive(QueryableByName)]
struct Diagnosis {
    #[diesel(sql_type = BigInt)]
    code: i64,
    #[diesel(sql_type = Text)]
    state: String,
}

/// The error of the statement before, by the kind that its code has. A trigger that refuses a row is like a check.
pub(super) async fn named(connection: &mut Connection, error: Error) -> Error {
    let Error::DatabaseError(Unknown, told) = error else { return error };
    let kind = if told.message().starts_with("Input/output error") {
        ClosedConnection
    } else {
        match diagnosis(connection).await {
            // A class that the server leaves to triggers (SIGNAL SQLSTATE '45000').
            Ok(Diagnosis { state, .. }) if state.starts_with("45") => CheckViolation,
            Ok(Diagnosis { code, .. }) if FORBIDDEN.contains(&code) => CheckViolation,
            Ok(Diagnosis { code, .. }) if HELD.contains(&code) => return held(told.message()),
            Ok(Diagnosis { code, .. }) if PASSING.contains(&code) => SerializationFailure,
            _ => Unknown,
        }
    };
    Error::DatabaseError(kind, told)
}

async fn diagnosis(connection: &mut Connection) -> Result<Diagnosis, Error> {
    let keep =
        "GET DIAGNOSTICS CONDITION 1 @order_code = MYSQL_ERRNO, @order_state = RETURNED_SQLSTATE";
    connection.batch_execute(keep).await?;
    let query = "SELECT CAST(@order_code AS SIGNED) AS code, CAST(@order_state AS CHAR) AS state";
    diesel::sql_query(query).get_result(connection).await
}
