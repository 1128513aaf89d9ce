//! The parked orders of a shard, and the redriving of those that somebody asked for. The window
//! passes their events over; a redrive reads them from the store instead, from the first one that
//! was not published, and publishes them one at a time.
//!
//! When is an order parked no more? The window may have passed an event after the redrive had read
//! the last one. So the redrive ends only when the store has nothing after what was published *and*
//! the window has passed nothing after it. From that moment, in one and the same step, the window
//! takes the order's events as those of any other. What an earlier holder of the shard passed was
//! committed before we took the lease, so that reading to the end covers it.

use std::collections::{BTreeMap, HashMap, VecDeque};

use order_domain::{OrderId, Version};
use tokio::time::Instant;

use super::batch::{Batch, Origin};
use crate::events::EventRecord;
use crate::ports::Parked;

/// At most so many orders of a shard are redriven at a time; the others wait for their turn.
const REDRIVES: usize = 16;

/// See the head of the file.
#[derive(Debug, Default)]
pub(super) struct Asides {
    orders: HashMap<OrderId, Aside>,
    redrives: BTreeMap<OrderId, Redrive>,
}

#[derive(Debug)]
struct Aside {
    /// The last event that the window has passed over.
    passed: i64,
    /// Whether the journal knows that the order is parked. Only then what it says about wishes is
    /// about this parking, not about the one before.
    recorded: bool,
}

#[derive(Debug)]
struct Redrive {
    /// The last event that is published, or left out.
    through: i64,
    events: VecDeque<EventRecord>,
    state: State,
    failures: u32,
    /// Whether its events are read one at a time, because one of them cannot be read.
    alone: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// More events are to be read, not before a time.
    Read(Instant),
    /// They are being read.
    Reading,
    /// The next event is to be published, not before a time.
    Ready(Instant),
    /// It is under way.
    UnderWay,
}

/// What came of reading the events of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Redriven {
    /// There is more to publish, or to read.
    Goes,
    /// All is published: the order is not parked any more.
    Ended,
    /// The store does not have what the journal has.
    Missing,
}

impl Asides {
    pub(super) fn len(&self) -> usize {
        self.orders.len()
    }

    /// Whether there is anybody whose wish to be redriven could be taken up.
    pub(super) fn may_redrive(&self) -> bool {
        self.redrives.len() < REDRIVES && self.orders.len() > self.redrives.len()
    }

    /// Puts an order aside that the journal knows as parked.
    pub(super) fn known(&mut self, order: OrderId) {
        self.orders.insert(order, Aside { passed: 0, recorded: true });
    }

    /// Puts an order aside of which the journal is to be told; the window has passed its events up
    /// to a sequence.
    pub(super) fn park(&mut self, order: OrderId, passed: Version) {
        self.redrives.remove(&order);
        let aside = self.orders.entry(order).or_insert(Aside { passed: 0, recorded: false });
        aside.recorded = false;
        aside.passed = aside.passed.max(passed.get());
    }

    /// Notes that an event is passed over, if its order is parked.
    pub(super) fn passes(&mut self, order: OrderId, sequence: Version) -> bool {
        let aside = self.orders.get_mut(&order);
        let passed = aside.map(|aside| aside.passed = aside.passed.max(sequence.get()));
        passed.is_some()
    }

    /// Notes that the journal knows of a parking.
    pub(super) fn recorded(&mut self, order: OrderId) {
        if let Some(aside) = self.orders.get_mut(&order) {
            aside.recorded = true;
        }
    }

    /// Takes up the wishes among what the journal says.
    pub(super) fn wishes(&mut self, parked: &[Parked], now: Instant) {
        for row in parked.iter().filter(|row| row.redrive) {
            let known = self.orders.get(&row.order).is_some_and(|aside| aside.recorded);
            let idle = !self.redrives.contains_key(&row.order);
            if known && idle && self.redrives.len() < REDRIVES {
                let through = row.from.get().saturating_sub(1);
                let (events, state) = (VecDeque::new(), State::Read(now));
                let redrive = Redrive { through, events, state, failures: 0, alone: false };
                self.redrives.insert(row.order, redrive);
            }
        }
    }

