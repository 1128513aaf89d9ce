//! Runs statements: on a connection of the right pool, on the runtime that owns the connections, and
//! as often as it takes until a deadline. The statements themselves are in `sql/`.

use std::sync::Arc;

use bb8::Pool;
use diesel::result::Error;
use diesel_async::SimpleAsyncConnection as _;
use order_app::ports::{BoxError, Deadline, StoreError};
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};
use tokio::time::timeout_at;

use crate::adopt::Facts;
use crate::backend::{Backend, Query};
use crate::pool::{Manager, connection};
use crate::retry::{Retry, is_permanent, writes_nothing};

/// Access to one database.
pub(crate) struct Executor<B: Backend> {
    /// Connections that read.
    pub(crate) readers: Pool<Manager<B>>,
    /// Connections that write; the same pool where the database has more than one writer.
    pub(crate) writers: Pool<Manager<B>>,
    pub(crate) retry: Retry,
    /// The runtime on which the connections live.
    pub(crate) runtime: Handle,
    /// What was learned about the table of orders.
    pub(crate) facts: Arc<OnceCell<Facts>>,
    /// The places of pages that requests read.
    pub(crate) pages: Semaphore,
}

/// How a transaction is to end.
pub(crate) enum Ending<T> {
    /// With everything that it wrote.
    Keep(T),
    /// Without.
    Undo(T),
    /// Without, and then again, because another writer came in between.
    Again,
}

impl<B: Backend> Executor<B> {
    /// Runs statements that read.
    pub(crate) async fn read<A: Send + Sync + 'static, T: Send + 'static>(
        self: &Arc<Self>,
        deadline: Deadline,
        query: Query<B, A, T>,
        about: A,
    ) -> Result<T, StoreError> {
        let this = Arc::clone(self);
        self.spawn(async move { this.query(&this.readers, deadline, query, &about).await }).await
    }

    /// A place for one page that a request reads, held while it reads it. There are half as many as connections: pages may be
    /// large, and take their connections for long, and the other half is for everything else.
    pub(crate) async fn page_place(
        &self,
        deadline: Deadline,
    ) -> Result<SemaphorePermit<'_>, StoreError> {
        match timeout_at(deadline, self.pages.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(closed)) => Err(StoreError::Unavailable(closed.into())),
            Err(elapsed) => Err(StoreError::Unavailable(elapsed.into())),
        }
    }

    /// Runs statements that write and may be repeated, each a transaction of its own.
    pub(crate) async fn write<A: Send + Sync + 'static, T: Send + 'static>(
        self: &Arc<Self>,
        deadline: Deadline,
        query: Query<B, A, T>,
        about: A,
    ) -> Result<T, StoreError> {
        let this = Arc::clone(self);
        self.spawn(async move { this.query(&this.writers, deadline, query, &about).await }).await
    }

    /// Runs statements in one transaction.
    pub(crate) async fn transact<A: Send + Sync + 'static, T: Send + 'static>(
        self: &Arc<Self>,
        deadline: Deadline,
        query: Query<B, A, Ending<T>>,
        about: A,
    ) -> Result<T, StoreError> {
        let this = Arc::clone(self);
        let transaction = async move {
            let mut tries = this.retry.tries(deadline);
            let mut in_doubt = false;
            loop {
                let attempt = this.attempt_to_transact(query, &about, &mut in_doubt);
                match tries.attempt(attempt).await {
                    Ok(None) => {}
                    Ok(Some(result)) => return Ok(result),
                    Err(error) => return Err(unfinished(error, in_doubt)),
                }
            }
        };
        let done = self.runtime.spawn(transaction).await;
        done.unwrap_or_else(|stopped| Err(StoreError::OutcomeUnknown(stopped.into())))
    }

    /// Does something on the runtime of the connections. It goes on when its caller goes away, so
    /// that no connection is left in the middle of an answer.
    pub(crate) async fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let done = self.runtime.spawn(work).await;
        done.unwrap_or_else(|stopped| Err(StoreError::Unavailable(stopped.into())))
    }

    /// Runs statements on the runtime of the caller, again when the connection turns out to be dead,
    /// until the deadline.
    pub(crate) async fn query<A: Sync + ?Sized, T>(
        &self,
        pool: &Pool<Manager<B>>,
        deadline: Deadline,
        query: Query<B, A, T>,
        about: &A,
    ) -> Result<T, StoreError> {
        let mut tries = self.retry.tries(deadline);
        loop {
            let attempt = attempt(pool, query, about);
            if let Some(result) = tries.attempt(attempt).await.map_err(StoreError::Unavailable)? {
                return result.map_err(StoreError::Corrupt);
            }
        }
    }

    /// One attempt at a transaction. `in_doubt` is set while the outcome of an earlier COMMIT is open.
    async fn attempt_to_transact<A: Sync, T>(
        &self,
        query: Query<B, A, Ending<T>>,
        about: &A,
        in_doubt: &mut bool,
    ) -> Result<Option<T>, BoxError> {
        let mut guarded = connection(&self.writers).await?;
        let connection = guarded.begin();
        connection.batch_execute(B::BEGIN).await?;
        let result = match query(connection, about).await? {
            Ending::Keep(result) => {
                let doubted = std::mem::replace(in_doubt, true);
                let committed = connection.batch_execute("COMMIT").await;
                // A database that takes no writes now has not taken these. The connection is closed after any error.
                *in_doubt = match &committed {
                    Ok(()) => doubted,
                    Err(error) => doubted || !writes_nothing(error),
                };
                committed?;
                Some(result)
            }
            Ending::Undo(result) => {
                connection.batch_execute("ROLLBACK").await?;
                Some(result)
            }
            Ending::Again => {
                connection.batch_execute("ROLLBACK").await?;
                None
            }
        };
        guarded.finish();
        Ok(result)
    }
}

/// One attempt. A row that cannot be read is a result: it would not be readable the next time.
async fn attempt<B: Backend, A: Sync + ?Sized, T>(
    pool: &Pool<Manager<B>>,
    query: Query<B, A, T>,
    about: &A,
) -> Result<Option<Result<T, BoxError>>, BoxError> {
    let mut guarded = connection(pool).await?;
    match query(guarded.begin(), about).await {
        Ok(result) => {
            guarded.finish();
            Ok(Some(Ok(result)))
        }
        Err(Error::DeserializationError(error)) => Ok(Some(Err(error))),
        Err(error) => Err(error.into()),
    }
}

/// The failure of a write that had no success by its deadline.
pub(crate) fn unfinished(error: BoxError, in_doubt: bool) -> StoreError {
    match error {
        error if in_doubt => StoreError::OutcomeUnknown(error),
        error if is_permanent(&*error) => StoreError::Refused(error),
        error => StoreError::Unavailable(error),
    }
}
