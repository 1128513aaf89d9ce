//! The events of one call to the publisher.

use crate::events::EventRecord;

/// Events, and beside each where it came from. Events are moved in and out, never copied.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(super) events: Vec<EventRecord>,
    pub(super) origins: Vec<Origin>,
}

/// Where an event came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// From the slot of the window with this number.
    Window(u64),
    /// From a parked order that is redriven.
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
