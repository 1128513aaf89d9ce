//! The part of a shard's journal that is being published: events in the order of their places, and
//! for each order the chain of its events, of which only the first may be under way. All of it is
//! plain data; nothing here waits or asks.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::mem;

use order_domain::{OrderId, Version};
use tokio::time::Instant;

use super::batch::{Batch, Origin};
use crate::events::EventRecord;
use crate::ports::{JournalEntry, Unreadable};

/// An event, or what is known of one that cannot be read.
pub(super) type Item = Result<EventRecord, Unreadable>;

/// Where in the journal an entry is, and whose it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub(super) position: i64,
    pub(super) order: OrderId,
    pub(super) sequence: Version,
}

/// Says where an entry is.
pub(super) fn at(entry: &Result<JournalEntry, Unreadable>) -> At {
    match entry {
        Ok(JournalEntry { position, event }) => {
            At { position: *position, order: event.order_id, sequence: event.sequence }
        }
        Err(Unreadable { position, order, sequence, .. }) => {
            At { position: *position, order: *order, sequence: *sequence }
        }
    }
}

/// See the head of the file.
#[derive(Debug)]
pub(super) struct Window {
    slots: VecDeque<Slot>,
    /// The number of the first slot; slots are numbered through.
    first: u64,
    lanes: HashMap<OrderId, Lane>,
    /// Orders whose first event may be sent. An order with a lane is here, or in `waiting`, or its
    /// first event is under way.
    ready: VecDeque<OrderId>,
    waiting: BTreeSet<(Instant, OrderId)>,
    read: i64,
    unrecorded: usize,
    bytes: usize,
    most_events: usize,
    most_bytes: usize,
}

#[derive(Debug)]
struct Slot {
    position: i64,
    /// The slot of the same order's next event.
    next: Option<u64>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Here(Item),
    UnderWay,
    Done,
}

/// The events of one order that are not published.
#[derive(Debug)]
struct Lane {
    first: u64,
    last: u64,
    failures: u32,
}

impl Window {
    /// A window that starts after a position.
    pub(super) fn new(after: i64, most_events: usize, most_bytes: usize) -> Self {
        Self {
            slots: VecDeque::new(),
            first: 0,
            lanes: HashMap::new(),
            ready: VecDeque::new(),
            waiting: BTreeSet::new(),
            read: after,
            unrecorded: 0,
            bytes: 0,
            most_events,
            most_bytes,
        }
    }

    /// Every event of the shard up to here has been taken in.
    pub(super) fn read(&self) -> i64 {
        self.read
    }

    /// Says that the shard has no other event up to a position.
    pub(super) fn read_up_to(&mut self, position: i64) {
        self.read = self.read.max(position);
    }

    /// Up to here everything is done.
    pub(super) fn cursor(&self) -> i64 {
        self.slots.front().map_or(self.read, |slot| slot.position.saturating_sub(1))
    }

    /// How many events are done behind the cursor and not recorded as such.
    pub(super) fn unrecorded(&self) -> usize {
        self.unrecorded
    }

    /// Says that so many of them are recorded.
    pub(super) fn recorded(&mut self, events: usize) {
        self.unrecorded = self.unrecorded.saturating_sub(events);
    }

    /// How many more events may be taken in.
    pub(super) fn room(&self) -> usize {
        let taken = self.slots.len().saturating_add(self.unrecorded);
        if self.bytes < self.most_bytes { self.most_events.saturating_sub(taken) } else { 0 }
    }

    /// Takes in the next event, to be published.
    pub(super) fn push(&mut self, entry: Result<JournalEntry, Unreadable>) {
        let At { position, order, .. } = at(&entry);
        if position <= self.read {
            return;
        }
        let entry = entry.map(|placed| placed.event);
        self.bytes = self.bytes.saturating_add(size(&entry));
        let number = self.append(position, Content::Here(entry));
        match self.lanes.entry(order) {
            Entry::Vacant(vacant) => {
                vacant.insert(Lane { first: number, last: number, failures: 0 });
                self.ready.push_back(order);
            }
            Entry::Occupied(mut lane) => {
                let before = mem::replace(&mut lane.get_mut().last, number);
                if let Some(slot) = self.slot(before) {
                    slot.next = Some(number);
                }
            }
        }
    }

    /// Takes in the next event, which is not to be published.
    pub(super) fn pass(&mut self, position: i64) {
        if position > self.read {
            self.append(position, Content::Done);
            self.settle();
        }
    }

