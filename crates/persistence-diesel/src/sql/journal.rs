//! The event journal: which statements of `journal/` answer which call of the port, and which of them
//! run in one transaction.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use order_app::ports::{
    Backlog, Deadline, Duty, EventJournal, JOURNAL_PAGE_BYTES, Lease, Leased, Page, Parked,
    Progress, Purged, ReadEntry, StoreError,
};
use order_domain::{OrderId, Version};
use uuid::Uuid;

use super::{
    Connection, Database, Dialect, FROM_NOW, JOIN_EVENTS, LOCKING, incoming, listed_by, pages,
    statements,
};
use crate::executor::Executor;
use crate::rows::JournalRow;
use crate::types::Guid;

#[path = "journal/backlog.rs"]
mod backlog;
#[path = "journal/clock.rs"]
mod clock;
#[path = "journal/inspection.rs"]
mod inspection;
#[path = "journal/leases.rs"]
mod leases;
#[path = "journal/of_order.rs"]
mod of_order;
#[path = "journal/parking.rs"]
mod parking;
#[path = "journal/positions.rs"]
mod positions;
#[path = "journal/purge.rs"]
mod purge;
#[path = "journal/selecting.rs"]
mod selecting;

/// The event journal on one database.
pub(super) struct Journal(pub(super) Arc<Executor<Database>>);

#[async_trait]
impl EventJournal for Journal {
    async fn heartbeat(
        &self,
        instance: Uuid,
        lives_for: Duration,
        deadline: Deadline,
    ) -> Result<u32, StoreError> {
        let about = (Guid(instance), lives_for);
        let living = self.0.write(deadline, leases::heartbeat, about).await?;
        u32::try_from(living).map_err(|error| StoreError::Corrupt(error.into()))
    }

    async fn lease(
        &self,
        duty: Duty,
        instance: Uuid,
        lasts: Duration,
        deadline: Deadline,
    ) -> Result<Option<Lease>, StoreError> {
        let about = (duty, Guid(instance), lasts);
        self.0.write(deadline, leases::take, about).await
    }

    async fn release(&self, lease: &Lease, deadline: Deadline) -> Result<(), StoreError> {
        self.0.write(deadline, leases::give_back, *lease).await
    }

    async fn assign_positions(
        &self,
        lease: &Lease,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Leased<u32>, StoreError> {
        let about = positions::Assignment { lease: *lease, limit, before: OnceLock::new() };
        self.0.transact(deadline, positions::assign, about).await
    }

    async fn entries_after(
        &self,
        position: i64,
        shard: Option<u16>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Page<ReadEntry>, StoreError> {
        let about = (position, shard, limit);
        let rows = self.0.read(deadline, positions::list, about).await?;
        let size = (limit, JOURNAL_PAGE_BYTES);
        let (rows, more) = pages::of_events(&self.0, rows, size, deadline).await?;
        let entry = |row: JournalRow| row.into_entry().map_err(StoreError::Corrupt);
        Ok(Page { items: pages::read(rows, entry).await?, more })
    }

    async fn last_position(&self, deadline: Deadline) -> Result<i64, StoreError> {
        self.0.read(deadline, positions::last_position, ()).await
    }

    async fn purge(
        &self,
        happened_before: DateTime<Utc>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Purged, StoreError> {
        let about = (happened_before.naive_utc(), limit);
        self.0.transact(deadline, purge::purge, about).await
    }

    async fn purged_through(&self, deadline: Deadline) -> Result<i64, StoreError> {
        self.0.read(deadline, purge::purged, ()).await
    }

    async fn advance(
        &self,
        lease: &Lease,
        progress: &Progress,
        deadline: Deadline,
    ) -> Result<Leased<()>, StoreError> {
        self.0.transact(deadline, parking::advance, (*lease, progress.clone())).await
    }

    async fn parked(
        &self,
        shard: Option<u16>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<Parked>, StoreError> {
        let about = (shard.map(parking::shard_column), limit);
        let rows = self.0.read(deadline, parking::list, about).await?;
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
        self.0.transact(deadline, parking::redrive, about).await
    }

    async fn backlog(&self, deadline: Deadline) -> Result<Backlog, StoreError> {
        self.0.read(deadline, backlog::backlog, ()).await
    }
}
