//! The order store: when statements run, in which transaction, how often and for how long.
//! Compiled once as a part of each backend, like `statements.rs`.

use async_trait::async_trait;
use bb8::{Pool, PooledConnection, RunError};
use chrono::{DateTime, Utc};
use diesel_async::SimpleAsyncConnection as _;
use order_app::events::EventRecord;
use order_app::idempotency::{IdempotencyKey, RecordedAnswer};
use order_app::ports::{
    BoxError, Change, Conflict, CustomerOrders, Deadline, OrderPage, OrderStore, PagePosition,
    StoreError,
};
use order_domain::{Order, OrderId};
use tokio::time::timeout_at;

use super::statements::{self, EventsAfter, Obstacle, Query};
use super::{BEGIN, Backend, leaves_doubt};
use crate::ids::OrderIds;
use crate::pool::Manager;
use crate::retry::Retry;
use crate::rows::{ChangeRows, scope};

/// The order store on one database.
pub(crate) struct Store {
    /// Connections that read.
    pub(crate) readers: Pool<Manager<Backend>>,
    /// Connections that write; the same pool where the database has more than one writer.
    pub(crate) writers: Pool<Manager<Backend>>,
    pub(crate) ids: OrderIds,
    pub(crate) retry: Retry,
}

/// What came of one attempt to commit: landed, or excluded for good.
type Landing = Result<(), Conflict>;

impl Store {
    /// Runs a read, again when the connection turns out to be dead, until the deadline.
    async fn read<A: Sync, T>(
        &self,
        deadline: Deadline,
        query: Query<A, T>,
        about: &A,
    ) -> Result<T, StoreError> {
        let mut tries = self.retry.tries(deadline);
        loop {
            let attempt = attempt_to_read(&self.readers, query, about);
            if let Some(rows) = tries.run(attempt).await.map_err(StoreError::Unavailable)? {
                return Ok(rows);
            }
        }
    }

    async fn reserve(&self, count: i64, deadline: Deadline) -> Result<i64, StoreError> {
        let mut tries = self.retry.tries(deadline);
        loop {
            let attempt = attempt_to_reserve(&self.writers, count);
            if let Some(first) = tries.run(attempt).await.map_err(StoreError::Unavailable)? {
                return Ok(first);
            }
        }
    }
}

/// A connection of the pool, for one piece of work.
async fn connection(
    pool: &Pool<Manager<Backend>>,
) -> Result<PooledConnection<'_, Manager<Backend>>, BoxError> {
    pool.get().await.map_err(|error| match error {
        RunError::User(error) => error,
        RunError::TimedOut => "no connection was free or could be opened in time".into(),
    })
}

async fn attempt_to_read<A: Sync, T>(
    readers: &Pool<Manager<Backend>>,
    query: Query<A, T>,
    about: &A,
) -> Result<Option<T>, BoxError> {
    let mut slot = connection(readers).await?;
    let rows = query(slot.begin(), about).await?;
    slot.done();
    Ok(Some(rows))
}

async fn attempt_to_reserve(
    writers: &Pool<Manager<Backend>>,
    count: i64,
) -> Result<Option<i64>, BoxError> {
    let mut slot = connection(writers).await?;
    let connection = slot.begin();
    connection.batch_execute(BEGIN).await?;
    let first = statements::reserve_ids(connection, count).await?;
    connection.batch_execute("COMMIT").await?;
    slot.done();
    Ok(Some(first))
}

/// One attempt to write a change; `None` when whatever stood in its way is gone. `in_doubt` is set
/// for as long as it is open what came of an earlier COMMIT: the rows have their own keys, so
/// writing them again either finds them there or settles that they were not.
async fn attempt_to_write(
    writers: &Pool<Manager<Backend>>,
    rows: &ChangeRows,
    in_doubt: &mut bool,
) -> Result<Option<Landing>, BoxError> {
    let mut slot = connection(writers).await?;
    let connection = slot.begin();
    connection.batch_execute(BEGIN).await?;
    if statements::write(connection, rows).await? {
        let doubted = std::mem::replace(in_doubt, true);
        if let Err(error) = connection.batch_execute("COMMIT").await {
            *in_doubt = doubted || leaves_doubt(&error);
            return Err(error.into());
        }
        slot.done();
        return Ok(Some(Ok(())));
    }
    connection.batch_execute("ROLLBACK").await?;
    let obstacle = statements::obstacle(connection, rows).await?;
    slot.done();
    Ok(match obstacle {
        Obstacle::WrittenBefore => Some(Ok(())),
        Obstacle::Conflict(conflict) => Some(Err(conflict)),
        Obstacle::Gone => None,
    })
}

