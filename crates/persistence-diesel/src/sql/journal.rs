//! The event journal: when its statements run, in which transaction, how often and for how long.
//! Compiled once as a part of each backend, like `statements.rs`; its own statements are in the
//! files of `journal/`.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bb8::Pool;
use chrono::{DateTime, Utc};
use diesel_async::SimpleAsyncConnection as _;
use order_app::ports::{
    Backlog, BoxError, Deadline, Duty, EventJournal, JournalEntry, Lease, Leased, Parked, Progress,
    Purged, StoreError, Unreadable,
};
use order_domain::{OrderId, Version};
use tokio::runtime::Handle;
use uuid::Uuid;

use super::statements::Query;
use super::store::read_until;
use super::{BEGIN, Backend};
use crate::pool::{Manager, connection};
use crate::retry::Retry;
use crate::types::Guid;

#[path = "journal/backlog.rs"]
mod backlog;
#[path = "journal/clock.rs"]
mod clock;
#[path = "journal/inspection.rs"]
mod inspection;
#[path = "journal/leases.rs"]
mod leases;
#[path = "journal/parking.rs"]
mod parking;
#[path = "journal/positions.rs"]
mod positions;
#[path = "journal/purge.rs"]
mod purge;

/// The event journal on one database.
pub(crate) struct Journal {
    /// Connections that read.
    pub(crate) readers: Pool<Manager<Backend>>,
    /// Connections that write; the same as those of the order store.
    pub(crate) writers: Pool<Manager<Backend>>,
    pub(crate) retry: Arc<Retry>,
    /// The runtime on which connections live.
    pub(crate) runtime: Handle,
}

/// How a transaction is to end.
enum Ending<T> {
    /// With everything that it wrote.
    Keep(T),
    /// Without.
    Undo(T),
    /// Without, and then it is to be tried again: somebody came in between.
    Again,
}

impl Journal {
    /// Runs statements that read.
    async fn read<A, T>(
        &self,
        deadline: Deadline,
        query: Query<A, T>,
        about: A,
    ) -> Result<T, StoreError>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.run(&self.readers, deadline, query, about).await
    }

    /// Runs statements that write and may be repeated, each a transaction of its own.
    async fn write<A, T>(
        &self,
        deadline: Deadline,
        query: Query<A, T>,
        about: A,
    ) -> Result<T, StoreError>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.run(&self.writers, deadline, query, about).await
    }

    /// Runs statements on the runtime of the connections: they go on when their caller goes away.
    async fn run<A, T>(
        &self,
        pool: &Pool<Manager<Backend>>,
        deadline: Deadline,
        query: Query<A, T>,
        about: A,
    ) -> Result<T, StoreError>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        let (pool, retry) = (pool.clone(), Arc::clone(&self.retry));
        let running = async move { read_until(deadline, &pool, &retry, query, &about).await };
        let done = self.runtime.spawn(running).await;
        done.unwrap_or_else(|stopped| Err(StoreError::Unavailable(stopped.into())))
    }

    /// Runs statements in one transaction, on the same runtime.
    async fn transact<A, T>(
        &self,
        deadline: Deadline,
        work: Query<A, Ending<T>>,
        about: A,
    ) -> Result<T, StoreError>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        let (writers, retry) = (self.writers.clone(), Arc::clone(&self.retry));
        let transaction = async move {
            let mut tries = retry.tries(deadline);
            let mut in_doubt = false;
            loop {
                let attempt = attempt_to_transact(&writers, work, &about, &mut in_doubt);
                match tries.run(attempt).await {
                    Ok(None) => {}
                    Ok(Some(result)) => return Ok(result),
                    Err(error) if in_doubt => return Err(StoreError::OutcomeUnknown(error)),
                    Err(error) => return Err(StoreError::Unavailable(error)),
                }
            }
        };
        let done = self.runtime.spawn(transaction).await;
        done.unwrap_or_else(|stopped| Err(StoreError::OutcomeUnknown(stopped.into())))
    }
}

