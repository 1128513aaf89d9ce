//! Times by the clock of the database, which all instances share.

use std::time::Duration;

use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Timestamp};

use super::{Dialect, FROM_NOW};

/// Longer times are cut to this.
const LONGEST: Duration = Duration::from_hours(24 * 366);

/// A time that many microseconds from now.
#[derive(Debug, Clone, Copy, QueryId, ValidGrouping)]
pub(super) struct FromNow(i64);

/// A time from now.
pub(super) fn from_now(time: Duration) -> FromNow {
    FromNow(i64::try_from(time.min(LONGEST).as_micros()).unwrap_or_default())
}

/// A time ago.
pub(super) fn ago(time: Duration) -> FromNow {
    FromNow(from_now(time).0.saturating_neg())
}

/// This moment.
pub(super) fn now() -> FromNow {
    FromNow(0)
}

impl Expression for FromNow {
    type SqlType = Timestamp;
}

impl<T> AppearsOnTable<T> for FromNow {}

impl<T> SelectableExpression<T> for FromNow {}

impl QueryFragment<Dialect> for FromNow {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Dialect>) -> QueryResult<()> {
        let (before, after) = FROM_NOW;
        out.push_sql(before);
        out.push_bind_param::<BigInt, _>(&self.0)?;
        out.push_sql(after);
        Ok(())
    }
}