    /// The next order whose events are to be read, after which sequence, and whether one at a time.
    pub(super) fn next_to_read(&mut self, now: Instant) -> Option<(OrderId, i64, bool)> {
        let due = |redrive: &Redrive| matches!(redrive.state, State::Read(at) if at <= now);
        let (order, redrive) = self.redrives.iter_mut().find(|(_, redrive)| due(redrive))?;
        redrive.state = State::Reading;
        Some((*order, redrive.through, redrive.alone))
    }

    /// Has the events of an order read one at a time; `false` when they were.
    pub(super) fn read_alone(&mut self, order: OrderId, now: Instant) -> bool {
        let Some(redrive) = self.redrives.get_mut(&order) else { return false };
        if !redrive.alone {
            redrive.state = State::Read(now);
        }
        !std::mem::replace(&mut redrive.alone, true)
    }

    /// The event of a redriven order that is to be published next.
    pub(super) fn next_event(&self, order: OrderId) -> Option<Version> {
        let redrive = self.redrives.get(&order)?;
        Version::new(redrive.through.saturating_add(1)).ok()
    }

    /// Takes in the events of an order, or that there are no more.
    pub(super) fn read(
        &mut self,
        order: OrderId,
        events: Vec<EventRecord>,
        now: Instant,
    ) -> Redriven {
        let Some(redrive) = self.redrives.get_mut(&order) else { return Redriven::Goes };
        if !events.is_empty() {
            // Only what follows on: a row that is missing must not be passed over.
            let sequences = redrive.through.saturating_add(1)..;
            let following = events.into_iter().zip(sequences);
            let following = following.take_while(|(event, next)| event.sequence.get() == *next);
            redrive.events = following.map(|(event, _)| event).collect();
            redrive.state = State::Ready(now);
            let none = redrive.events.is_empty();
            return if none { Redriven::Missing } else { Redriven::Goes };
        }
        let passed = self.orders.get(&order).map_or(0, |aside| aside.passed);
        if passed > redrive.through {
            // Passed since the question, or missing: the next answer tells. In the second case
            // there was time for it to be put.
            redrive.state = State::Read(now);
            redrive.failures = redrive.failures.saturating_add(1);
            return if redrive.failures > 1 { Redriven::Missing } else { Redriven::Goes };
        }
        self.redrives.remove(&order);
        self.orders.remove(&order);
        Redriven::Ended
    }

    /// Reads the events of an order again at a later time.
    pub(super) fn read_later(&mut self, order: OrderId, at: Instant) {
        if let Some(redrive) = self.redrives.get_mut(&order) {
            redrive.state = State::Read(at);
        }
    }

    /// Fills a batch up to a length with the next events of redriven orders.
    pub(super) fn take(&mut self, batch: &mut Batch, length: usize, now: Instant) {
        for redrive in self.redrives.values_mut() {
            if batch.len() < length
                && matches!(redrive.state, State::Ready(at) if at <= now)
                && let Some(event) = redrive.events.pop_front()
            {
                redrive.state = State::UnderWay;
                batch.push(Origin::Redrive, event);
            }
        }
    }

    /// An event of a redriven order has been published.
    pub(super) fn done(&mut self, event: &EventRecord, now: Instant) {
        if let Some(redrive) = self.redrives.get_mut(&event.order_id) {
            redrive.through = event.sequence.get();
            redrive.failures = 0;
            let more = !redrive.events.is_empty();
            redrive.state = if more { State::Ready(now) } else { State::Read(now) };
        }
    }

    /// Counts a failure of a redriven order; says how many came before.
    pub(super) fn failed(&mut self, order: OrderId) -> u32 {
        let redrive = self.redrives.get_mut(&order);
        redrive.map_or(0, |redrive| {
            let failures = redrive.failures.saturating_add(1);
            std::mem::replace(&mut redrive.failures, failures)
        })
    }

    /// The event of a redriven order was not published, and may go again at a time.
    pub(super) fn again(&mut self, event: EventRecord, at: Instant) {
        if let Some(redrive) = self.redrives.get_mut(&event.order_id) {
            redrive.events.push_front(event);
            redrive.state = State::Ready(at);
        }
    }

