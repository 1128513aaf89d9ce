//! Connections: opened on the main runtime, lent to one piece of work at a time, and closed when that
//! work did not end. The statements are not here.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bb8::{ErrorSink, ManageConnection, Pool, PooledConnection, RunError};
use order_app::errors::chain;
use order_app::ports::{BoxError, PoolReport};
use tokio::runtime::Handle;
use tokio::time::Instant;

/// The longest time that opening one connection may take, for each host. A stopped server still accepts connections
/// and then sends nothing.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How a backend makes its connections.
pub(crate) trait Connect: Send + Sync + 'static {
    /// The connection.
    type Connection: Send + 'static;

    /// How long an idle connection is kept. It is clearly shorter than the time after which the server,
    /// by our set-up, closes an idle connection.
    const IDLE: Duration;

    /// How many hosts are tried, one after the other.
    fn hosts(&self) -> u32 {
        1
    }

    /// Opens a connection and sets it up: isolation level, time-outs, time zone.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, BoxError>> + Send;

    /// How often it came into doubt whether the connections are as they seemed. Those from before the last doubt are not
    /// used again.
    fn doubts(&self) -> u32 {
        0
    }

    /// Asks the server about a new connection.
    fn introduce(
        _connection: &mut Self::Connection,
    ) -> impl Future<Output = Result<Introduction, BoxError>> + Send {
        std::future::ready(Ok(Introduction::default()))
    }

    /// Whether the server is known to have closed it. Cheap: it sends nothing.
    fn is_closed(connection: &mut Self::Connection) -> bool;
}

/// What a server says of a new connection; nothing where that makes no difference.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Introduction {
    /// Its number, by which another connection may stop its statement.
    pub(crate) number: Option<i64>,
    /// The most bytes of one statement, with its values.
    pub(crate) most_bytes: Option<usize>,
}

/// A connection, and whether a piece of work on it has not ended.
pub(crate) struct Guarded<C> {
    /// The connection itself.
    pub(crate) connection: C,
    /// What the server said of it.
    pub(crate) introduction: Introduction,
    busy: bool,
    /// The count of doubts when it was opened.
    doubts: u32,
    /// When the last piece of work ended.
    idle_since: Instant,
}

impl<C> Guarded<C> {
    fn new(connection: C, introduction: Introduction, doubts: u32) -> Self {
        Self { connection, introduction, busy: false, doubts, idle_since: Instant::now() }
    }

    /// Begins a piece of work. Until [`Guarded::finish`] the connection is in an unknown state: dropping
    /// it in between, by a time-out or an error, closes it, and the database rolls back.
    pub(crate) fn begin(&mut self) -> &mut C {
        self.busy = true;
        &mut self.connection
    }

    /// Ends a piece of work: no transaction is open.
    pub(crate) fn finish(&mut self) {
        self.busy = false;
        self.idle_since = Instant::now();
    }

    /// Whether no piece of work is under way.
    pub(crate) fn is_finished(&self) -> bool {
        !self.busy
    }
}

/// Opens connections for the pool.
pub(crate) struct Manager<B> {
    backend: Arc<B>,
    runtime: Handle,
}

impl<B: Connect> Manager<B> {
    /// Connections will live on the current runtime, because their tasks must outlive the workers of an
    /// HTTP server that use them.
    pub(crate) fn new(backend: B) -> Self {
        Self { backend: Arc::new(backend), runtime: Handle::current() }
    }
}

impl<B: Connect> ManageConnection for Manager<B> {
    type Connection = Guarded<B::Connection>;
    type Error = BoxError;

    async fn connect(&self) -> Result<Self::Connection, BoxError> {
        let backend = Arc::clone(&self.backend);
        let doubts = backend.doubts();
        let patience = CONNECT_TIMEOUT.saturating_mul(backend.hosts());
        let open = async move {
            let mut connection = backend.connect().await?;
            let introduction = B::introduce(&mut connection).await?;
            Ok::<_, BoxError>(Guarded::new(connection, introduction, doubts))
        };
        let opening = self.runtime.spawn(async move { tokio::time::timeout(patience, open).await });
        opening.await??
    }

    async fn is_valid(&self, guarded: &mut Self::Connection) -> Result<(), BoxError> {
        if self.has_broken(guarded) {
            return Err("the connection is closed".into());
        }
        // The pool looks for idle connections from time to time only, and not while the process is
        // halted.
        if guarded.idle_since.elapsed() >= B::IDLE { Err(Stale.into()) } else { Ok(()) }
    }