    /// Fills a batch up to a length with the first events of orders that may be sent; answers with
    /// those that have come first in their orders and cannot be read.
    pub(super) fn take(&mut self, batch: &mut Batch, length: usize) -> Vec<(u64, Unreadable)> {
        let mut unreadable = Vec::new();
        while batch.len() < length
            && let Some(order) = self.ready.pop_front()
        {
            let number = self.lanes.get(&order).map(|lane| lane.first);
            let Some((number, slot)) = number.and_then(|n| Some((n, self.slot(n)?))) else {
                continue;
            };
            match mem::replace(&mut slot.content, Content::UnderWay) {
                Content::Here(Ok(event)) => batch.push(Origin::Slot(number), event),
                Content::Here(Err(entry)) => unreadable.push((number, entry)),
                Content::UnderWay | Content::Done => {}
            }
        }
        unreadable
    }

    /// The event in a slot has been published: its order's next one may go.
    pub(super) fn done(&mut self, number: u64, event: &EventRecord) {
        self.bytes = self.bytes.saturating_sub(size_of_event(event));
        let Some(slot) = self.slot(number) else { return };
        slot.content = Content::Done;
        let order = event.order_id;
        match slot.next {
            None => drop(self.lanes.remove(&order)),
            Some(next) => {
                if let Some(lane) = self.lanes.get_mut(&order) {
                    (lane.first, lane.failures) = (next, 0);
                }
                self.ready.push_back(order);
            }
        }
        self.settle();
    }

    /// The event was not published, and it was not its own fault: it may go again.
    pub(super) fn again(&mut self, number: u64, event: EventRecord) {
        let order = event.order_id;
        self.put_back(number, Ok(event));
        self.ready.push_back(order);
    }

    /// Counts a failure of an order; says how many came before.
    pub(super) fn failed(&mut self, order: OrderId) -> u32 {
        self.lanes.get_mut(&order).map_or(0, |lane| {
            let failures = lane.failures.saturating_add(1);
            mem::replace(&mut lane.failures, failures)
        })
    }

    /// The event was not published, or not parked; its order waits until a time.
    pub(super) fn wait(&mut self, number: u64, entry: Item, until: Instant) {
        let order = entry.as_ref().map_or_else(|unreadable| unreadable.order, |e| e.order_id);
        self.put_back(number, entry);
        self.waiting.insert((until, order));
    }

    /// Makes orders ready that have waited long enough; says when the next one has.
    pub(super) fn wake(&mut self, now: Instant) -> Option<Instant> {
        while let Some((until, order)) = self.waiting.first().copied() {
            if until > now {
                return Some(until);
            }
            self.waiting.pop_first();
            self.ready.push_back(order);
        }
        None
    }

    /// Makes all orders ready that wait.
    pub(super) fn hurry(&mut self) {
        let waiting = mem::take(&mut self.waiting);
        self.ready.extend(waiting.into_iter().map(|(_, order)| order));
    }

    /// Passes over all events of an order whose first one, that has been taken, was refused; answers
    /// with the sequence of the last one, when there are others.
    pub(super) fn set_aside(&mut self, order: OrderId, refused: usize) -> Option<Version> {
        self.bytes = self.bytes.saturating_sub(refused);
        let lane = self.lanes.remove(&order)?;
        let mut last = None;
        let mut next = Some(lane.first);
        while let Some(slot) = next.and_then(|number| self.slot(number)) {
            next = slot.next;
            if let Content::Here(entry) = mem::replace(&mut slot.content, Content::Done) {
                last = Some(entry.as_ref().map_or_else(|e| e.sequence, |event| event.sequence));
                self.bytes = self.bytes.saturating_sub(size(&entry));
            }
        }
        self.settle();
        last
    }

    fn append(&mut self, position: i64, content: Content) -> u64 {
        self.read = position;
        let behind = u64::try_from(self.slots.len()).unwrap_or(u64::MAX);
        self.slots.push_back(Slot { position, next: None, content });
        self.first.saturating_add(behind)
    }

    fn slot(&mut self, number: u64) -> Option<&mut Slot> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.slots.get_mut(index)
    }

    fn put_back(&mut self, number: u64, entry: Item) {
        if let Some(slot) = self.slot(number) {
            slot.content = Content::Here(entry);
        }
    }

    /// Moves the cursor over what is done.
    fn settle(&mut self) {
        while self.slots.front().is_some_and(|slot| matches!(slot.content, Content::Done)) {
            self.slots.pop_front();
            self.first = self.first.saturating_add(1);
            self.unrecorded = self.unrecorded.saturating_add(1);
        }
    }
}

/// About how much memory an entry takes.
pub(super) fn size(entry: &Item) -> usize {
    match entry {
        Ok(event) => size_of_event(event),
        Err(unreadable) => unreadable.reason.len().saturating_add(size_of::<Slot>()),
    }
}

/// The same for an event.
pub(super) fn size_of_event(event: &EventRecord) -> usize {
    let texts = event.data.len().saturating_add(event.context.len());
    texts.saturating_add(size_of::<Slot>())
}
