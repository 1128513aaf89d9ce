//! The counters of other services: SQLite gives ids by itself, after the largest one that is there, so there are none.

use std::ops::Range;

use diesel::QueryResult;

use super::Connection;
use crate::adopt::Counter;

/// The counter from which another service gives ids to the table.
#[expect(clippy::unused_async, reason = "the other databases ask")]
pub(super) async fn find(_: &mut Connection) -> QueryResult<Option<Counter>> {
    Ok(None)
}

/// Draws ids from a counter of another service.
#[expect(clippy::unused_async, reason = "the other databases ask")]
pub(super) async fn draw(_: &mut Connection, _count: i64) -> QueryResult<Option<Range<i64>>> {
    Ok(None)
}
