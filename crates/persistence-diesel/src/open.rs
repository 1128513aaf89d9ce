//! Opens a database: its pools of connections, the writer, the readers, and the ports over all of them.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bb8::{Pool, QueueStrategy};
use diesel::QueryResult;
use order_app::ports::{
    BoxError, CheckedOrders, Database, Entropy, Extent, Finding, PoolReport, Stores,
};
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, Semaphore};

use crate::adopt::{Facts, Needs};
use crate::backend::{Access, Backend, Ports, mysql, postgres, sqlite};
use crate::commit::limits::BatchLimits;
use crate::commit::queue::CommitQueue;
use crate::commit::writer::Writer;
use crate::executor::Executor;
use crate::ids::OrderIds;
use crate::pool::Connect as _;
use crate::pool::{self, Manager, Reporter};
use crate::read::Reads;
use crate::read::lists::ListLookups;
use crate::read::lookups::{OrderLookups, SagaLookups};
use crate::retry::Retry;
use crate::rows::unreadable_rows;
use crate::tls::Tls;

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
    /// The most decimals that amounts have, by the currencies that are accepted.
    pub decimals: u32,
    /// The schema of PostgreSQL that holds the tables; `None`: the first of the server's search path. It must be there.
    pub schema: Option<String>,
    /// Whether the password may be sent to any server that asks for it in clear text. One that is checked by TLS gets it
    /// in any case.
    pub clear_text_password: bool,
    /// How connections to a server are encrypted, if they are.
    pub tls: Option<Tls>,
    /// The time zone in which another service stores times without zone; `None`: UTC.
    pub time_zone: Option<String>,
}

