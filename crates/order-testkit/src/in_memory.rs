//! A store that works and forgets: the fake for tests of everything above the port. It keeps the
//! laws of the port, which the contract suite checks on it as on every adapter.

mod inspection;
mod journal;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use order_app::events::EventRecord;
use order_app::idempotency::{IdempotencyKey, RecordedAnswer};
use order_app::ports::{
    Change, Conflict, CustomerOrders, Deadline, OrderPage, OrderStore, PagePosition, StoreError,
};
use order_domain::{Order, OrderId};

use journal::Journal;

/// A working [`OrderStore`] and [`EventJournal`](order_app::ports::EventJournal) in memory: what is
/// committed here waits to be arranged here. One lock makes every call atomic, so deadlines are always
/// met.
#[derive(Debug, Default)]
pub struct InMemoryStore(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    last_id: i64,
    orders: BTreeMap<OrderId, Order>,
    events: BTreeMap<(OrderId, i64), EventRecord>,
    answers: HashMap<IdempotencyKey, RecordedAnswer>,
    journal: Journal,
}

impl InMemoryStore {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    /// What excludes a change. All is asked before anything is written.
    fn conflict(&self, change: &Change) -> Option<Conflict> {
        if let Some(answer) = &change.answer
            && self.answers.contains_key(&answer.key)
        {
            return Some(Conflict::IdempotencyKey);
        }
        let new = change.order.snapshot();
        let stored = self.orders.get(&new.id);
        if let Some(replaced) = change.replaces() {
            let found = stored.map(|order| order.version().get());
            return (found != Some(replaced)).then_some(Conflict::Version);
        }
        if stored.is_some() {
            return Some(Conflict::OrderId);
        }
        new.client_reference.as_ref()?;
        let mut others = self.orders.values().map(Order::snapshot);
        let same = others.find(|other| {
            other.customer_id == new.customer_id && other.client_reference == new.client_reference
        })?;
        Some(Conflict::ClientReference { existing: same.id })
    }

    fn write(&mut self, change: Change) {
        let Change { order, event, answer } = change;
        let sequence = event.sequence.get();
        self.journal.committed((event.order_id, sequence));
        self.events.insert((event.order_id, sequence), event);
        self.orders.insert(order.id(), order);
        self.answers.extend(answer.map(|answer| (answer.key.clone(), answer)));
    }
}

#[async_trait]
impl OrderStore for InMemoryStore {
    async fn next_order_id(&self, _: Deadline) -> Result<OrderId, StoreError> {
        let mut tables = self.tables();
        tables.last_id = tables.last_id.saturating_add(1);
        OrderId::new(tables.last_id).map_err(|error| StoreError::Corrupt(error.into()))
    }

    async fn commit(&self, change: Change, _: Deadline) -> Result<(), StoreError> {
        let mut tables = self.tables();
        if let Some(conflict) = tables.conflict(&change) {
            return Err(conflict.into());
        }
        tables.write(change);
        Ok(())
    }

    async fn order(&self, id: OrderId, _: Deadline) -> Result<Option<Order>, StoreError> {
        Ok(self.tables().orders.get(&id).cloned())
    }

    async fn customer_orders(
        &self,
        query: &CustomerOrders,
        _: Deadline,
    ) -> Result<OrderPage, StoreError> {
        let tables = self.tables();
        let mut found: Vec<_> =
            tables.orders.values().filter(|order| matches(query, order)).collect();
        found.sort_unstable_by_key(|order| std::cmp::Reverse(position(order)));
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().map(|order| position(order));
        Ok(OrderPage { next: last.filter(|_| more), orders: found.into_iter().cloned().collect() })
    }

    async fn events(
        &self,
        id: OrderId,
        after: i64,
        limit: u32,
        _: Deadline,
    ) -> Result<Vec<EventRecord>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let tables = self.tables();
        let later = tables.events.range((id, after.saturating_add(1))..=(id, i64::MAX));
        Ok(later.take(limit).map(|(_, event)| event.clone()).collect())
    }

    async fn answer(
        &self,
        key: &IdempotencyKey,
        _: Deadline,
    ) -> Result<Option<RecordedAnswer>, StoreError> {
        Ok(self.tables().answers.get(key).cloned())
    }

    async fn purge_answers(
        &self,
        recorded_before: DateTime<Utc>,
        limit: u32,
        _: Deadline,
    ) -> Result<u32, StoreError> {
        let mut deleted = 0_u32;
        self.tables().answers.retain(|_, answer| {
            let purge = deleted < limit && answer.recorded_at < recorded_before;
            deleted = deleted.saturating_add(u32::from(purge));
            !purge
        });
        Ok(deleted)
    }

    async fn ping(&self, _: Deadline) -> Result<(), StoreError> {
        Ok(())
    }
}

fn position(order: &Order) -> PagePosition {
    PagePosition { created_at: order.snapshot().created_at, id: order.id() }
}

fn matches(query: &CustomerOrders, order: &Order) -> bool {
    let PagePosition { created_at, .. } = position(order);
    order.snapshot().customer_id == query.customer_id
        && (query.statuses.is_empty() || query.statuses.contains(&order.status()))
        && query.created_from.is_none_or(|from| created_at >= from)
        && query.created_to.is_none_or(|to| created_at < to)
        && query.after.is_none_or(|after| position(order) < after)
}