    fn has_broken(&self, guarded: &mut Self::Connection) -> bool {
        guarded.busy
            || guarded.doubts != self.backend.doubts()
            || B::is_closed(&mut guarded.connection)
    }
}

/// The connection was closed because it was idle for long, which is no failure.
#[derive(Debug, thiserror::Error)]
#[error("the connection was idle for too long")]
struct Stale;

/// Logs why connections cannot be opened: a request that waits for one only learns that there is none.
/// The same cause is logged once, and again when it lasts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reporter(Arc<Mutex<Option<(String, Instant)>>>);

/// How long the same cause is not logged again.
const REPORTED_FOR: Duration = Duration::from_secs(10);

impl ErrorSink<BoxError> for Reporter {
    fn sink(&self, error: BoxError) {
        if error.is::<Stale>() {
            return;
        }
        let cause = chain(&*error);
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = |(said, at): &(String, Instant)| *said == cause && at.elapsed() < REPORTED_FOR;
        if !last.as_ref().is_some_and(known) {
            tracing::warn!(cause, "cannot connect to the database");
            *last = Some((cause, Instant::now()));
        }
    }

    fn boxed_clone(&self) -> Box<dyn ErrorSink<BoxError>> {
        Box::new(self.clone())
    }
}

pub(crate) fn report<B: Connect>(
    name: &'static str,
    max: u32,
    pool: &Pool<Manager<B>>,
) -> PoolReport {
    let state = pool.state();
    let counts = &state.statistics;
    let done = [counts.get_direct, counts.get_waited, counts.get_timed_out];
    let waiting = done.into_iter().fold(counts.get_started, u64::saturating_sub);
    let (open, idle) = (state.connections, state.idle_connections);
    PoolReport { name, max, open, idle, waiting, timed_out: counts.get_timed_out }
}

/// Takes a connection from a pool for one piece of work.
pub(crate) async fn connection<B: Connect>(
    pool: &Pool<Manager<B>>,
) -> Result<PooledConnection<'_, Manager<B>>, BoxError> {
    pool.get().await.map_err(|error| match error {
        RunError::User(error) => error,
        RunError::TimedOut => "no connection was free or could be opened in time".into(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::time::advance;

    use super::*;

    #[derive(Default)]
    struct Numbering {
        opened: AtomicU32,
        doubts: Arc<AtomicU32>,
    }

    impl Connect for Numbering {
        type Connection = u32;

        const IDLE: Duration = Duration::from_secs(3);

        async fn connect(&self) -> Result<u32, BoxError> {
            Ok(self.opened.fetch_add(1, Ordering::Relaxed))
        }

        fn doubts(&self) -> u32 {
            self.doubts.load(Ordering::Relaxed)
        }

        fn is_closed(_: &mut u32) -> bool {
            false
        }
    }

    async fn use_one(pool: &Pool<Manager<Numbering>>) -> u32 {
        let mut guarded = connection(pool).await.expect("a connection");
        let number = *guarded.begin();
        guarded.finish();
        number
    }

    #[tokio::test]
    async fn connections_from_before_a_doubt_are_not_used_again() {
        let backend = Numbering::default();
        let doubts = Arc::clone(&backend.doubts);
        let pool = Pool::builder().build_unchecked(Manager::new(backend));
        assert_eq!(use_one(&pool).await, 0);
        doubts.store(1, Ordering::Relaxed);
        assert_eq!(use_one(&pool).await, 1);
        assert_eq!(use_one(&pool).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_was_idle_for_too_long_is_not_used_again() {
        let reporter = Reporter::default();
        let pool = Pool::builder()
            .error_sink(Box::new(reporter.clone()))
            .build_unchecked(Manager::new(Numbering::default()));
        assert_eq!(use_one(&pool).await, 0);
        for _ in 0..3 {
            advance(Duration::from_millis(2_900)).await;
            assert_eq!(use_one(&pool).await, 0, "it is used often enough");
        }
        // The pool itself does not notice, because its own clock does not move here, as in a process
        // that was halted.
        advance(Duration::from_secs(3)).await;
        assert_eq!(use_one(&pool).await, 1);
        assert!(reporter.0.lock().expect("not poisoned").is_none(), "nothing is wrong");
    }
}
