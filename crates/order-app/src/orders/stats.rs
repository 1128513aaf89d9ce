//! What operators want to know of the orders of this process, as numbers that anybody may read at
//! any time. How they are exported is not here.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use order_domain::{OrderEvent, OrderEventKind, OrderStatus};

/// The steps of an order's life that there are.
const STEPS: [(Option<OrderStatus>, OrderEventKind); 7] = [
    (None, OrderEventKind::Created),
    (Some(OrderStatus::Pending), OrderEventKind::Updated),
    (Some(OrderStatus::Pending), OrderEventKind::Confirmed),
    (Some(OrderStatus::Confirmed), OrderEventKind::InProgress),
    (Some(OrderStatus::InProgress), OrderEventKind::Delivered),
    (Some(OrderStatus::Pending), OrderEventKind::Cancelled),
    (Some(OrderStatus::Confirmed), OrderEventKind::Cancelled),
];

/// Counted by the use cases, read by whoever has a share in it.
#[derive(Debug, Default)]
pub struct OrderStats {
    steps: [AtomicU64; STEPS.len()],
    replays: AtomicU64,
}

/// How often orders took one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepCount {
    /// The status before; `None`: there was no order.
    pub from: Option<OrderStatus>,
    /// The event that says so.
    pub kind: OrderEventKind,
    /// How often, since the process has started.
    pub count: u64,
}

impl OrderStats {
    /// How often orders took each of the steps that there are.
    pub fn steps(&self) -> impl Iterator<Item = StepCount> {
        let counts = self.steps.iter().map(|count| count.load(Relaxed));
        STEPS.iter().zip(counts).map(|(&(from, kind), count)| StepCount { from, kind, count })
    }

    /// Requests that were answered from the record, because they had been executed before.
    pub fn replays(&self) -> u64 {
        self.replays.load(Relaxed)
    }

    /// An event was committed.
    pub(super) fn took(&self, from: Option<OrderStatus>, kind: OrderEventKind) {
        let mut all = STEPS.iter().zip(&self.steps);
        if let Some((_, count)) = all.find(|(step, _)| **step == (from, kind)) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// A recorded answer was given again.
    pub(super) fn replayed(&self) {
        self.replays.fetch_add(1, Relaxed);
    }
}

/// The step that an event tells of.
pub(super) fn step_of(event: &OrderEvent) -> (Option<OrderStatus>, OrderEventKind) {
    (event.previous_status, event.kind)
}
