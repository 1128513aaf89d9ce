//! The fake of the store: it works, keeps everything in memory, and fails as a test plans it. The
//! contract suites check that it keeps the laws of the ports, as they do with every adapter.

mod inspection;
mod journal;
mod sagas;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use order_app::events::EventRecord;
use order_app::idempotency::{IdempotencyKey, RecordedAnswer};
use order_app::ports::{
    Change, Conflict, CustomerOrders, Deadline, Lease, Leased, OrderChange, OrderPage, OrderStore,
    PAGE_BYTES, Page, PagePosition, SagaChange, SagaWrite, StoreError, StoredEvent, StoredOrder,
    fitting,
};
use order_domain::{CustomerId, Order, OrderId, OrderLine};

use crate::faults::{Call, Faults, Method, Moment};
use journal::Journal;

/// An [`OrderStore`], [`SagaStore`](order_app::ports::SagaStore), [`EventJournal`](order_app::ports::EventJournal) and
/// [`JournalInspection`](order_app::ports::JournalInspection) in memory, as one instance of the
/// service sees them. One lock makes every call atomic, so deadlines are always met, unless a
/// planned fault takes longer.
#[derive(Debug, Default)]
pub struct InMemoryStore {
    tables: Arc<Mutex<Tables>>,
    faults: Faults,
}

#[derive(Debug, Default)]
struct Tables {
    last_id: i64,
    orders: BTreeMap<OrderId, Order>,
    events: BTreeMap<(OrderId, i64), EventRecord>,
    /// Events that cannot be read.
    spoiled: BTreeSet<(OrderId, i64)>,
    answers: HashMap<IdempotencyKey, RecordedAnswer>,
    /// Sagas, each with its revision.
    sagas: BTreeMap<OrderId, (i64, SagaWrite)>,
    /// The revisions of those that were purged.
    gone_sagas: BTreeMap<OrderId, i64>,
    journal: Journal,
}

impl InMemoryStore {
    /// Another instance's view of the same data, with faults of its own.
    #[must_use]
    pub fn another_instance(&self) -> Self {
        Self { tables: Arc::clone(&self.tables), faults: Faults::default() }
    }

    /// The faults of this instance, for the test to plan.
    #[must_use]
    pub const fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Makes an event unreadable, like a broken row.
    pub fn spoil(&self, order: OrderId, sequence: i64) {
        self.tables().spoiled.insert((order, sequence));
    }

