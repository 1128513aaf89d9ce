//! The view of operators on the store in memory.

use async_trait::async_trait;
use order_app::events::EventRecord;
use order_app::ports::{
    Deadline, Duty, DutyState, JOURNAL_PAGE_BYTES, JournalInspection, OrderEvents, Parked, SHARDS,
    SelectedPage, Selection, Skipped, StoreError,
};
use order_domain::{CustomerId, OrderId, Version};
use tokio::time::Instant;

use super::journal::entry_size;
use super::{InMemoryStore, Tables, data, one_page, rows};
use crate::faults::{Call, Method};

/// How many entries one page of a selection looks at: few, so that readers need several pages.
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

    fn select(&self, selection: &Selection, after: i64, limit: u32) -> SelectedPage {
        let (mut events, mut through, mut bytes) = (Vec::new(), after, 0_usize);
        for (position, key) in self.journal.entries_after(after).take(WINDOW) {
            if events.len() >= rows(limit) || bytes >= JOURNAL_PAGE_BYTES {
                break;
            }
            through = position;
            let selected =
                |key| self.events.get(key).is_some_and(|e| self.is_selected(selection, e));
            let entry = self.entry(position, key).filter(|_| selected(key));
            bytes = bytes.saturating_add(entry.as_ref().map_or(0, entry_size));
            events.extend(entry);
        }
        SelectedPage { events, through }
    }

    fn order_events(&self, order: OrderId, after: i64, limit: u32) -> OrderEvents {
        let journal = &self.journal;
        let is_seen = |sequence: &Version| !journal.skipped.contains_key(&(order, sequence.get()));
        let events = self.events_above(order, after).filter(|(sequence, _)| is_seen(sequence));
        let parked = journal.parked.get(&order).map(|parked| parked.from);
        let waiting = self.waiting().into_iter().filter(|(whose, _)| *whose == order);
        let waiting = waiting.filter_map(|(_, sequence)| Version::new(sequence).ok());
        OrderEvents {
            events: one_page(events, limit, JOURNAL_PAGE_BYTES, |event| data(&event.1)),
            unpublished: waiting.chain(parked).min(),
        }
    }

    fn duties(&self) -> Vec<DutyState> {
        let now = Instant::now();
        let duties = std::iter::once(Duty::Sequence).chain((0..SHARDS).map(Duty::Publish));
        let state = |duty| match self.journal.leases.get(&duty) {
            None => DutyState { duty, holder: None, position: 0 },
            Some(row) => {
                let holder = row.holder.filter(|_| row.until > now);
                DutyState { duty, holder, position: row.position }
            }
        };
        duties.map(state).collect()
    }
}

#[async_trait]
impl JournalInspection for InMemoryStore {
    async fn duties(&self, deadline: Deadline) -> Result<Vec<DutyState>, StoreError> {
        self.call(Call::new(Method::Duties, deadline), |tables| tables.duties()).await
    }

    async fn parked_after(
        &self,
        after: i64,
        of: Option<u16>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<Parked>, StoreError> {
        let parked = |tables: &mut Tables| {
            let later = tables.journal.parked_of(of).filter(|row| row.order.get() > after);
            later.take(rows(limit)).cloned().collect()
        };
        self.call(Call::new(Method::ParkedAfter, deadline), parked).await
    }

    async fn skipped_after(
        &self,
        after: (i64, i64),
        order: Option<OrderId>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<Skipped>, StoreError> {
        let skipped = |tables: &mut Tables| {
            let later = tables.journal.skipped.values().filter(|row| {
                let own = order.is_none_or(|order| order == row.order);
                own && (row.order.get(), row.sequence.get()) > after
            });
            later.take(rows(limit)).cloned().collect()
        };
        self.call(Call::new(Method::SkippedAfter, deadline), skipped).await
    }

    async fn select(
        &self,
        selection: &Selection,
        after: i64,
        limit: u32,
        deadline: Deadline,
    ) -> Result<SelectedPage, StoreError> {
        let call = Call::new(Method::Select, deadline);
        self.call(call, |tables| tables.select(selection, after, limit)).await
    }

    async fn customer_order_ids(
        &self,
        customer: CustomerId,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<OrderId>, StoreError> {
        let ids = |tables: &mut Tables| {
            let orders = tables.orders.values().map(order_domain::Order::snapshot);
            let own = orders.filter(|order| order.customer_id == customer);
            let mut own: Vec<_> = own.map(|order| (order.created_at, order.id)).collect();
            own.sort_unstable();
            own.into_iter().take(rows(limit)).map(|(_, id)| id).collect()
        };
        self.call(Call::new(Method::CustomerOrderIds, deadline), ids).await
    }

    async fn order_events(
        &self,
        order: OrderId,
        after: i64,
        limit: u32,
        deadline: Deadline,
    ) -> Result<OrderEvents, StoreError> {
        let call = Call::new(Method::OrderEvents, deadline);
        self.call(call, |tables| tables.order_events(order, after, limit)).await
    }
}
