//! Opens a database: its pools of connections, the writer, the readers, and the ports over all of them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bb8::{Pool, QueueStrategy};
use order_app::ports::{BoxError, Database, Entropy, PoolReport, Stores};
use tokio::runtime::Handle;

use crate::backend::{Backend, Ports, mysql, postgres, sqlite};
use crate::commit::limits::BatchLimits;
use crate::commit::queue::CommitQueue;
use crate::commit::writer::Writer;
use crate::executor::Executor;
use crate::ids::OrderIds;
use crate::pool::{self, Manager, Reporter};
use crate::read::lists::ListLookups;
use crate::read::lookups::OrderLookups;
use crate::retry::Retry;

/// Where the store is and how much of it one process may use.
#[derive(Clone)]
pub struct StoreSettings {
    /// `sqlite:PATH`, `postgres://user:password@host:port/database` or `mysql://…` (MySQL and
    /// MariaDB), percent-encoded.
    pub url: String,
    /// The most connections that are open at a time; at least 1.
    pub pool_size: u32,
    /// How long a request waits for a connection at most.
    pub connection_timeout: Duration,
    /// Whether changes that wait at the same time share a transaction. Otherwise each has a transaction
    /// of its own, and there are as many at a time as connections.
    pub group_commit: bool,
}

/// Hides the URL, which may hold a password.
impl fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreSettings").field("pool_size", &self.pool_size).finish_non_exhaustive()
    }
}

/// The URL belongs to no known kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the database URL must begin with sqlite:, postgres:// or mysql://")]
pub struct UnknownDatabase;

/// Why a database is not up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The URL belongs to no known kind of database.
    #[error(transparent)]
    UnknownDatabase(#[from] UnknownDatabase),
    /// The database was not reached, or refused.
    #[error("the database could not be migrated")]
    Failed(#[source] BoxError),
}

/// A kind of database, and where it is.
enum Location<'a> {
    Sqlite(&'a str),
    Postgres(&'a str),
    MySql(&'a str),
}

impl<'a> Location<'a> {
    fn of(url: &'a str) -> Result<Self, UnknownDatabase> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            Ok(Self::Sqlite(path.strip_prefix("//").unwrap_or(path)))
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Ok(Self::Postgres(url))
        } else if url.starts_with("mysql://") {
            Ok(Self::MySql(url))
        } else {
            Err(UnknownDatabase)
        }
    }
}

/// A database that was opened.
struct Opened {
    settings: StoreSettings,
    pools: Arc<dyn Fn() -> Vec<PoolReport> + Send + Sync>,
}

#[async_trait]
impl Database for Opened {
    async fn migrate(&self) -> Result<Vec<String>, BoxError> {
        Ok(migrate(&self.settings).await?)
    }

    fn pools(&self) -> Vec<PoolReport> {
        (self.pools)()
    }
}

/// How often pools look for connections that have been idle for too long.
const REAPER_RATE: Duration = Duration::from_secs(1);

/// Opens a database. It connects when it is first used, so the database may be down now. Connections
/// live on the runtime on which this is called.
///
/// # Errors
/// [`UnknownDatabase`].
pub fn open(
    settings: &StoreSettings,
    entropy: Arc<dyn Entropy>,
) -> Result<Stores, UnknownDatabase> {
    Ok(match Location::of(&settings.url)? {
        Location::Sqlite(path) => assemble(path, settings, entropy, sqlite::ports),
        Location::Postgres(url) => assemble(url, settings, entropy, postgres::ports),
        Location::MySql(url) => assemble(url, settings, entropy, mysql::ports),
    })
}

/// Runs the pending migrations and names them. Several processes at once take turns. Needs a
/// runtime with several threads.
///
/// # Errors
/// [`MigrateError`], each case by its name.
pub async fn migrate(settings: &StoreSettings) -> Result<Vec<String>, MigrateError> {
    let done = match Location::of(&settings.url)? {
        Location::Sqlite(path) => sqlite::migrate(path).await,
        Location::Postgres(url) => postgres::migrate(url).await,
        Location::MySql(url) => mysql::migrate(url).await,
    };
    done.map_err(MigrateError::Failed)
}

/// How a backend puts its ports together.
type MakePorts<B> =
    fn(Arc<Executor<B>>, CommitQueue, Arc<OrderIds>, OrderLookups, Option<ListLookups>) -> Ports;

fn assemble<B: Backend>(
    url: &str,
    settings: &StoreSettings,
    entropy: Arc<dyn Entropy>,
    ports: MakePorts<B>,
) -> Stores {
    let size = settings.pool_size.max(1);
    let readers = pool::<B>(url, size, settings.connection_timeout);
    let writers = B::WRITERS
        .map_or_else(|| readers.clone(), |writers| pool(url, writers, settings.connection_timeout));
    let pools = reports(&readers, size, &writers);
    let database = Arc::new(Opened { settings: settings.clone(), pools });
    let executor = Arc::new(Executor {
        readers,
        writers,
        retry: Retry::new(entropy, settings.pool_size),
        runtime: Handle::current(),
    });
    let ids = Arc::new(OrderIds::new());
    let (queue, reader) = CommitQueue::new(settings.group_commit);
    let limits = if !settings.group_commit {
        BatchLimits::apart(settings.pool_size)
    } else if B::WRITERS.is_some() {
        BatchLimits::ONE_WRITER
    } else {
        BatchLimits::up_to(settings.pool_size.div_euclid(2))
    };
    tokio::spawn(Writer::new(Arc::clone(&executor), Arc::clone(&ids)).run(reader, limits));
    let by_id = OrderLookups::of_orders(Arc::clone(&executor), settings.pool_size.div_euclid(4));
    let lists = ListLookups::of_lists(Arc::clone(&executor), settings.pool_size.div_euclid(2));
    let (orders, journal, inspection) = ports(executor, queue, ids, by_id, lists);
    Stores { orders, journal, inspection, database }
}

fn pool<B: Backend>(url: &str, size: u32, timeout: Duration) -> Pool<Manager<B>> {
    Pool::builder()
        .max_size(size.max(1))
        .connection_timeout(timeout)
        .idle_timeout(Some(B::IDLE))
        .reaper_rate(REAPER_RATE)
        // The last connection first: in turn, a few requests would keep all of them busy enough to
        // stay, or so idle that each finds its own too old.
        .queue_strategy(QueueStrategy::Lifo)
        .error_sink(Box::new(Reporter::default()))
        .build_unchecked(Manager::new(B::at(url)))
}

/// Reports on the one pool, or on both.
fn reports<B: Backend>(
    readers: &Pool<Manager<B>>,
    size: u32,
    writers: &Pool<Manager<B>>,
) -> Arc<dyn Fn() -> Vec<PoolReport> + Send + Sync> {
    let (readers, writers) = (readers.clone(), writers.clone());
    Arc::new(move || match B::WRITERS {
        None => vec![pool::report("connections", size, &readers)],
        Some(most) => {
            vec![pool::report("readers", size, &readers), pool::report("writer", most, &writers)]
        }
    })
}
