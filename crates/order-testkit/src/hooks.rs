//! A store that does what a test wants around each commit: hold it, fail it, let another writer
//! in, lose its answer.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use order_app::events::EventRecord;
use order_app::idempotency::{IdempotencyKey, RecordedAnswer};
use order_app::ports::{Change, CustomerOrders, Deadline, OrderPage, OrderStore, StoreError};
use order_domain::{Order, OrderId};
use tokio::sync::Semaphore;

use crate::BoxFuture;

/// What happens at a commit, given its change. An error becomes the answer to the commit.
pub type Hook = Box<dyn Fn(Change) -> BoxFuture<Result<(), StoreError>> + Send + Sync>;

/// Another store with a hook before each commit and one after each commit that landed.
pub struct HookedStore {
    inner: Arc<dyn OrderStore>,
    before: Hook,
    after: Hook,
}

impl HookedStore {
    /// Wraps a store; without further ado it behaves like that store.
    #[must_use]
    pub fn new(inner: Arc<dyn OrderStore>) -> Self {
        let nothing = || -> Hook { Box::new(|_| Box::pin(async { Ok(()) })) };
        Self { inner, before: nothing(), after: nothing() }
    }

    /// Runs a hook before each commit; when it fails, the commit does not happen.
    #[must_use]
    pub fn before_commit<F>(mut self, hook: impl Fn(Change) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        self.before = Box::new(move |change| Box::pin(hook(change)));
        self
    }

    /// Runs a hook after each commit that landed; when it fails, the answer is lost, not the
    /// commit.
    #[must_use]
    pub fn after_commit<F>(mut self, hook: impl Fn(Change) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        self.after = Box::new(move |change| Box::pin(hook(change)));
        self
    }
}

#[async_trait]
impl OrderStore for HookedStore {
    async fn next_order_id(&self, deadline: Deadline) -> Result<OrderId, StoreError> {
        self.inner.next_order_id(deadline).await
    }

    async fn commit(&self, change: Change, deadline: Deadline) -> Result<(), StoreError> {
        (self.before)(change.clone()).await?;
        self.inner.commit(change.clone(), deadline).await?;
        (self.after)(change).await
    }

    async fn order(&self, id: OrderId, deadline: Deadline) -> Result<Option<Order>, StoreError> {
        self.inner.order(id, deadline).await
    }

    async fn customer_orders(
        &self,
        query: &CustomerOrders,
        deadline: Deadline,
    ) -> Result<OrderPage, StoreError> {
        self.inner.customer_orders(query, deadline).await
    }

    async fn events(
        &self,
        id: OrderId,
        after: i64,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<EventRecord>, StoreError> {
        self.inner.events(id, after, limit, deadline).await
    }

    async fn answer(
        &self,
        key: &IdempotencyKey,
        deadline: Deadline,
    ) -> Result<Option<RecordedAnswer>, StoreError> {
        self.inner.answer(key, deadline).await
    }

    async fn purge_answers(
        &self,
        recorded_before: DateTime<Utc>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<u32, StoreError> {
        let store = &self.inner;
        store.purge_answers(recorded_before, limit, deadline).await
    }

    async fn ping(&self, deadline: Deadline) -> Result<(), StoreError> {
        self.inner.ping(deadline).await
    }
}

/// A place where tasks wait until the test lets them on; closed at first.
#[derive(Debug)]
pub struct Gate {
    arrivals: Semaphore,
    passes: Semaphore,
}

impl Default for Gate {
    fn default() -> Self {
        Self { arrivals: Semaphore::new(0), passes: Semaphore::new(0) }
    }
}

impl Gate {
    /// For the task: says that it is here, and waits.
    pub async fn pass(&self) {
        self.arrivals.add_permits(1);
        let pass = self.passes.acquire().await;
        pass.expect("the gate is never torn down").forget();
    }

    /// For the test: waits until a task is here; each arrival counts once.
    pub async fn arrival(&self) {
        let arrival = self.arrivals.acquire().await;
        arrival.expect("the gate is never torn down").forget();
    }

    /// For the test: lets so many tasks on, now or when they come.
    pub fn let_on(&self, tasks: usize) {
        self.passes.add_permits(tasks);
    }
}
