//! Sagas in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use order_app::ports::{
    Deadline, DueSaga, Page, SagaCensus, SagaStore, SagaWrite, StateName, StoreError, StoredSaga,
};
use order_domain::OrderId;

use super::{InMemoryStore, Tables, one_page, rows};
use crate::faults::{Call, Method};

impl Tables {
    /// The sagas that are not over, the one that is due first before the others.
    fn due(&self) -> Vec<(DueSaga, &StateName)> {
        let due = |(order, (_, saga)): (&OrderId, &(i64, SagaWrite))| {
            Some(DueSaga { due_at: saga.due_at?, order: *order })
        };
        let state = |due: &DueSaga| self.sagas.get(&due.order).map(|(_, saga)| &saga.state);
        let open = self.sagas.iter().filter_map(due);
        let mut open: Vec<_> = open.filter_map(|due| Some((due, state(&due)?))).collect();
        open.sort_unstable_by_key(|(due, _)| *due);
        open
    }

    fn flagged(&self, after: Option<OrderId>) -> impl Iterator<Item = OrderId> {
        let flagged = self.sagas.iter().filter(|(_, (_, saga))| saga.attention);
        let ids = flagged.map(|(id, _)| *id);
        ids.filter(move |id| after.is_none_or(|after| *id > after))
    }

    fn census(&self) -> SagaCensus {
        let (bound, due) = (rows(SagaCensus::BOUND), self.due());
        let mut open = BTreeMap::new();
        for (_, state) in due.iter().take(bound) {
            let count: &mut u64 = open.entry((*state).clone()).or_default();
            *count = count.saturating_add(1);
        }
        let flagged = self.flagged(None).take(bound).count();
        SagaCensus {
            open: open.into_iter().collect(),
            attention: u64::try_from(flagged).unwrap_or(u64::MAX),
            first_due: due.first().map(|(due, _)| due.due_at),
        }
    }

    fn purge_sagas(&mut self, changed_before: DateTime<Utc>, limit: u32) -> u32 {
        let mut deleted = 0_u32;
        let gone = &mut self.gone_sagas;
        self.sagas.retain(|id, (revision, saga)| {
            let is_over = saga.due_at.is_none() && !saga.attention;
            let purge = deleted < limit && is_over && saga.updated_at < changed_before;
            if purge {
                gone.insert(*id, *revision);
            }
            deleted = deleted.saturating_add(u32::from(purge));
            !purge
        });
        deleted
    }
}

#[async_trait]
impl SagaStore for InMemoryStore {
    async fn saga(
        &self,
        id: OrderId,
        deadline: Deadline,
    ) -> Result<Option<StoredSaga>, StoreError> {
        let saga = |tables: &mut Tables| {
            let (_, saga) = tables.sagas.get(&id)?.clone();
            Some(StoredSaga { stored: tables.stored(id)?, saga })
        };
        self.call(Call::new(Method::Saga, deadline), saga).await
    }

    async fn due(
        &self,
        at: DateTime<Utc>,
        after: Option<DueSaga>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<DueSaga>, StoreError> {
        let due = |tables: &mut Tables| {
            let due = tables.due().into_iter().map(|(due, _)| due);
            let due = due.filter(|due| due.due_at <= at && Some(*due) > after);
            due.take(rows(limit)).collect()
        };
        self.call(Call::new(Method::Due, deadline), due).await
    }

    async fn attention(
        &self,
        after: Option<OrderId>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Page<OrderId>, StoreError> {
        let flagged =
            |tables: &mut Tables| one_page(tables.flagged(after), limit, usize::MAX, |_| 0);
        self.call(Call::new(Method::Attention, deadline), flagged).await
    }

    async fn census(&self, deadline: Deadline) -> Result<SagaCensus, StoreError> {
        self.call(Call::new(Method::Census, deadline), |tables| tables.census()).await
    }

    async fn purge(
        &self,
        changed_before: DateTime<Utc>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<u32, StoreError> {
        let call = Call::new(Method::PurgeSagas, deadline);
        self.call(call, |tables| tables.purge_sagas(changed_before, limit)).await
    }
}
