//! The store of orders: which statements answer which call of the ports.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use order_app::idempotency::{IdempotencyKey, RecordedAnswer};
use order_app::ports::{
    Change, CustomerOrders, Deadline, OrderPage, OrderStore, PAGE_BYTES, Page, StoreError,
    StoredEvent, StoredOrder,
};
use order_domain::{CustomerId, OrderId};
use tokio::time::timeout_at;

use super::{Database, UNTIMED, adoption, pages, statements};
use crate::adopt::Facts;
use crate::commit::queue::CommitQueue;
use crate::executor::Executor;
use crate::ids::OrderIds;
use crate::pool::connection;
use crate::read::{Reads, lists};
use crate::rows::{ChangeRows, JournalRow, Wanted, scope};

/// How many events of a history are read first.
const FIRST_EVENTS: u32 = 16;

/// The store of orders and sagas on one database.
pub(super) struct Store {
    pub(super) executor: Arc<Executor<Database>>,
    /// Where changes wait for the writer.
    pub(super) queue: CommitQueue,
    pub(super) ids: Arc<OrderIds>,
    pub(super) reads: Reads,
}

impl Store {
    /// What was learned about the table; it is looked up once. The lookup has a future of its own, because each call would
    /// carry its room otherwise.
    pub(super) async fn facts(&self, deadline: Deadline) -> Result<Facts, StoreError> {
        match self.executor.facts.get() {
            Some(facts) => Ok(*facts),
            None => Box::pin(self.learn(deadline)).await,
        }
    }

    async fn learn(&self, deadline: Deadline) -> Result<Facts, StoreError> {
        let learn = || self.executor.read(deadline, adoption::facts, ());
        match timeout_at(deadline, self.executor.facts.get_or_try_init(learn)).await {
            Ok(facts) => Ok(*facts?),
            Err(elapsed) => Err(StoreError::Unavailable(elapsed.into())),
        }
    }

    /// One page of an order's history. The first events are read by themselves: most orders have no more, and when these
    /// are large, they are the page. A database reads each document of the rows that it is asked for, to tell its size.
    async fn history(
        &self,
        order: i64,
        after: i64,
        limit: u32,
        deadline: Deadline,
    ) -> Result<(Vec<JournalRow>, bool), StoreError> {
        let read = async |after, limit, bytes| {
            let about = (order, after, limit);
            let rows = self.executor.read(deadline, statements::list_events, about).await?;
            pages::of_events(&self.executor, rows, (limit, bytes), deadline).await
        };
        let first = limit.min(FIRST_EVENTS);
        let (mut rows, more) = read(after, first, PAGE_BYTES).await?;
        let bytes = |rows: &[JournalRow]| rows.iter().map(JournalRow::bytes).sum::<usize>();
        let left = PAGE_BYTES.saturating_sub(bytes(&rows));
        let last = match rows.last() {
            Some(last) if more && left > 0 && first < limit && is_full(&rows, first) => last,
            _ => return Ok((rows, more)),
        };
        let (rest, more) = read(last.sequence, limit.saturating_sub(first), left).await?;
        // A page has one event at least, and this one is none of its own.
        if bytes(&rest) > left {
            return Ok((rows, true));
        }
        rows.extend(rest);
        Ok((rows, more))
    }

    /// Reserves a block of ids.
    async fn reserve(&self, count: i64, deadline: Deadline) -> Result<Range<i64>, StoreError> {
        let executor = Arc::clone(&self.executor);
        let reserving = async move {
            let mut tries = executor.retry.tries(deadline);
            loop {
                let attempt = async {
                    let mut guarded = connection(&executor.writers).await?;
                    let block = statements::reserve_ids(guarded.begin(), count).await?;
                    guarded.finish();
                    Ok(block)
                };
                if let Some(block) =
                    tries.attempt(attempt).await.map_err(StoreError::Unavailable)?
                {
                    return Ok(block);
                }
            }
        };
        self.executor.spawn(reserving).await
    }
}

fn is_full(rows: &[JournalRow], limit: u32) -> bool {
    usize::try_from(limit).is_ok_and(|limit| rows.len() >= limit)
}

#[async_trait]
impl OrderStore for Store {
    async fn next_order_id(&self, deadline: Deadline) -> Result<OrderId, StoreError> {
        let reserve = |count| self.reserve(count, deadline);
        // Includes the wait for the reservation of another caller.
        match timeout_at(deadline, self.ids.next(reserve)).await {
            Ok(id) => id,
            Err(elapsed) => Err(StoreError::Unavailable(elapsed.into())),
        }
    }

    async fn commit(&self, change: Change, deadline: Deadline) -> Result<(), StoreError> {
        let facts = self.facts(deadline).await?;
        let rows = ChangeRows::of(change, facts.versions_from).map_err(StoreError::Corrupt)?;
        self.queue.commit(rows, deadline).await
    }

    async fn stored(
        &self,
        id: OrderId,
        of: Option<CustomerId>,
        deadline: Deadline,
    ) -> Result<Option<StoredOrder>, StoreError> {
        let facts = self.facts(deadline).await?;
        let wanted = Wanted { id: id.get(), customer: of.map(CustomerId::get) };
        let row = self.reads.orders.find(wanted, deadline).await?;
        Ok(row.map(|row| row.stored(facts.versions_from)).transpose()?)
    }

    async fn customer_orders(
        &self,
        query: &CustomerOrders,
        deadline: Deadline,
    ) -> Result<OrderPage, StoreError> {
        let facts = self.facts(deadline).await?;
        let rows = match &self.reads.lists {
            Some(lookups) if lists::is_plain(query) => {
                lookups.find(query.clone(), deadline).await?
            }
            _ => {
                let _place = self.executor.page_place(deadline).await?;
                self.executor.read(deadline, statements::list_orders, query.clone()).await?
            }
        };
        let (rows, more) = pages::of_orders(&self.executor, rows, query.limit, deadline).await?;
        Ok(lists::page(&rows, more, facts.versions_from, UNTIMED))
    }

    async fn events(
        &self,
        id: OrderId,
        after: i64,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Page<StoredEvent>, StoreError> {
        let _place = self.executor.page_place(deadline).await?;
        let (rows, more) = self.history(id.get(), after, limit, deadline).await?;
        let items = pages::read(rows, |row| row.into_stored(id)).await?;
        Ok(Page { items, more })
    }

    async fn answer(
        &self,
        key: &IdempotencyKey,
        deadline: Deadline,
    ) -> Result<Option<RecordedAnswer>, StoreError> {
        let row = self.executor.read(deadline, statements::find_answer, scope(key)).await?;
        row.map(|row| row.into_answer(key.clone()).map_err(StoreError::Corrupt)).transpose()
    }

    async fn purge_answers(
        &self,
        recorded_before: DateTime<Utc>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<u32, StoreError> {
        let about = (recorded_before.naive_utc(), limit);
        let deleted = self.executor.write(deadline, statements::purge_answers, about).await?;
        u32::try_from(deleted).map_err(|error| StoreError::Corrupt(error.into()))
    }

    async fn ping(&self, deadline: Deadline) -> Result<(), StoreError> {
        self.executor.read(deadline, statements::ping, ()).await
    }
}
