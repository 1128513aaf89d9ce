//! Events on their way to the publisher, with where each came from.

use crate::events::EventRecord;

/// One call to the publisher: the events, and beside each where it belongs. Events are moved in
/// and out, never copied.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) events: Vec<EventRecord>,
    pub(super) origins: Vec<Origin>,
}

/// Where an event belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// In the slot of the window with this number.
    Slot(u64),
    /// To a parked order that is being redriven.
    Redrive,
}

impl Batch {
    pub(super) fn push(&mut self, origin: Origin, event: EventRecord) {
        self.origins.push(origin);
        self.events.push(event);
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }
}
