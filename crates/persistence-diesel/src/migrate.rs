//! Bringing a database server up to date. SQLite has its own way, in its backend.

use std::time::Duration;

use diesel_async::{AsyncConnection, AsyncMigrationHarness};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};
use order_app::ports::BoxError;

/// The longest that a process waits for its turn, the time to reach the server included. Whoever
/// wants to migrate all the same tries again.
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs what is pending and says what that was. The caller holds the lock.
pub(crate) fn run<C>(connection: C, migrations: EmbeddedMigrations) -> Result<Vec<String>, BoxError>
where
    C: AsyncConnection,
    AsyncMigrationHarness<C>: MigrationHarness<C::Backend>,
{
    let mut harness = AsyncMigrationHarness::new(connection);
    let done = harness.run_pending_migrations(migrations)?;
    Ok(done.iter().map(ToString::to_string).collect())
}
