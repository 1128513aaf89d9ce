//! What operators ask of the store in memory.

use async_trait::async_trait;
use order_app::events::EventRecord;
use order_app::ports::{
    Deadline, Duty, DutyState, JournalEntry, JournalInspection, OrderEvents, Parked, SHARDS,
    SelectedPage, Selection, Skipped, StoreError, Unreadable, shard,
};
use order_domain::{CustomerId, OrderId, Version};
use tokio::time::Instant;

use super::{InMemoryStore, Tables};

/// So many places are looked at at a time: few, so that whoever reads has to go on.
const WINDOW: usize = 7;

impl Tables {
    fn is_selected(&self, selection: &Selection, event: &EventRecord) -> bool {
        let Selection { orders, customers, .. } = selection;
        let order = self.orders.get(&event.order_id);
        let customer = order.map(|order| order.snapshot().customer_id);
        (orders.is_empty() || orders.contains(&event.order_id))
            && (customers.is_empty() || customer.is_some_and(|id| customers.contains(&id)))
            && selection.takes(event)
    }
}

#[async_trait]
impl JournalInspection for InMemoryStore {
    async fn duties(&self, _: Deadline) -> Result<Vec<DutyState>, StoreError> {
        let (tables, now) = (self.tables(), Instant::now());
        let duties = std::iter::once(Duty::Sequence).chain((0..SHARDS).map(Duty::Publish));
        let duty_state = |duty| match tables.journal.leases.get(&duty) {
            None => DutyState { duty, holder: None, position: 0 },
            Some(row) => {
                let holder = row.holder.filter(|_| row.until > now);
                DutyState { duty, holder, position: row.position }
            }
        };
        Ok(duties.map(duty_state).collect())
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
    ) -> Result<SelectedPage, StoreError> {
        let tables = self.tables();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let (mut events, mut through) = (Vec::new(), after);
        for (position, key) in tables.journal.places_after(after).take(WINDOW) {
            if events.len() >= limit {
                break;
            }
            through = position;
            let seen = !tables.journal.skipped.contains_key(key);
            let event = tables.events.get(key).filter(|_| seen);
            let Some(event) = event.filter(|event| tables.is_selected(selection, event)) else {
                continue;
            };
            let (order, sequence) = (event.order_id, event.sequence);
            let reason = "spoiled".to_owned();
            let spoiled = tables.spoiled.contains(key);
            let unreadable = Unreadable { position, order, sequence, reason };
            let placed = || JournalEntry { position, event: event.clone() };
            events.push(if spoiled { Err(unreadable) } else { Ok(placed()) });
        }
        Ok(SelectedPage { events, through })
    }

    async fn customer_order_ids(
        &self,
        customer: CustomerId,
        limit: u32,
        _: Deadline,
    ) -> Result<Vec<OrderId>, StoreError> {
        let tables = self.tables();
        let orders = tables.orders.values().map(order_domain::Order::snapshot);
        let theirs = orders.filter(|order| order.customer_id == customer);
        let mut theirs: Vec<_> = theirs.map(|order| (order.created_at, order.id)).collect();
        theirs.sort_unstable();
        theirs.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(theirs.into_iter().map(|(_, id)| id).collect())
    }

    async fn order_events(
        &self,
        order: OrderId,
        after: i64,
        limit: u32,
        _: Deadline,
    ) -> Result<OrderEvents, StoreError> {
        let tables = self.tables();
        let journal = &tables.journal;
        let seen = |key: &(OrderId, i64)| !journal.skipped.contains_key(key);
        let later = tables.events.range((order, after.saturating_add(1))..=(order, i64::MAX));
        let events = later.filter(|(key, _)| seen(key)).map(|(key, event)| match event {
            _ if tables.spoiled.contains(key) => (event.sequence, Err("spoiled".to_owned())),
            event => (event.sequence, Ok(event.clone())),
        });
        let waits = journal.parked.get(&order).map(|parked| parked.from);
        let waiting = tables.waiting().into_iter().filter(|(whose, _)| *whose == order);
        let waiting = waiting.filter_map(|(_, sequence)| Version::new(sequence).ok());
        Ok(OrderEvents {
            events: events.take(usize::try_from(limit).unwrap_or(usize::MAX)).collect(),
            unpublished: waiting.chain(waits).min(),
        })
    }
}
