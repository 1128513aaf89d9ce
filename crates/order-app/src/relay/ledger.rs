//! What a shard's publisher has done and the journal does not know yet. One recording is under way
//! at a time; until it is answered, what it says is kept, so that it can be said again.

use std::collections::{BTreeMap, BTreeSet};

use order_domain::{OrderId, Version};
use tokio::time::Instant;

use crate::ports::{Parking, Progress};

/// At most so many orders are parked in one recording, so that its transaction stays small.
const PARKINGS: usize = 100;

/// See the head of the file.
#[derive(Debug)]
pub(super) struct Ledger {
    /// The position that the journal has.
    position: i64,
    park: BTreeMap<OrderId, Parking>,
    unpark: BTreeSet<OrderId>,
    sent: Option<Sent>,
    /// When done events are recorded at the latest; set while there are any.
    due: Option<Instant>,
}

#[derive(Debug)]
struct Sent {
    progress: Progress,
    events: usize,
}

/// What the journal has just learned.
#[derive(Debug)]
pub(super) struct Recorded {
    /// So many events are done.
    pub(super) events: usize,
    /// These orders are parked.
    pub(super) parked: Vec<OrderId>,
}

impl Ledger {
    pub(super) fn new(position: i64) -> Self {
        let (park, unpark) = (BTreeMap::new(), BTreeSet::new());
        Self { position, park, unpark, sent: None, due: None }
    }

    /// The order is to be parked from an event on.
    pub(super) fn park(&mut self, order: OrderId, from: Version, reason: String) {
        self.unpark.remove(&order);
        self.park.insert(order, Parking { order, from, reason });
    }

    /// The order is not to be parked any more.
    pub(super) fn unpark(&mut self, order: OrderId) {
        self.park.remove(&order);
        self.unpark.insert(order);
    }

    /// Notes by when what is done must be recorded; the first one counts.
    pub(super) fn due(&mut self, by: Instant) -> Instant {
        *self.due.get_or_insert(by)
    }

    /// Whether orders wait to be parked or unparked.
    pub(super) fn is_urgent(&self) -> bool {
        !self.park.is_empty() || !self.unpark.is_empty()
    }

    /// Whether a recording is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.sent.is_some()
    }

    /// What to record now, given how far everything is done and how many events that is. The
    /// position may pass an order's events only together with its parking.
    pub(super) fn send(&mut self, cursor: i64, events: usize) -> Progress {
        let park: Vec<_> = self.park.values().take(PARKINGS).cloned().collect();
        let whole = park.len() == self.park.len();
        let (position, events) = if whole { (cursor, events) } else { (self.position, 0) };
        let unpark = if whole { self.unpark.iter().copied().collect() } else { Vec::new() };
        let progress = Progress { position, park, unpark };
        self.sent = Some(Sent { progress: progress.clone(), events });
        self.due = None;
        progress
    }

    /// The recording failed, or nobody knows what came of it: all of it is to be said again.
    pub(super) fn failed(&mut self) {
        self.sent = None;
    }

    /// The recording is done.
    pub(super) fn recorded(&mut self) -> Option<Recorded> {
        let Sent { progress, events } = self.sent.take()?;
        self.position = self.position.max(progress.position);
        for order in &progress.unpark {
            self.unpark.remove(order);
        }
        let mut parked = Vec::with_capacity(progress.park.len());
        for parking in progress.park {
            // Only what has not changed since then is settled.
            if self.park.get(&parking.order) == Some(&parking) {
                self.park.remove(&parking.order);
                parked.push(parking.order);
            }
        }
        Some(Recorded { events, parked })
    }
}
