//! The progress of a shard that the journal does not have yet. One recording is under way at a time;
//! until it is answered, its content is kept, so that it can be repeated.

use std::collections::{BTreeMap, BTreeSet};

use order_domain::{OrderId, Version};
use tokio::time::Instant;

use crate::ports::{Parking, Progress};

/// The most orders that one recording parks, so that its transaction stays small.
const PARKINGS: usize = 100;

/// See the head of the file.
#[derive(Debug)]
pub(super) struct UnrecordedProgress {
    /// The position that the journal has.
    recorded: i64,
    park: BTreeMap<OrderId, Parking>,
    unpark: BTreeSet<OrderId>,
    under_way: Option<Recording>,
    /// When published events are recorded at the latest; set while there are any.
    due: Option<Instant>,
}

#[derive(Debug)]
struct Recording {
    progress: Progress,
    events: usize,
}

impl UnrecordedProgress {
    pub(super) fn new(recorded: i64) -> Self {
        let (park, unpark) = (BTreeMap::new(), BTreeSet::new());
        Self { recorded, park, unpark, under_way: None, due: None }
    }

    pub(super) fn park(&mut self, order: OrderId, from: Version, reason: String) {
        self.unpark.remove(&order);
        self.park.insert(order, Parking { order, from, reason });
    }

    pub(super) fn unpark(&mut self, order: OrderId) {
        self.park.remove(&order);
        self.unpark.insert(order);
    }

    /// Sets when published events are recorded at the latest, unless that is set.
    pub(super) fn due(&mut self, by: Instant) -> Instant {
        *self.due.get_or_insert(by)
    }

    /// Whether orders are to be parked or unparked.
    pub(super) fn is_urgent(&self) -> bool {
        !self.park.is_empty() || !self.unpark.is_empty()
    }

    pub(super) fn is_recording(&self) -> bool {
        self.under_way.is_some()
    }

    /// Begins a recording: all is done up to `cursor`, which are `events` events. The position
    /// passes the events of a parked order only together with its parking.
    pub(super) fn begin(&mut self, cursor: i64, events: usize) -> Progress {
        let park: Vec<_> = self.park.values().take(PARKINGS).cloned().collect();
        let whole = park.len() == self.park.len();
        let (position, events) = if whole { (cursor, events) } else { (self.recorded, 0) };
        let unpark = if whole { self.unpark.iter().copied().collect() } else { Vec::new() };
        let progress = Progress { position, park, unpark };
        self.under_way = Some(Recording { progress: progress.clone(), events });
        self.due = None;
        progress
    }

    /// The recording failed, or its outcome is unknown: all of it is repeated.
    pub(super) fn failed(&mut self) {
        self.under_way = None;
    }

    /// The recording succeeded. Answers with how many events it has made durable, and which parkings.
    pub(super) fn succeeded(&mut self) -> Option<(usize, Vec<OrderId>)> {
        let Recording { progress, events } = self.under_way.take()?;
        self.recorded = self.recorded.max(progress.position);
        for order in &progress.unpark {
            self.unpark.remove(order);
        }
        let mut parked = Vec::with_capacity(progress.park.len());
        for parking in progress.park {
            // A parking that has changed meanwhile is recorded again.
            if self.park.get(&parking.order) == Some(&parking) {
                self.park.remove(&parking.order);
                parked.push(parking.order);
            }
        }
        Some((events, parked))
    }
}
