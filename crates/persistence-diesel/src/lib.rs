//! The order store and the event journal on SQLite, PostgreSQL, MySQL and MariaDB, from one source.
//!
//! [`open`] gives an [`OrderStore`] and an [`EventJournal`] for a URL, [`migrate`] brings its
//! database up to date. The statements stand once, in `statements.rs` and `journal/`, and are
//! compiled for each backend; the laws of the ports are checked by the contract suites of
//! `order-testkit` on every one of them.

#![expect(clippy::duplicate_mod, reason = "one source of all statements, compiled per backend")]

mod backend;
mod commit;
mod ids;
mod migrate;
mod pool;
mod retry;
mod rows;
mod schema;
mod types;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use order_app::ports::{BoxError, Entropy, EventJournal, JournalInspection, OrderStore};
use tokio::runtime::Handle;

pub use crate::pool::PoolReport;

use crate::backend::{mysql, postgres, sqlite};
use crate::commit::limits::Turns;
use crate::commit::queue::Line;
use crate::ids::OrderIds;
use crate::pool::{Connect as _, Manager, Reporter};
use crate::retry::Retry;

/// Where the store is and how much of it one process may use.
#[derive(Clone)]
pub struct StoreSettings {
    /// `sqlite:PATH`, `postgres://user:password@host:port/database` or `mysql://…` (MySQL and
    /// MariaDB), percent-encoded.
    pub url: String,
    /// The most connections that are open at a time, at least 1.
    pub pool_size: u32,
    /// The longest that a request waits for a connection.
    pub connection_timeout: Duration,
    /// Whether changes that wait at the same time share a transaction. Without it each has one of
    /// its own, as many at a time as there are connections.
    pub group_commit: bool,
}

/// Hides the URL, which may hold a password.
impl fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreSettings").field("pool_size", &self.pool_size).finish_non_exhaustive()
    }
}

/// A URL of no database that is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the database URL must begin with sqlite:, postgres:// or mysql://")]
pub struct UnknownDatabase;

/// Why a database is not up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The URL is of no known database.
    #[error(transparent)]
    UnknownDatabase(#[from] UnknownDatabase),
    /// The database was not reached, or refused.
    #[error("the database could not be migrated")]
    Failed(#[source] BoxError),
}

enum Location<'a> {
    Sqlite(&'a str),
    Postgres(&'a str),
    MySql(&'a str),
}

fn locate(url: &str) -> Result<Location<'_>, UnknownDatabase> {
    if let Some(path) = url.strip_prefix("sqlite:") {
        Ok(Location::Sqlite(path.strip_prefix("//").unwrap_or(path)))
    } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        Ok(Location::Postgres(url))
    } else if url.starts_with("mysql://") {
        Ok(Location::MySql(url))
    } else {
        Err(UnknownDatabase)
    }
}

/// What one database keeps, behind its ports.
#[derive(Clone)]
pub struct Stores {
    /// Orders, their events and idempotent answers.
    pub orders: Arc<dyn OrderStore>,
    /// The places of the events. It shares the connections of the order store.
    pub journal: Arc<dyn EventJournal>,
    /// The same journal, for operators.
    pub inspection: Arc<dyn JournalInspection>,
    /// How the pools of connections do, now.
    pub pools: Arc<dyn Fn() -> Vec<PoolReport> + Send + Sync>,
}

/// How often pools look for connections that nobody uses any more.
const REAPER_RATE: Duration = Duration::from_secs(1);

macro_rules! stores {
    ($backend:ident, $url:expr, $settings:expr, $writers:expr, $entropy:expr) => {{
        let pool = |size: u32| {
            let backend = $backend::Backend { url: $url.to_owned() };
            bb8::Pool::builder()
                .max_size(size.max(1))
                .connection_timeout($settings.connection_timeout)
                .idle_timeout(Some($backend::Backend::IDLE))
                .reaper_rate(REAPER_RATE)
                // The last one first: in turn, a few requests would keep all of them busy enough
                // to stay, or so idle that each finds its own too old.
                .queue_strategy(bb8::QueueStrategy::Lifo)
                .error_sink(Box::new(Reporter::default()))
                .build_unchecked(Manager::new(backend))
        };
        let readers = pool($settings.pool_size);
        let writers = $writers.map_or_else(|| readers.clone(), pool);
        let retry = Arc::new(Retry::new($entropy, $settings.pool_size));
        let ids = Arc::new(OrderIds::new());
        let (line, head) = Line::new($settings.group_commit);
        let writer = $backend::Writer {
            pool: writers.clone(),
            ids: ids.clone(),
            retry: retry.clone(),
            turns: if !$settings.group_commit {
                Turns::apart($settings.pool_size)
            } else if $writers.is_some() {
                Turns::ONE_WRITER
            } else {
                Turns::up_to($settings.pool_size.div_euclid(2))
            },
            sizes: metrics::histogram!("order_commit_batch_size"),
        };
        let pools: Arc<dyn Fn() -> Vec<PoolReport> + Send + Sync> = {
            let (readers, writers) = (readers.clone(), writers.clone());
            let (size, apart) = ($settings.pool_size.max(1), $writers);
            let name = if apart.is_some() { "readers" } else { "connections" };
            Arc::new(move || {
                let apart = apart.map(|size| pool::report("writer", size, &writers));
                std::iter::once(pool::report(name, size, &readers)).chain(apart).collect()
            })
        };
        let runtime = Handle::current();
        runtime.spawn(writer.run(head));
        let (half, quarter) =
            ($settings.pool_size.div_euclid(2), $settings.pool_size.div_euclid(4));
        let by_id = $backend::OrderLookups::of_orders(readers.clone(), retry.clone(), quarter);
        let lists = $backend::ListLookups::of_lists(readers.clone(), retry.clone(), half);
        let journal = Arc::new($backend::Journal {
            readers: readers.clone(),
            writers: writers.clone(),
            retry: retry.clone(),
            runtime: runtime.clone(),
        });
        let orders =
            Arc::new($backend::Store { readers, writers, by_id, lists, line, ids, retry, runtime });
        Stores { orders, inspection: journal.clone(), journal, pools }
    }};
}

/// Opens a database. It connects when it is first used, so the database may be down now. Connections
/// live on the runtime on which this is called.
///
/// # Errors
/// [`UnknownDatabase`].
pub fn open(
    settings: &StoreSettings,
    entropy: Arc<dyn Entropy>,
) -> Result<Stores, UnknownDatabase> {
    let shared: Option<u32> = None;
    Ok(match locate(&settings.url)? {
        // SQLite has one writer at a time; those who wait for it do so in our own, fair, queue.
        Location::Sqlite(path) => stores!(sqlite, path, settings, Some(1), entropy),
        Location::Postgres(url) => stores!(postgres, url, settings, shared, entropy),
        Location::MySql(url) => stores!(mysql, url, settings, shared, entropy),
    })
}

/// Runs the pending migrations and names them. Several processes at once take turns. Needs a
/// runtime with several threads.
///
/// # Errors
/// [`MigrateError`], each case by its name.
pub async fn migrate(settings: &StoreSettings) -> Result<Vec<String>, MigrateError> {
    let done = match locate(&settings.url)? {
        Location::Sqlite(path) => sqlite::migrate(path).await,
        Location::Postgres(url) => postgres::migrate(url).await,
        Location::MySql(url) => mysql::migrate(url).await,
    };
    done.map_err(MigrateError::Failed)
}
