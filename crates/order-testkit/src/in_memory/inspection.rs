//! What operators ask of the store in memory.

use async_trait::async_trait;
use order_app::ports::{
    Deadline, Duty, Holding, JournalInspection, Parked, Placed, SHARDS, Selected, Selection,
    Skipped, StoreError, shard,
};
use order_domain::OrderId;
use tokio::time::Instant;

use super::{InMemoryStore, Tables};

/// So many places are looked at at a time: few, so that whoever reads has to go on.
const WINDOW: usize = 7;

impl Tables {
    fn is_selected(&self, selection: &Selection, placed: &Placed) -> bool {
        let Selection { orders, customers, kinds, from, to } = selection;
        let event = &placed.event;
        let order = self.orders.get(&event.order_id);
        let customer = order.map(|order| order.snapshot().customer_id);
        (orders.is_empty() || orders.contains(&event.order_id))
            && (customers.is_empty() || customer.is_some_and(|id| customers.contains(&id)))
            && (kinds.is_empty() || kinds.contains(&event.kind))
            && from.is_none_or(|from| event.occurred_at >= from)
            && to.is_none_or(|to| event.occurred_at < to)
    }
}

#[async_trait]
impl JournalInspection for InMemoryStore {
    async fn holdings(&self, _: Deadline) -> Result<Vec<Holding>, StoreError> {
        let (tables, now) = (self.tables(), Instant::now());
        let duties = std::iter::once(Duty::Arrange).chain((0..SHARDS).map(Duty::Publish));
        let holding = |duty| match tables.journal.leases.get(&duty) {
            None => Holding { duty, holder: None, position: 0 },
            Some(row) => {
                let holder = row.holder.filter(|_| row.until > now);
                Holding { duty, holder, position: row.position }
            }
        };
        Ok(duties.map(holding).collect())
    }

    async fn parked_after(
        &self,
        after: i64,
        of: Option<u16>,
        limit: u32,
        _: Deadline,
    ) -> Result<Vec<Parked>, StoreError> {
        let tables = self.tables();
        let rows = tables.journal.parked.values();
        let wanted = rows.filter(|row| {
            row.order.get() > after && of.is_none_or(|number| number == shard(row.order))
        });
        Ok(wanted.take(usize::try_from(limit).unwrap_or(usize::MAX)).cloned().collect())
    }

    async fn skipped_after(
        &self,
        after: (i64, i64),
        order: Option<OrderId>,
        limit: u32,
        _: Deadline,
    ) -> Result<Vec<Skipped>, StoreError> {
        let tables = self.tables();
        let wanted = tables.journal.skipped.values().filter(|row| {
            let own = order.is_none_or(|order| order == row.order);
            own && (row.order.get(), row.sequence.get()) > after
        });
        Ok(wanted.take(usize::try_from(limit).unwrap_or(usize::MAX)).cloned().collect())
    }

    async fn select(
        &self,
        selection: &Selection,
        after: i64,
        limit: u32,
        _: Deadline,
    ) -> Result<Selected, StoreError> {
        let tables = self.tables();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let (mut events, mut through) = (Vec::new(), after);
        for (position, key) in tables.journal.places_after(after).take(WINDOW) {
            if events.len() >= limit {
                break;
            }
            through = position;
            let seen = !tables.journal.skipped.contains_key(key);
            let event = tables.events.get(key).filter(|_| seen).cloned();
            let placed = event.map(|event| Placed { position, event });
            events.extend(placed.filter(|placed| tables.is_selected(selection, placed)));
        }
        Ok(Selected { events, through })
    }
}
