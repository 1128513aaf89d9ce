//! What is published at one moment.

use std::collections::HashMap;

use order_domain::OrderId;

use super::deadline;
use crate::ports::{Duty, EntryKey, JournalInspection, StoreError, shard};

const PAGE: u32 = 1_000;

/// See the head of the file. Small: the relay limits the number of parked orders.
pub(super) struct Published {
    shards: HashMap<u16, i64>,
    parked: HashMap<OrderId, i64>,
}

impl Published {
    /// Reads first the positions of the shards, then the parked orders: an event that a shard had
    /// passed by then is published, or its order is still parked.
    pub(super) async fn now(inspection: &dyn JournalInspection) -> Result<Self, StoreError> {
        let duties = inspection.duties(deadline()).await?;
        let shards = duties.iter().filter_map(|state| match state.duty {
            Duty::Publish(shard) => Some((shard, state.position)),
            Duty::Sequence | Duty::Replay | Duty::Sagas => None,
        });
        let mut published = Self { shards: shards.collect(), parked: HashMap::new() };
        let mut after = 0;
        loop {
            let page = inspection.parked_after(after, None, PAGE, deadline()).await?;
            let Some(last) = page.last() else { return Ok(published) };
            after = last.order.get();
            let parked = page.iter().map(|parked| (parked.order, parked.from.get()));
            published.parked.extend(parked);
        }
    }

    /// The position of the last published event, or a later one.
    pub(super) fn last(&self) -> i64 {
        self.shards.values().copied().max().unwrap_or(0)
    }

    /// Whether an event is published.
    pub(super) fn has(&self, entry: EntryKey) -> bool {
        let EntryKey { order, sequence, position } = entry;
        let passed = self.shards.get(&shard(order)).is_some_and(|at| position <= *at);
        let waits = self.parked.get(&order).is_some_and(|from| sequence.get() >= *from);
        passed && !waits
    }
}
