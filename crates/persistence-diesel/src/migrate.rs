//! Migrations of a database server. Those of SQLite are in its backend.

use std::time::Duration;

use diesel_async::{AsyncConnection, AsyncMigrationHarness};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};
use order_app::ports::BoxError;

/// How long a process waits for the lock of the migrations at most, including the time to reach the
/// server.
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// A newer release has run these migrations, and they say that older ones may not serve.
#[derive(Debug, thiserror::Error)]
#[error(
    "a newer release has changed the tables, and older ones may not serve beside that: {}; start \
     the newer release, or restore the backup from before it",
    .0.join(", ")
)]
pub(crate) struct TooOld(pub(crate) Vec<String>);

/// Runs the pending migrations and names them. The caller holds the lock.
pub(crate) fn run<C>(connection: C, migrations: EmbeddedMigrations) -> Result<Vec<String>, BoxError>
where
    C: AsyncConnection,
    AsyncMigrationHarness<C>: MigrationHarness<C::Backend>,
{
    let mut harness = AsyncMigrationHarness::new(connection);
    let done = harness.run_pending_migrations(migrations)?;
    Ok(done.iter().map(ToString::to_string).collect())
}