    /// Makes an event readable again.
    pub fn mend(&self, order: OrderId, sequence: i64) {
        self.tables().spoiled.remove(&(order, sequence));
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does the work of a call between the faults that are planned for it.
    async fn call<T: Send>(
        &self,
        call: Call,
        work: impl FnOnce(&mut Tables) -> T + Send,
    ) -> Result<T, StoreError> {
        self.try_call(call, |tables| Ok(work(tables))).await
    }

    /// The same for work that may fail.
    async fn try_call<T: Send>(
        &self,
        call: Call,
        work: impl FnOnce(&mut Tables) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        self.faults.at(Moment::Before, call).await?;
        let answer = work(&mut self.tables())?;
        self.faults.at(Moment::After, call).await?;
        Ok(answer)
    }

    /// The same for work under a lease, which is not done when the lease is lost.
    async fn call_under<T: Send>(
        &self,
        lease: &Lease,
        call: Call,
        work: impl FnOnce(&mut Tables) -> T + Send,
    ) -> Result<Leased<T>, StoreError> {
        let call = Call { lease: Some(*lease), ..call };
        self.faults.at(Moment::Before, call).await?;
        let answer = {
            let tables = &mut *self.tables();
            let is_held = tables.journal.held(lease).is_some();
            if is_held { Leased::Done(work(tables)) } else { Leased::Lost }
        };
        let lease = matches!(answer, Leased::Done(_)).then_some(*lease);
        self.faults.at(Moment::After, Call { lease, ..call }).await?;
        Ok(answer)
    }
}

/// A limit as a number of rows.
fn rows(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

impl Tables {
    /// Why a change cannot be written, if so.
    fn conflict(&self, change: &Change) -> Option<Conflict> {
        if let Change::Order(OrderChange { answer: Some(answer), .. }) = change
            && self.answers.contains_key(&answer.key)
        {
            return Some(Conflict::IdempotencyKey);
        }
        let stored = self.stored(change.id());
        if let seen @ Some(_) = change.seen() {
            let found = stored.map(|stored| stored.seen());
            return (found != seen).then_some(Conflict::Version);
        }
        if stored.is_some() {
            return Some(Conflict::OrderId);
        }
        let Change::Order(OrderChange { order, .. }) = change else { return None };
        let new = order.snapshot();
        new.client_reference.as_ref()?;
        let mut others = self.orders.values().map(Order::snapshot);
        let same = others.find(|other| {
            other.customer_id == new.customer_id && other.client_reference == new.client_reference
        })?;
        Some(Conflict::ClientReference { existing: same.id })
    }

    /// An order with the revision of its saga.
    fn stored(&self, id: OrderId) -> Option<StoredOrder> {
        let order = self.orders.get(&id)?.clone();
        let revision = self.sagas.get(&id).map(|saga| saga.0);
        let saga_revision = revision.or_else(|| self.gone_sagas.get(&id).copied());
        Some(StoredOrder { order, saga_revision: saga_revision.unwrap_or_default() })
    }

    fn write(&mut self, change: Change) {
        let (id, revision) = (change.id(), change.saga_revision());
        let saga = match change {
            Change::Order(OrderChange { order, event, answer, saga, .. }) => {
                let sequence = event.sequence.get();
                self.journal.committed((event.order_id, sequence));
                self.events.insert((event.order_id, sequence), event);
                self.orders.insert(id, order);
                self.answers.extend(answer.map(|answer| (answer.key.clone(), answer)));
                saga
            }
            Change::Saga(SagaChange { saga, .. }) => Some(saga),
        };
        self.sagas.extend(saga.map(|saga| (id, (revision, saga))));
    }

    fn page(&self, query: &CustomerOrders) -> OrderPage {
        let mut found: Vec<_> =
            self.orders.values().filter(|order| matches(query, order)).collect();
        found.sort_unstable_by_key(|order| std::cmp::Reverse(position(order)));
        let sizes = found.iter().take(rows(query.limit)).map(|order| size(order));
        let fitting = fitting(sizes, PAGE_BYTES);
        let more = found.len() > fitting;
        found.truncate(fitting);
        let last = found.last().map(|order| position(order));
        let orders = found.into_iter().cloned().collect();
        OrderPage { next: last.filter(|_| more), orders, left_out: 0 }
    }

    /// An order's events above a sequence.
    fn events_above(&self, order: OrderId, after: i64) -> impl Iterator<Item = StoredEvent> {
        let later = self.events.range((order, after.saturating_add(1))..=(order, i64::MAX));
        later.map(|(key, event)| (event.sequence, self.read(key, event)))
    }

    /// An event, or why it cannot be read.
    fn read(&self, key: &(OrderId, i64), event: &EventRecord) -> Result<EventRecord, String> {
        if self.spoiled.contains(key) {
            return Err("spoiled".to_owned());
        }
        event.check().map_err(|wrong| wrong.to_string())?;
        Ok(event.clone())
    }

    fn purge_answers(&mut self, recorded_before: DateTime<Utc>, limit: u32) -> u32 {
        let mut deleted = 0_u32;
        self.answers.retain(|_, answer| {
            let purge = deleted < limit && answer.recorded_at < recorded_before;
            deleted = deleted.saturating_add(u32::from(purge));
            !purge
        });
        deleted
    }
}

#[async_trait]
impl OrderStore for InMemoryStore {
    async fn next_order_id(&self, deadline: Deadline) -> Result<OrderId, StoreError> {
        let next = |tables: &mut Tables| {
            tables.last_id = tables.last_id.saturating_add(1);
            OrderId::new(tables.last_id).map_err(|error| StoreError::Corrupt(error.into()))
        };
        self.try_call(Call::new(Method::NextOrderId, deadline), next).await
    }

    async fn commit(&self, change: Change, deadline: Deadline) -> Result<(), StoreError> {
        let commit = |tables: &mut Tables| {
            if let Some(conflict) = tables.conflict(&change) {
                return Err(conflict.into());
            }
            tables.write(change);
            Ok(())
        };
        self.try_call(Call::new(Method::Commit, deadline), commit).await
    }

    async fn stored(
        &self,
        id: OrderId,
        of: Option<CustomerId>,
        deadline: Deadline,
    ) -> Result<Option<StoredOrder>, StoreError> {
        let found =
            self.call(Call::new(Method::Stored, deadline), |tables| tables.stored(id)).await?;
        let is_theirs = |stored: &StoredOrder| {
            of.is_none_or(|customer| stored.order.snapshot().customer_id == customer)
        };
        Ok(found.filter(is_theirs))
    }

    async fn customer_orders(
        &self,
        query: &CustomerOrders,
        deadline: Deadline,
    ) -> Result<OrderPage, StoreError> {
        let call = Call::new(Method::CustomerOrders, deadline);
        self.call(call, |tables| tables.page(query)).await
    }

    async fn events(
        &self,
        id: OrderId,
        after: i64,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Page<StoredEvent>, StoreError> {
        let call = Call::new(Method::Events, deadline);
        let events = |tables: &mut Tables| {
            one_page(tables.events_above(id, after), limit, PAGE_BYTES, |event| data(&event.1))
        };
        self.call(call, events).await
    }

    async fn answer(
        &self,
        key: &IdempotencyKey,
        deadline: Deadline,
    ) -> Result<Option<RecordedAnswer>, StoreError> {
        let call = Call::new(Method::Answer, deadline);
        self.call(call, |tables| tables.answers.get(key).cloned()).await
    }

    async fn purge_answers(
        &self,
        recorded_before: DateTime<Utc>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<u32, StoreError> {
        let call = Call::new(Method::PurgeAnswers, deadline);
        self.call(call, |tables| tables.purge_answers(recorded_before, limit)).await
    }

    async fn ping(&self, deadline: Deadline) -> Result<(), StoreError> {
        self.call(Call::new(Method::Ping, deadline), |_| ()).await
    }
}

/// The first of some items, each with a size in bytes, as a page of at most `limit`.
fn one_page<T>(
    items: impl Iterator<Item = T>,
    limit: u32,
    most: usize,
    size: impl Fn(&T) -> usize,
) -> Page<T> {
    let mut items: Vec<T> = items.take(rows(limit).saturating_add(1)).collect();
    let fitting = fitting(items.iter().take(rows(limit)).map(size), most);
    let more = items.len() > fitting;
    items.truncate(fitting);
    Page { items, more }
}

/// The bytes of an event's data.
fn data<E>(event: &Result<EventRecord, E>) -> usize {
    event.as_ref().map_or(0, |event| event.data.len())
}

/// About the bytes of an order's lines.
fn size(order: &Order) -> usize {
    const NUMBERS: usize = 60;
    let name = |line: &OrderLine| line.name.as_ref().map_or(0, |name| name.as_str().len());
    order.snapshot().lines.iter().map(|line| name(line).saturating_add(NUMBERS)).sum()
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
