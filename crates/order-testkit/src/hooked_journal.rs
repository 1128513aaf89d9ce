//! A journal that does what a test wants around each call: hold it, fail it, lose its answer.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use order_app::ports::{
    Backlog, Deadline, Duty, EventJournal, JournalEntry, Lease, Leased, Parked, Progress, Purged,
    StoreError, Unreadable,
};
use order_domain::{OrderId, Version};
use uuid::Uuid;

use crate::BoxFuture;

/// When a hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before a call. If the hook fails, the call does not happen.
    Before,
    /// Before a call that reads events, of one shard or of all, and before its [`Moment::Before`].
    Reads(Option<u16>),
    /// After a call that did something, with the lease under which it did, if it was under one. If
    /// the hook fails, the answer is lost, not what was done.
    After(Option<Lease>),
}

/// What happens around a call. An error becomes the answer to it.
pub type JournalHook = Box<dyn Fn(Moment) -> BoxFuture<Result<(), StoreError>> + Send + Sync>;

/// Another journal with a hook around each call.
pub struct HookedJournal {
    inner: Arc<dyn EventJournal>,
    hook: JournalHook,
}

impl HookedJournal {
    /// Wraps a journal.
    #[must_use]
    pub fn new<F>(
        inner: Arc<dyn EventJournal>,
        hook: impl Fn(Moment) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        Self { inner, hook: Box::new(move |moment| Box::pin(hook(moment))) }
    }

    async fn around<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        (self.hook)(Moment::Before).await?;
        let answer = call.await?;
        (self.hook)(Moment::After(None)).await?;
        Ok(answer)
    }

    async fn under<T>(
        &self,
        lease: &Lease,
        call: impl Future<Output = Result<Leased<T>, StoreError>> + Send,
    ) -> Result<Leased<T>, StoreError> {
        (self.hook)(Moment::Before).await?;
        let answer = call.await?;
        let lease = matches!(answer, Leased::Done(_)).then_some(*lease);
        (self.hook)(Moment::After(lease)).await?;
        Ok(answer)
    }
}

#[async_trait]
impl EventJournal for HookedJournal {
    async fn heartbeat(
        &self,
        instance: Uuid,
        lives_for: Duration,
        deadline: Deadline,
    ) -> Result<u32, StoreError> {
        self.around(self.inner.heartbeat(instance, lives_for, deadline)).await
    }

    async fn lease(
        &self,
        duty: Duty,
        instance: Uuid,
        lasts: Duration,
        deadline: Deadline,
    ) -> Result<Option<Lease>, StoreError> {
        self.around(self.inner.lease(duty, instance, lasts, deadline)).await
    }

    async fn release(&self, lease: &Lease, deadline: Deadline) -> Result<(), StoreError> {
        self.around(self.inner.release(lease, deadline)).await
    }

    async fn assign_positions(
        &self,
        lease: &Lease,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Leased<u32>, StoreError> {
        self.under(lease, self.inner.assign_positions(lease, limit, deadline)).await
    }

    async fn entries_after(
        &self,
        position: i64,
        shard: Option<u16>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<Result<JournalEntry, Unreadable>>, StoreError> {
        (self.hook)(Moment::Reads(shard)).await?;
        self.around(self.inner.entries_after(position, shard, limit, deadline)).await
    }

    async fn last_position(&self, deadline: Deadline) -> Result<i64, StoreError> {
        self.around(self.inner.last_position(deadline)).await
    }

    async fn purge(
        &self,
        happened_before: DateTime<Utc>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Purged, StoreError> {
        self.around(self.inner.purge(happened_before, limit, deadline)).await
    }

    async fn purged_through(&self, deadline: Deadline) -> Result<i64, StoreError> {
        self.around(self.inner.purged_through(deadline)).await
    }

    async fn advance(
        &self,
        lease: &Lease,
        progress: &Progress,
        deadline: Deadline,
    ) -> Result<Leased<()>, StoreError> {
        self.under(lease, self.inner.advance(lease, progress, deadline)).await
    }

    async fn parked(
        &self,
        shard: Option<u16>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<Parked>, StoreError> {
        self.around(self.inner.parked(shard, limit, deadline)).await
    }

    async fn redrive(
        &self,
        order: OrderId,
        skip: Option<(Version, &str)>,
        deadline: Deadline,
    ) -> Result<bool, StoreError> {
        self.around(self.inner.redrive(order, skip, deadline)).await
    }

    async fn backlog(&self, deadline: Deadline) -> Result<Backlog, StoreError> {
        self.around(self.inner.backlog(deadline)).await
    }
}