async fn attempt_to_purge(
    writers: &Pool<Manager<Backend>>,
    before: DateTime<Utc>,
    limit: u32,
) -> Result<Option<usize>, BoxError> {
    let mut slot = connection(writers).await?;
    let deleted = statements::purge_answers(slot.begin(), before.naive_utc(), limit).await?;
    slot.done();
    Ok(Some(deleted))
}

#[async_trait]
impl OrderStore for Store {
    async fn next_order_id(&self, deadline: Deadline) -> Result<OrderId, StoreError> {
        let reserve = |count| self.reserve(count, deadline);
        // The wait for another caller's reservation counts, too.
        match timeout_at(deadline, self.ids.next(reserve)).await {
            Ok(id) => id,
            Err(elapsed) => Err(StoreError::Unavailable(elapsed.into())),
        }
    }

    async fn commit(&self, change: Change, deadline: Deadline) -> Result<(), StoreError> {
        let rows = ChangeRows::of(&change).map_err(StoreError::Corrupt)?;
        let mut in_doubt = false;
        let mut tries = self.retry.tries(deadline);
        loop {
            match tries.run(attempt_to_write(&self.writers, &rows, &mut in_doubt)).await {
                Ok(None) => {}
                Ok(Some(Ok(()))) => return Ok(()),
                Ok(Some(Err(conflict))) => {
                    if conflict == Conflict::OrderId {
                        self.ids.forget().await;
                    }
                    return Err(conflict.into());
                }
                Err(error) if in_doubt => return Err(StoreError::OutcomeUnknown(error)),
                Err(error) => return Err(StoreError::Unavailable(error)),
            }
        }
    }

    async fn order(&self, id: OrderId, deadline: Deadline) -> Result<Option<Order>, StoreError> {
        let row = self.read(deadline, statements::find_order, &id.get()).await?;
        row.map(|row| row.into_order().map_err(StoreError::Corrupt)).transpose()
    }

    async fn customer_orders(
        &self,
        query: &CustomerOrders,
        deadline: Deadline,
    ) -> Result<OrderPage, StoreError> {
        let mut rows = self.read(deadline, statements::list_orders, query).await?;
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more).map(|row| (row.created_at.and_utc(), row.id));
        let next = last
            .map(|(created_at, id)| OrderId::new(id).map(|id| PagePosition { created_at, id }))
            .transpose()
            .map_err(|error| StoreError::Corrupt(error.into()))?;
        let readable = rows.into_iter().filter_map(|row| {
            let id = row.id;
            let report = |error| tracing::error!(order.id = id, %error, "an order is unreadable");
            row.into_order().map_err(report).ok()
        });
        Ok(OrderPage { orders: readable.collect(), next })
    }

    async fn events(
        &self,
        id: OrderId,
        after: i64,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<EventRecord>, StoreError> {
        let about = EventsAfter { order: id.get(), after, limit };
        let rows = self.read(deadline, statements::list_events, &about).await?;
        rows.into_iter().map(|row| row.into_event().map_err(StoreError::Corrupt)).collect()
    }

    async fn answer(
        &self,
        key: &IdempotencyKey,
        deadline: Deadline,
    ) -> Result<Option<RecordedAnswer>, StoreError> {
        let row = self.read(deadline, statements::find_answer, &scope(key)).await?;
        row.map(|row| row.into_answer(key.clone()).map_err(StoreError::Corrupt)).transpose()
    }

    async fn purge_answers(
        &self,
        recorded_before: DateTime<Utc>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<u32, StoreError> {
        let mut tries = self.retry.tries(deadline);
        loop {
            let attempt = attempt_to_purge(&self.writers, recorded_before, limit);
            if let Some(deleted) = tries.run(attempt).await.map_err(StoreError::Unavailable)? {
                return u32::try_from(deleted).map_err(|error| StoreError::Corrupt(error.into()));
            }
        }
    }

    async fn ping(&self, deadline: Deadline) -> Result<(), StoreError> {
        self.read(deadline, statements::ping, &()).await
    }
}
