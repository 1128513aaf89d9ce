//! The order store: when statements run, in which transaction, how often and for how long.
//! Compiled once as a part of each backend, like `statements.rs`.

use std::sync::Arc;

use async_trait::async_trait;
use bb8::Pool;
use chrono::{DateTime, Utc};
use diesel::result::Error;
use order_app::events::EventRecord;
use order_app::idempotency::{IdempotencyKey, RecordedAnswer};
use order_app::ports::{
    BoxError, Change, CustomerOrders, Deadline, OrderPage, OrderStore, PagePosition, StoreError,
};
use order_domain::{Order, OrderId};
use tokio::runtime::Handle;
use tokio::time::timeout_at;

use super::Backend;
use super::lookups::{ListLookups, OrderLookups};
use super::statements::{self, EventsAfter, Query};
use crate::commit::queue::Line;
use crate::ids::OrderIds;
use crate::pool::{Manager, connection};
use crate::retry::Retry;
use crate::rows::{ChangeRows, OrderRow, scope, time};

/// The order store on one database.
pub(crate) struct Store {
    /// Connections that read.
    pub(crate) readers: Pool<Manager<Backend>>,
    /// Connections that write; the same pool where the database has more than one writer.
    pub(crate) writers: Pool<Manager<Backend>>,
    /// Where those wait who ask for one order.
    pub(crate) by_id: OrderLookups,
    /// Where those wait who ask for a customer's newest orders, if they are read together.
    pub(crate) lists: Option<ListLookups>,
    /// Where changes wait for the writer.
    pub(crate) line: Line,
    pub(crate) ids: Arc<OrderIds>,
    pub(crate) retry: Arc<Retry>,
    /// The runtime on which connections live.
    pub(crate) runtime: Handle,
}

impl Store {
    /// Does something on the runtime of the connections: it goes on when its caller goes away, so
    /// that no connection is left in the middle of an answer.
    async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let done = self.runtime.spawn(work).await;
        done.unwrap_or_else(|stopped| Err(StoreError::Unavailable(stopped.into())))
    }

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
        let (readers, retry) = (self.readers.clone(), Arc::clone(&self.retry));
        self.run(async move { read_until(deadline, &readers, &retry, query, &about).await }).await
    }

    async fn reserve(&self, count: i64, deadline: Deadline) -> Result<i64, StoreError> {
        let (writers, retry) = (self.writers.clone(), Arc::clone(&self.retry));
        self.run(async move {
            let mut tries = retry.tries(deadline);
            loop {
                let attempt = attempt_to_reserve(&writers, count);
                if let Some(first) = tries.run(attempt).await.map_err(StoreError::Unavailable)? {
                    return Ok(first);
                }
            }
        })
        .await
    }
}

/// Reads, again when the connection turns out to be dead, until the deadline.
pub(super) async fn read_until<A: Sync + ?Sized, T>(
    deadline: Deadline,
    readers: &Pool<Manager<Backend>>,
    retry: &Retry,
    query: Query<A, T>,
    about: &A,
) -> Result<T, StoreError> {
    let mut tries = retry.tries(deadline);
    loop {
        let attempt = attempt_to_read(readers, query, about);
        if let Some(rows) = tries.run(attempt).await.map_err(StoreError::Unavailable)? {
            return rows.map_err(StoreError::Corrupt);
        }
    }
}

/// One attempt to read; what is found may make no sense, and then will not the next time.
async fn attempt_to_read<A: Sync + ?Sized, T>(
    readers: &Pool<Manager<Backend>>,
    query: Query<A, T>,
    about: &A,
) -> Result<Option<Result<T, BoxError>>, BoxError> {
    let mut slot = connection(readers).await?;
    match query(slot.begin(), about).await {
        Ok(rows) => {
            slot.done();
            Ok(Some(Ok(rows)))
        }
        Err(Error::DeserializationError(error)) => Ok(Some(Err(error))),
        Err(error) => Err(error.into()),
    }
}

async fn attempt_to_reserve(
    writers: &Pool<Manager<Backend>>,
    count: i64,
) -> Result<Option<i64>, BoxError> {
    let mut slot = connection(writers).await?;
    let first = statements::reserve_ids(slot.begin(), count).await?;
    slot.done();
    Ok(first)
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
        self.line.join(rows, deadline).await
    }

    async fn order(&self, id: OrderId, deadline: Deadline) -> Result<Option<Order>, StoreError> {
        let row = self.by_id.find(id.get(), deadline).await?;
        row.map(|row| row.order().map_err(StoreError::Corrupt)).transpose()
    }

    async fn customer_orders(
        &self,
        query: &CustomerOrders,
        deadline: Deadline,
    ) -> Result<OrderPage, StoreError> {
        let mut rows = match &self.lists {
            Some(lists) if statements::is_plain(query) => {
                lists.find(query.clone(), deadline).await?
            }
            _ => self.read(deadline, statements::list_orders, query.clone()).await?,
        };
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let place = |row: &OrderRow| {
            let id = OrderId::new(row.id).ok()?;
            Some(PagePosition { created_at: time(row.created_at)?, id })
        };
        // From the last readable one: rather an order twice than one never.
        let next = rows.iter().rev().find_map(place).filter(|_| more);
        let readable = rows.iter().filter_map(|row| {
            let id = row.id;
            let report = |error| tracing::error!(order.id = id, %error, "an order is unreadable");
            row.order().map_err(report).ok()
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
        let rows = self.read(deadline, statements::list_events, about).await?;
        rows.into_iter().map(|row| row.into_event().map_err(StoreError::Corrupt)).collect()
    }

    async fn answer(
        &self,
        key: &IdempotencyKey,
        deadline: Deadline,
    ) -> Result<Option<RecordedAnswer>, StoreError> {
        let row = self.read(deadline, statements::find_answer, scope(key)).await?;
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
        self.read(deadline, statements::ping, ()).await
    }
}