/// One attempt at a transaction. `in_doubt` is set for as long as it is open what came of an
/// earlier COMMIT.
async fn attempt_to_transact<A: Sync, T>(
    writers: &Pool<Manager<Backend>>,
    work: Query<A, Ending<T>>,
    about: &A,
    in_doubt: &mut bool,
) -> Result<Option<T>, BoxError> {
    let mut slot = connection(writers).await?;
    let connection = slot.begin();
    connection.batch_execute(BEGIN).await?;
    let result = match work(connection, about).await? {
        Ending::Keep(result) => {
            let doubted = std::mem::replace(in_doubt, true);
            connection.batch_execute("COMMIT").await?;
            *in_doubt = doubted;
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
    slot.done();
    Ok(result)
}

#[async_trait]
impl EventJournal for Journal {
    async fn heartbeat(
        &self,
        instance: Uuid,
        lives_for: Duration,
        deadline: Deadline,
    ) -> Result<u32, StoreError> {
        let about = leases::Presence { instance: Guid(instance), lives_for };
        let living = self.write(deadline, leases::attend, about).await?;
        u32::try_from(living).map_err(|error| StoreError::Corrupt(error.into()))
    }

    async fn lease(
        &self,
        duty: Duty,
        instance: Uuid,
        lasts: Duration,
        deadline: Deadline,
    ) -> Result<Option<Lease>, StoreError> {
        let about = leases::Wish { duty, instance: Guid(instance), lasts };
        self.write(deadline, leases::take, about).await
    }

    async fn release(&self, lease: &Lease, deadline: Deadline) -> Result<(), StoreError> {
        self.write(deadline, leases::give_back, *lease).await
    }

    async fn assign_positions(
        &self,
        lease: &Lease,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Leased<u32>, StoreError> {
        let about = positions::Arranging { lease: *lease, limit, before: OnceLock::new() };
        self.transact(deadline, positions::arrange, about).await
    }

    async fn entries_after(
        &self,
        position: i64,
        shard: Option<u16>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<Result<JournalEntry, Unreadable>>, StoreError> {
        let about = positions::After { position, shard, limit };
        let rows = self.read(deadline, positions::list, about).await?;
        rows.into_iter().map(|row| row.into_entry().map_err(StoreError::Corrupt)).collect()
    }

    async fn last_position(&self, deadline: Deadline) -> Result<i64, StoreError> {
        self.read(deadline, positions::head, ()).await
    }

    async fn purge(
        &self,
        happened_before: DateTime<Utc>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Purged, StoreError> {
        let about = purge::Purge { before: happened_before.naive_utc(), limit };
        self.transact(deadline, purge::purge, about).await
    }

    async fn purged_through(&self, deadline: Deadline) -> Result<i64, StoreError> {
        self.read(deadline, purge::purged, ()).await
    }

    async fn advance(
        &self,
        lease: &Lease,
        progress: &Progress,
        deadline: Deadline,
    ) -> Result<Leased<()>, StoreError> {
        self.transact(deadline, parking::advance, (*lease, progress.clone())).await
    }

    async fn parked(
        &self,
        shard: Option<u16>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<Parked>, StoreError> {
        let about = (shard.map(parking::shard_column), limit);
        let rows = self.read(deadline, parking::list, about).await?;
        rows.into_iter().map(|row| row.into_parked().map_err(StoreError::Corrupt)).collect()
    }

    async fn redrive(
        &self,
        order: OrderId,
        skip: Option<(Version, &str)>,
        deadline: Deadline,
    ) -> Result<bool, StoreError> {
        let skip = skip.map(|(event, reason)| (event.get(), reason.to_owned()));
        let about = parking::Redriving { order: order.get(), skip };
        self.transact(deadline, parking::redrive, about).await
    }

    async fn backlog(&self, deadline: Deadline) -> Result<Backlog, StoreError> {
        self.read(deadline, backlog::backlog, ()).await
    }
}
