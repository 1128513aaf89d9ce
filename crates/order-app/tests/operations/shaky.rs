//! A view of the journal that fails when a test says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use order_app::ports::{
    Deadline, DutyState, JournalInspection, OrderEvents, Parked, SelectedPage, Selection, Skipped,
    StoreError,
};
use order_domain::{CustomerId, OrderId, Version};
use order_testkit::InMemoryStore;

use crate::world::World;

/// A journal whose pages fail now and then.
pub(crate) struct Shaky {
    inner: Arc<InMemoryStore>,
    asked: AtomicU32,
    fails: fn(u32) -> Option<StoreError>,
    /// What of an order it takes for unpublished, by the number of the page.
    pub(crate) unpublished: Option<fn(u32) -> Option<i64>>,
}

impl Shaky {
    /// Before the journal of a world: says which page fails, counted from 0.
    pub(crate) fn before(world: &World, fails: fn(u32) -> Option<StoreError>) -> Self {
        let (inner, asked) = (world.memory.clone(), AtomicU32::new(0));
        Self { inner, asked, fails, unpublished: None }
    }
}

#[async_trait]
impl JournalInspection for Shaky {
    async fn duties(&self, deadline: Deadline) -> Result<Vec<DutyState>, StoreError> {
        self.inner.duties(deadline).await
    }

    async fn parked_after(
        &self,
        after: i64,
        shard: Option<u16>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<Parked>, StoreError> {
        self.inner.parked_after(after, shard, limit, deadline).await
    }

    async fn skipped_after(
        &self,
        after: (i64, i64),
        order: Option<OrderId>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<Skipped>, StoreError> {
        self.inner.skipped_after(after, order, limit, deadline).await
    }

    async fn select(
        &self,
        selection: &Selection,
        after: i64,
        limit: u32,
        deadline: Deadline,
    ) -> Result<SelectedPage, StoreError> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        match (self.fails)(asked) {
            Some(error) => Err(error),
            None => self.inner.select(selection, after, limit, deadline).await,
        }
    }

    async fn customer_order_ids(
        &self,
        customer: CustomerId,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<OrderId>, StoreError> {
        self.inner.customer_order_ids(customer, limit, deadline).await
    }

    async fn order_events(
        &self,
        order: OrderId,
        after: i64,
        limit: u32,
        deadline: Deadline,
    ) -> Result<OrderEvents, StoreError> {
        let mut found = self.inner.order_events(order, after, limit, deadline).await?;
        if let Some(unpublished) = self.unpublished {
            let first = unpublished(self.asked.fetch_add(1, Ordering::Relaxed));
            found.unpublished = first.map(|first| Version::new(first).unwrap());
        }
        Ok(found)
    }
}
