//! What is published, as things stand at one moment.

use std::collections::HashMap;

use order_domain::{OrderId, Version};

use super::super::deadline;
use crate::ports::{Duty, JournalEntry, JournalInspection, StoreError, Unreadable, shard};

const PAGE: u32 = 1_000;

/// See the head of the file. The relay bounds how many orders are parked.
pub(super) struct Published {
    shards: HashMap<u16, i64>,
    parked: HashMap<OrderId, i64>,
}

/// Which event stands where in the journal.
pub(super) struct Spot {
    pub(super) order: OrderId,
    pub(super) sequence: Version,
    pub(super) position: i64,
}

impl Spot {
    /// Also of an event that cannot be read.
    pub(super) fn of(entry: &Result<JournalEntry, Unreadable>) -> Self {
        match entry {
            Ok(JournalEntry { position, event }) => {
                Self { order: event.order_id, sequence: event.sequence, position: *position }
            }
            Err(Unreadable { position, order, sequence, .. }) => {
                Self { order: *order, sequence: *sequence, position: *position }
            }
        }
    }
}

impl Published {
    /// First how far the shards are, then who is parked: what a shard had passed by then is
    /// published, or its order is still parked.
    pub(super) async fn now(inspection: &dyn JournalInspection) -> Result<Self, StoreError> {
        let duties = inspection.duties(deadline()).await?;
        let shards = duties.iter().filter_map(|duty_state| match duty_state.duty {
            Duty::Publish(shard) => Some((shard, duty_state.position)),
            Duty::Sequence | Duty::Replay => None,
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

    /// The last place of a published event, or a later one.
    pub(super) fn last(&self) -> i64 {
        self.shards.values().copied().max().unwrap_or(0)
    }

    /// Whether an event is published.
    pub(super) fn has(&self, spot: &Spot) -> bool {
        let Spot { order, sequence, position } = *spot;
        let passed = self.shards.get(&shard(order)).is_some_and(|at| position <= *at);
        let waits = self.parked.get(&order).is_some_and(|from| sequence.get() >= *from);
        passed && !waits
    }
}