    /// When the next redrive has something to do that it could not do yet.
    pub(super) fn wake(&self, now: Instant) -> Option<Instant> {
        let times = self.redrives.values().filter_map(|redrive| match redrive.state {
            State::Read(at) | State::Ready(at) => Some(at),
            State::Reading | State::UnderWay => None,
        });
        times.filter(|at| *at > now).min()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use order_domain::OrderEventKind;
    use uuid::Uuid;

    use super::*;

    fn order() -> OrderId {
        OrderId::new(7).unwrap()
    }

    fn version(sequence: i64) -> Version {
        Version::new(sequence).unwrap()
    }

    fn event(sequence: i64) -> EventRecord {
        EventRecord {
            id: Uuid::nil(),
            order_id: order(),
            sequence: version(sequence),
            kind: OrderEventKind::Updated,
            occurred_at: DateTime::UNIX_EPOCH,
            context: String::new(),
            data: String::new(),
        }
    }

    fn wish(from: i64) -> Parked {
        let (reason, since) = (String::new(), DateTime::UNIX_EPOCH);
        Parked { order: order(), from: version(from), reason, since, attempts: 1, redrive: true }
    }

    /// The order was parked at 3, which is redriven, and the store was asked for more.
    fn redriven(now: Instant) -> Asides {
        let mut asides = Asides::default();
        asides.known(order());
        asides.wishes(&[wish(3)], now);
        assert_eq!(asides.next_to_read(now), Some((order(), 2, false)));
        assert_eq!(asides.read(order(), vec![event(3)], now), Redriven::Goes);
        let mut batch = Batch::default();
        asides.take(&mut batch, 10, now);
        assert_eq!(batch.events, [event(3)]);
        asides.done(&event(3), now);
        assert_eq!(asides.next_to_read(now), Some((order(), 3, false)));
        asides
    }

    #[test]
    fn a_redrive_ends_when_the_store_has_no_more() {
        let now = Instant::now();
        let mut asides = redriven(now);
        assert_eq!(asides.read(order(), Vec::new(), now), Redriven::Ended);
        assert_eq!(asides.len(), 0);
        assert!(!asides.passes(order(), version(4)), "the window publishes the next one");
    }

    #[test]
    fn a_redrive_goes_on_when_the_window_has_passed_an_event_since_the_store_was_asked() {
        let now = Instant::now();
        let mut asides = redriven(now);
        assert!(asides.passes(order(), version(4)));
        assert_eq!(asides.read(order(), Vec::new(), now), Redriven::Goes);
        assert_eq!(asides.next_to_read(now), Some((order(), 3, false)));
        assert_eq!(asides.read(order(), vec![event(4)], now), Redriven::Goes);
        asides.done(&event(4), now);
        assert_eq!(asides.read(order(), Vec::new(), now), Redriven::Ended);
    }

    #[test]
    fn an_event_that_only_the_journal_has_is_no_reason_to_ask_without_end() {
        let now = Instant::now();
        let mut asides = redriven(now);
        assert!(asides.passes(order(), version(4)));
        assert_eq!(asides.read(order(), Vec::new(), now), Redriven::Goes);
        assert_eq!(asides.read(order(), Vec::new(), now), Redriven::Missing);
        assert_eq!(asides.len(), 1, "it stays parked");
    }

    #[test]
    fn an_event_that_is_missing_before_others_is_not_passed_over() {
        let now = Instant::now();
        let mut asides = redriven(now);
        assert_eq!(asides.read(order(), vec![event(5)], now), Redriven::Missing);
        assert_eq!(asides.next_event(order()), Some(version(4)));
    }

    #[test]
    fn a_page_that_cannot_be_read_is_read_event_by_event() {
        let now = Instant::now();
        let mut asides = redriven(now);
        assert!(asides.read_alone(order(), now));
        assert_eq!(asides.next_to_read(now), Some((order(), 3, true)));
        assert!(!asides.read_alone(order(), now), "it is this one");
    }

    #[test]
    fn a_wish_counts_only_after_the_parking_it_is_about_is_recorded() {
        let now = Instant::now();
        let mut asides = Asides::default();
        asides.park(order(), version(3));
        asides.wishes(&[wish(3)], now);
        assert_eq!(asides.next_to_read(now), None);
        asides.recorded(order());
        asides.wishes(&[wish(3)], now);
        assert_eq!(asides.next_to_read(now), Some((order(), 2, false)));
    }
}
