//! The numbers of the use cases, for operators. Exporting them is not here.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use order_domain::{OrderEventKind, OrderStatus};

/// All steps of an order's life.
const STEPS: [(Option<OrderStatus>, OrderEventKind); 7] = [
    (None, OrderEventKind::Created),
    (Some(OrderStatus::Pending), OrderEventKind::Updated),
    (Some(OrderStatus::Pending), OrderEventKind::Confirmed),
    (Some(OrderStatus::Confirmed), OrderEventKind::InProgress),
    (Some(OrderStatus::InProgress), OrderEventKind::Delivered),
    (Some(OrderStatus::Pending), OrderEventKind::Cancelled),
    (Some(OrderStatus::Confirmed), OrderEventKind::Cancelled),
];

/// Counted by the use cases, and shared with its readers.
#[derive(Debug, Default)]
pub struct OrderStats {
    steps: [AtomicU64; STEPS.len()],
    replays: AtomicU64,
    left_out: AtomicU64,
}

/// How often orders took a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepCount {
    /// The status before; `None` when the order is new.
    pub from: Option<OrderStatus>,
    /// The event of the step.
    pub kind: OrderEventKind,
    /// How often, since the process started.
    pub count: u64,
}

impl OrderStats {
    /// How often orders took each step.
    pub fn steps(&self) -> impl Iterator<Item = StepCount> {
        let counts = self.steps.iter().map(|count| count.load(Relaxed));
        STEPS.iter().zip(counts).map(|(&(from, kind), count)| StepCount { from, kind, count })
    }

    /// Requests that got a recorded answer, because they had been executed before.
    pub fn replays(&self) -> u64 {
        self.replays.load(Relaxed)
    }

    /// How often an event was left out of its order's history, because it cannot be read.
    pub fn unreadable_events(&self) -> u64 {
        self.left_out.load(Relaxed)
    }

    /// An event was committed.
    pub(super) fn took(&self, from: Option<OrderStatus>, kind: OrderEventKind) {
        let mut all = STEPS.iter().zip(&self.steps);
        if let Some((_, count)) = all.find(|(step, _)| **step == (from, kind)) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// Events were left out of a history.
    pub(super) fn left_out(&self, events: usize) {
        self.left_out.fetch_add(events.try_into().unwrap_or(u64::MAX), Relaxed);
    }

    /// A recorded answer was given again.
    pub(super) fn replayed(&self) {
        self.replays.fetch_add(1, Relaxed);
    }
}
