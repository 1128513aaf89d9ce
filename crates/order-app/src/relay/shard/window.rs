//! The part of a shard's journal that is being published: entries in the order of their positions,
//! and for each order a queue of its events, of which only the first may be under way. Plain data,
//! without calls and waits.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::mem;

use order_domain::{OrderId, Version};
use tokio::time::Instant;

use super::batch::{Batch, Origin};
use crate::events::EventRecord;
use crate::ports::{EntryKey, ReadEntry, Unreadable};

/// An event, or what is known of one that cannot be read.
pub(super) type Item = Result<EventRecord, Unreadable>;

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct Window {
    slots: VecDeque<Slot>,
    /// The number of the first slot. Later slots have the numbers that follow.
    first: u64,
    queues: HashMap<OrderId, OrderQueue>,
    /// Orders whose first event may be sent. An order with a queue is here, or in `waiting`, or its
    /// first event is under way.
    ready: VecDeque<OrderId>,
    waiting: BTreeSet<(Instant, OrderId)>,
    /// The shard's entries are taken in up to this position.
    pub(crate) read_through: i64,
    /// How many events up to the cursor are not recorded as done.
    pub(super) unrecorded: usize,
    bytes: usize,
    max_events: usize,
    max_bytes: usize,
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
struct OrderQueue {
    first: u64,
    last: u64,
    failures: u32,
}

impl Window {
    /// A window that starts after a position.
    pub(super) fn new(after: i64, max_events: usize, max_bytes: usize) -> Self {
        Self {
            slots: VecDeque::new(),
            first: 0,
            queues: HashMap::new(),
            ready: VecDeque::new(),
            waiting: BTreeSet::new(),
            read_through: after,
            unrecorded: 0,
            bytes: 0,
            max_events,
            max_bytes,
        }
    }

    /// Notes that the shard has no other entry up to a position.
    pub(crate) fn set_read_through(&mut self, position: i64) {
        self.read_through = self.read_through.max(position);
    }

    /// Up to this position, every event is published or belongs to a parked order.
    pub(super) fn cursor(&self) -> i64 {
        self.slots.front().map_or(self.read_through, |slot| slot.position.saturating_sub(1))
    }

    pub(super) fn recorded(&mut self, events: usize) {
        self.unrecorded = self.unrecorded.saturating_sub(events);
    }

    /// How many more events may be taken in.
    pub(super) fn room(&self) -> usize {
        let taken = self.slots.len().saturating_add(self.unrecorded);
        if self.bytes < self.max_bytes { self.max_events.saturating_sub(taken) } else { 0 }
    }

    /// Takes in the next entry, to be published.
    pub(super) fn push(&mut self, entry: ReadEntry) {
        let EntryKey { position, order, .. } = EntryKey::of(&entry);
        if position <= self.read_through {
            return;
        }
        let item = entry.map(|entry| entry.event);
        self.bytes = self.bytes.saturating_add(size(&item));
        let number = self.append(position, Content::Here(item));
        match self.queues.entry(order) {
            Entry::Vacant(vacant) => {
                vacant.insert(OrderQueue { first: number, last: number, failures: 0 });
                self.ready.push_back(order);
            }
            Entry::Occupied(mut queue) => {
                let before = mem::replace(&mut queue.get_mut().last, number);
                if let Some(slot) = self.slot(before) {
                    slot.next = Some(number);
                }
            }
        }
    }

    /// Takes in the next entry, whose order is parked.
    pub(super) fn pass_over(&mut self, position: i64) {
        if position > self.read_through {
            self.append(position, Content::Done);
            self.move_cursor();
        }
    }

    /// Fills a batch up to a length with the first events of orders that may be sent. Answers with
    /// the unreadable ones among them, by their slots.
    pub(super) fn take(&mut self, batch: &mut Batch, length: usize) -> Vec<(u64, Unreadable)> {
        let mut unreadable = Vec::new();
        while batch.len() < length
            && let Some(order) = self.ready.pop_front()
        {
            let number = self.queues.get(&order).map(|queue| queue.first);
            let Some((number, slot)) = number.and_then(|n| Some((n, self.slot(n)?))) else {
                continue;
            };
            match mem::replace(&mut slot.content, Content::UnderWay) {
                Content::Here(Ok(event)) => batch.push(Origin::Window(number), event),
                Content::Here(Err(entry)) => unreadable.push((number, entry)),
                Content::UnderWay | Content::Done => {}
            }
        }
        unreadable
    }

    /// The event of a slot is published: the next one of its order may be sent.
    pub(super) fn published(&mut self, number: u64, event: &EventRecord) {
        self.bytes = self.bytes.saturating_sub(size_of_event(event));
        let Some(slot) = self.slot(number) else { return };
        slot.content = Content::Done;
        let order = event.order_id;
        match slot.next {
            None => drop(self.queues.remove(&order)),
            Some(next) => {
                if let Some(queue) = self.queues.get_mut(&order) {
                    (queue.first, queue.failures) = (next, 0);
                }
                self.ready.push_back(order);
            }
        }
        self.move_cursor();
    }

    /// The event was not published, for a reason that is not its own: it may be sent again.
    pub(super) fn put_back(&mut self, number: u64, event: EventRecord) {
        let order = event.order_id;
        self.refill(number, Ok(event));
        self.ready.push_back(order);
    }

    /// The event was not published, or not parked: its order waits until a time.
    pub(super) fn put_back_until(&mut self, number: u64, item: Item, until: Instant) {
        let order = item.as_ref().map_or_else(|unreadable| unreadable.order, |e| e.order_id);
        self.refill(number, item);
        self.waiting.insert((until, order));
    }

    /// Counts a failure of an order. Answers with how many came before.
    pub(super) fn failed(&mut self, order: OrderId) -> u32 {
        self.queues.get_mut(&order).map_or(0, |queue| {
            let failures = queue.failures.saturating_add(1);
            mem::replace(&mut queue.failures, failures)
        })
    }

    /// Makes the orders ready that have waited long enough. Answers with when the next one has.
    pub(super) fn end_waits(&mut self, now: Instant) -> Option<Instant> {
        while let Some((until, order)) = self.waiting.first().copied() {
            if until > now {
                return Some(until);
            }
            self.waiting.pop_first();
            self.ready.push_back(order);
        }
        None
    }

    /// Makes all waiting orders ready.
    pub(super) fn end_all_waits(&mut self) {
        let waiting = mem::take(&mut self.waiting);
        self.ready.extend(waiting.into_iter().map(|(_, order)| order));
    }

    /// Passes over all events of an order. Its first one, of `size` bytes, has been taken and was
    /// refused. Answers with the sequence of the last one, when there are others.
    pub(super) fn pass_over_order(&mut self, order: OrderId, size: usize) -> Option<Version> {
        self.bytes = self.bytes.saturating_sub(size);
        let queue = self.queues.remove(&order)?;
        let mut last = None;
        let mut next = Some(queue.first);
        while let Some(slot) = next.and_then(|number| self.slot(number)) {
            next = slot.next;
            if let Content::Here(item) = mem::replace(&mut slot.content, Content::Done) {
                last = Some(item.as_ref().map_or_else(|e| e.sequence, |event| event.sequence));
                self.bytes = self.bytes.saturating_sub(self::size(&item));
            }
        }
        self.move_cursor();
        last
    }

    fn append(&mut self, position: i64, content: Content) -> u64 {
        self.read_through = position;
        let before = u64::try_from(self.slots.len()).unwrap_or(u64::MAX);
        self.slots.push_back(Slot { position, next: None, content });
        self.first.saturating_add(before)
    }

    fn slot(&mut self, number: u64) -> Option<&mut Slot> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.slots.get_mut(index)
    }

    fn refill(&mut self, number: u64, item: Item) {
        if let Some(slot) = self.slot(number) {
            slot.content = Content::Here(item);
        }
    }

    /// Drops the done slots at the front, which moves the cursor.
    fn move_cursor(&mut self) {
        while self.slots.front().is_some_and(|slot| matches!(slot.content, Content::Done)) {
            self.slots.pop_front();
            self.first = self.first.saturating_add(1);
            self.unrecorded = self.unrecorded.saturating_add(1);
        }
    }
}

/// About how much memory an item takes, in bytes.
pub(super) fn size(item: &Item) -> usize {
    match item {
        Ok(event) => size_of_event(event),
        Err(unreadable) => unreadable.reason.len().saturating_add(size_of::<Slot>()),
    }
}

/// About how much memory an event takes, in bytes.
pub(super) fn size_of_event(event: &EventRecord) -> usize {
    let texts = event.data.len().saturating_add(event.context.len());
    texts.saturating_add(size_of::<Slot>())
}
