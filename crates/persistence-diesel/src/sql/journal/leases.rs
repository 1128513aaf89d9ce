//! Statements about `leases` and `instances`: which instance holds which duty, and which instances live.
//! Each may be repeated when its answer was lost.

use std::collections::HashMap;
use std::time::Duration;

use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;
use order_app::ports::{Duty, Lease};

use super::clock::{ago, from_now, now};
use super::{Connection, Dialect, LOCKING};
use crate::backend::Running;
use crate::schema::{instances, leases, sql_types};
use crate::types::Guid;

/// After this time the row of a dead instance is deleted.
const REMEMBERED: Duration = Duration::from_hours(1);

/// The key of a lease.
pub(super) fn name(duty: Duty) -> String {
    match duty {
        Duty::Sequence => "arrange".to_owned(),
        Duty::Publish(shard) => format!("publish-{shard}"),
        Duty::Replay => "replay".to_owned(),
        Duty::Sagas => "sagas".to_owned(),
    }
}

/// Records that an instance lives, and counts all that do. An instance that lives for no time has signed
/// off.
pub(super) fn heartbeat<'c>(
    connection: &'c mut Connection,
    &(instance, lives_for): &'c (Guid, Duration),
) -> Running<'c, i64> {
    Box::pin(async move {
        let until = instances::expires_at.eq(from_now(lives_for));
        let known = instances::table.filter(instances::instance.eq(instance));
        if diesel::update(known).set(until).execute(connection).await? == 0 {
            diesel::insert_into(instances::table)
                .values((instances::instance.eq(instance), until))
                .execute(connection)
                .await?;
        }
        // Read first, then deleted by key: this waits for no row that another instance is writing.
        let long_dead = instances::expires_at.lt(ago(REMEMBERED));
        let dead: Vec<Guid> =
            instances::table.filter(long_dead).select(instances::instance).load(connection).await?;
        if !dead.is_empty() {
            let dead = instances::table.filter(instances::instance.eq_any(dead)).filter(long_dead);
            diesel::delete(dead).execute(connection).await?;
        }
        let others: i64 = instances::table
            .filter(instances::instance.ne(instance))
            .filter(instances::expires_at.gt(now()))
            .count()
            .get_result(connection)
            .await?;
        Ok(others.saturating_add(i64::from(!lives_for.is_zero())))
    })
}

/// The key of the row with the position up to which the journal is purged. It is never leased: a purge
/// locks it for one transaction.
pub(super) const PURGE: &str = "purge";

/// Takes or renews a lease by one compare-and-set; `None` when another instance has it.
pub(super) fn take<'c>(
    connection: &'c mut Connection,
    &(duty, instance, lasts): &'c (Duty, Guid, Duration),
) -> Running<'c, Option<Lease>> {
    Box::pin(async move {
        let ours = || leases::instance.eq(instance);
        let named = || leases::table.filter(leases::name.eq(name(duty)));
        #[expect(clippy::arithmetic_side_effects, reason = "the database counts, and checks")]
        let next_epoch = leases::epoch + 1;
        let free =
            named().filter(ours().or(leases::instance.is_null()).or(leases::expires_at.le(now())));
        let taken = diesel::update(free)
            .set((
                // The first assignment, because on MySQL the later ones see what it did.
                leases::epoch.eq(case_when(ours(), leases::epoch).otherwise(next_epoch)),
                leases::instance.eq(instance),
                leases::expires_at.eq(from_now(lasts)),
            ))
            .execute(connection)
            .await?;
        if taken == 0 {
            return Ok(None);
        }
        let found = named().filter(ours()).select((leases::epoch, leases::position));
        let found: Option<(i64, i64)> = found.first(connection).await.optional()?;
        Ok(found.map(|(epoch, position)| Lease { duty, instance: instance.0, epoch, position }))
    })
}

/// Gives a lease back, if it is still held.
pub(super) fn give_back<'c>(connection: &'c mut Connection, lease: &'c Lease) -> Running<'c, ()> {
    Box::pin(async move {
        let held = leases::table
            .filter(leases::name.eq(name(lease.duty)))
            .filter(leases::instance.eq(Guid(lease.instance)))
            .filter(leases::epoch.eq(lease.epoch));
        let free = (leases::instance.eq(None::<Guid>), leases::expires_at.eq(now()));
        diesel::update(held).set(free).execute(connection).await.map(drop)
    })
}

/// Locks a lease until the end of the transaction, and reads up to where its duty is done; `None` when
/// another instance has it. A lease that is over, but not taken, is still held.
pub(super) async fn hold(connection: &mut Connection, lease: &Lease) -> QueryResult<Option<i64>> {
    let Lease { duty, instance, epoch, .. } = *lease;
    let held = Hold { name: name(duty), holder: Some((Guid(instance), epoch)) };
    held.get_result(connection).await.optional()
}

/// Records up to where the duty of a lease is done; never moves back. In a transaction that holds it.
pub(super) async fn move_on(
    connection: &mut Connection,
    duty: Duty,
    position: i64,
) -> QueryResult<()> {
    move_on_row(connection, name(duty), position).await
}

/// The same for a row by its name.
pub(super) async fn move_on_row(
    connection: &mut Connection,
    name: String,
    position: i64,
) -> QueryResult<()> {
    let behind = leases::table.filter(leases::name.eq(name)).filter(leases::position.lt(position));
    let moved = leases::position.eq(position);
    diesel::update(behind).set(moved).execute(connection).await.map(drop)
}

/// Locks the row of the purge until the end of the transaction, and reads its position.
pub(super) async fn hold_purge(connection: &mut Connection) -> QueryResult<i64> {
    Hold { name: PURGE.to_owned(), holder: None }.get_result(connection).await
}

/// Reads the position of a row and locks it; only if it has the given holder and epoch, when there is one.
struct Hold {
    name: String,
    holder: Option<(Guid, i64)>,
}

impl Query for Hold {
    type SqlType = BigInt;
}

/// Prepared by its text, of which there is one with and one without a holder.
impl QueryId for Hold {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Dialect> for Hold {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Dialect>) -> QueryResult<()> {
        out.push_sql("SELECT position FROM leases WHERE name = ");
        out.push_bind_param::<Text, _>(&self.name)?;
        if let Some((instance, epoch)) = &self.holder {
            out.push_sql(" AND instance = ");
            out.push_bind_param::<sql_types::Guid, _>(instance)?;
            out.push_sql(" AND epoch = ");
            out.push_bind_param::<BigInt, _>(epoch)?;
        }
        out.push_sql(LOCKING);
        Ok(())
    }
}

/// Up to where each duty is done, by its name.
pub(super) async fn positions(connection: &mut Connection) -> QueryResult<HashMap<String, i64>> {
    let rows = leases::table.select((leases::name, leases::position)).load(connection).await?;
    Ok(rows.into_iter().collect())
}