impl StoreSettings {
    /// How the server is used, beside what the URL says.
    fn access(&self) -> Access<'_> {
        Access {
            schema: self.schema.as_deref(),
            clear_text_password: self.clear_text_password,
            tls: self.tls.as_ref(),
        }
    }

    /// What an existing table of orders must meet.
    fn needs(&self) -> Needs {
        Needs::new(self.decimals, self.time_zone.as_deref())
    }
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

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL belongs to no known kind of database.
    #[error(transparent)]
    UnknownDatabase(#[from] UnknownDatabase),
    /// A file of certificates is of no use.
    #[error("connections to the database cannot be encrypted")]
    Tls(#[source] BoxError),
}

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

/// Opens one connection, and does the same on each kind of database with its own statements.
macro_rules! on_connection {
    ($settings:expr, $connection:ident, $backend:ident => $work:expr) => {
        match Location::of(&$settings.url)? {
            Location::Sqlite(path) => {
                use sqlite as $backend;
                let mut $connection =
                    sqlite::Database::at(path, Access::default())?.connect().await?;
                $work
            }
            Location::Postgres(url) => {
                use postgres as $backend;
                let mut $connection =
                    postgres::Database::at(url, $settings.access())?.connect().await?;
                $work
            }
            Location::MySql(url) => {
                use mysql as $backend;
                let mut $connection =
                    mysql::Database::at(url, $settings.access())?.connect().await?;
                $work
            }
        }
    };
}

/// A database that was opened.
struct Opened {
    settings: StoreSettings,
    /// What was learned about the table of orders.
    facts: Arc<OnceCell<Facts>>,
    pools: Arc<dyn Fn() -> Vec<PoolReport> + Send + Sync>,
}

#[async_trait]
impl Database for Opened {
    async fn migrate(&self, extent: Extent) -> Result<Vec<String>, BoxError> {
        let done = migrate(&self.settings, extent).await?;
        self.learn().await?;
        Ok(done)
    }

    async fn inspect(&self) -> Result<Option<Vec<Finding>>, BoxError> {
        if self.is_missing_file()? {
            return Ok(None);
        }
        let found: Result<_, BoxError> = on_connection!(self.settings, connection, backend => {
            backend::adoption::look(&mut connection, &self.settings.needs()).await
        });
        let found = found?;
        if found.as_ref().is_some_and(Vec::is_empty) {
            // A table that is not migrated yet tells nothing.
            let _ = self.learn().await;
        }
        Ok(found)
    }

    async fn pending(&self) -> Result<Vec<String>, BoxError> {
        if self.is_missing_file()? {
            let all = sqlite::migrations::all()?;
            return Ok(all.into_iter().map(|(_, name)| name).collect());
        }
        on_connection!(self.settings, connection, backend => {
            backend::migrations::pending(&mut connection).await
        })
    }

    async fn cautions(&self) -> Result<Vec<String>, BoxError> {
        if self.is_missing_file()? {
            return Ok(vec![]);
        }
        on_connection!(self.settings, connection, backend => {
            backend::adoption::cautions(&mut connection).await
        })
    }

    async fn check_orders(
        &self,
        at_a_time: u32,
        tell: &mut (dyn FnMut(CheckedOrders) + Send),
    ) -> Result<(), BoxError> {
        let checked: QueryResult<()> = on_connection!(self.settings, connection, backend => {
            backend::adoption::check_orders(&mut connection, at_a_time, tell).await
        });
        Ok(checked?)
    }

    fn time_decimals(&self) -> u16 {
        self.facts.get().map_or(0, |facts| facts.time_decimals)
    }

    fn pools(&self) -> Vec<PoolReport> {
        (self.pools)()
    }
}

impl Opened {
    /// Whether the database is a file that is not there: connecting would make it.
    fn is_missing_file(&self) -> Result<bool, UnknownDatabase> {
        let location = Location::of(&self.settings.url)?;
        Ok(matches!(location, Location::Sqlite(path) if !Path::new(path).exists()))
    }

    /// Learns about the table, once.
    async fn learn(&self) -> Result<(), BoxError> {
        let learn = async || {
            let facts: QueryResult<_> = on_connection!(self.settings, connection, backend => {
                backend::adoption::facts(&mut connection, &()).await
            });
            Ok::<_, BoxError>(facts?)
        };
        self.facts.get_or_try_init(learn).await.map(|_| ())
    }
}

/// How often pools look for connections that have been idle for too long.
const REAPER_RATE: Duration = Duration::from_secs(1);

/// Opens a database. It connects when it is first used, so the database may be down now. Connections
/// live on the runtime on which this is called.
///
/// # Errors
/// [`OpenError`], each case by its name.
pub fn open(settings: &StoreSettings, entropy: Arc<dyn Entropy>) -> Result<Stores, OpenError> {
    let stores = match Location::of(&settings.url)? {
        Location::Sqlite(path) => assemble(path, settings, entropy, sqlite::ports),
        Location::Postgres(url) => assemble(url, settings, entropy, postgres::ports),
        Location::MySql(url) => assemble(url, settings, entropy, mysql::ports),
    };
    stores.map_err(OpenError::Tls)
}

/// Adapts existing tables, runs the pending migrations, and names what it did. Several processes at once
/// take turns. Needs a runtime with several threads.
///
/// # Errors
/// [`MigrateError`], each case by its name.
pub async fn migrate(
    settings: &StoreSettings,
    extent: Extent,
) -> Result<Vec<String>, MigrateError> {
    let needs = settings.needs();
    let done = match Location::of(&settings.url)? {
        Location::Sqlite(path) => sqlite::migrate(path, &needs, extent).await,
        Location::Postgres(url) => {
            let database = postgres::Database::at(url, settings.access());
            let database = database.map_err(MigrateError::Failed)?;
            postgres::migrate(&database, &needs, extent).await
        }
        Location::MySql(url) => {
            let database = mysql::Database::at(url, settings.access());
            let database = database.map_err(MigrateError::Failed)?;
            mysql::migrate(&database, &needs, extent).await
        }
    };
    done.map_err(MigrateError::Failed)
}

/// How a backend puts its ports together.
type MakePorts<B> = fn(Arc<Executor<B>>, CommitQueue, Arc<OrderIds>, Reads) -> Ports;

fn assemble<B: Backend>(
    url: &str,
    settings: &StoreSettings,
    entropy: Arc<dyn Entropy>,
    ports: MakePorts<B>,
) -> Result<Stores, BoxError> {
    let size = settings.pool_size.max(1);
    let pool = |size| {
        let database = B::at(url, settings.access())?;
        Ok::<_, BoxError>(pool(database, size, settings.connection_timeout))
    };
    let readers = pool(size)?;
    let writers = B::WRITERS.map_or_else(|| Ok(readers.clone()), pool)?;
    let pools = reports(&readers, size, &writers);
    let facts = Arc::new(OnceCell::new());
    // The metric is there from the start.
    unreadable_rows().increment(0);
    let database =
        Arc::new(Opened { settings: settings.clone(), facts: Arc::clone(&facts), pools });
    let executor = Arc::new(Executor {
        readers,
        writers,
        retry: Retry::new(entropy, settings.pool_size),
        runtime: Handle::current(),
        facts,
        pages: Semaphore::new(usize::try_from(size.div_ceil(2)).unwrap_or(1)),
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
    let (writer, lane) = Writer::new(Arc::clone(&executor), Arc::clone(&ids), settings.pool_size);
    tokio::spawn(writer.run(reader, lane, limits));
    let (quarter, half) = (settings.pool_size.div_euclid(4), settings.pool_size.div_euclid(2));
    let reads = Reads {
        orders: OrderLookups::of_orders(Arc::clone(&executor), quarter),
        lists: ListLookups::of_lists(Arc::clone(&executor), half),
        sagas: SagaLookups::of_sagas(Arc::clone(&executor), quarter),
    };
    let (orders, sagas, journal, inspection) = ports(executor, queue, ids, reads);
    Ok(Stores { orders, sagas, journal, inspection, database })
}

fn pool<B: Backend>(database: B, size: u32, timeout: Duration) -> Pool<Manager<B>> {
    Pool::builder()
        .max_size(size.max(1))
        .connection_timeout(timeout)
        .idle_timeout(Some(B::IDLE))
        .reaper_rate(REAPER_RATE)
        // The last connection first: in turn, a few requests would keep all of them busy enough to
        // stay, or so idle that each finds its own too old.
        .queue_strategy(QueueStrategy::Lifo)
        .error_sink(Box::new(Reporter::default()))
        .build_unchecked(Manager::new(database))
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
