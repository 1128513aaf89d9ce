//! The parked orders of a shard, and the redrives that operators have asked for. The window passes
//! over the events of parked orders. A redrive reads them from the store instead, beginning with the
//! first one that is not published, and publishes them one at a time.
//!
//! When is an order not parked any more? The window may have passed over an event after the redrive
//! has read the last one. So a redrive ends only when the store has nothing after what is published
//! *and* the window has passed over nothing after it. From that moment, in one and the same step,
//! the window publishes the order's events like those of any other order. What an earlier holder of
//! the shard has passed over was committed before this instance took the lease, so that reading to
//! the end covers it.

use std::collections::{BTreeMap, HashMap, VecDeque};

use order_domain::{OrderId, Version};
use tokio::time::Instant;

use super::batch::{Batch, Origin};
use crate::events::EventRecord;
use crate::ports::{Parked, StoredEvent};

/// The most orders of a shard that are redriven at a time; the others wait for their turn.
const REDRIVES: usize = 16;

/// See the head of the file.
#[derive(Debug, Default)]
pub(crate) struct ParkedOrders {
    orders: HashMap<OrderId, ParkedOrder>,
    redrives: BTreeMap<OrderId, Redrive>,
}

#[derive(Debug)]
struct ParkedOrder {
    /// The last sequence that the window has passed over.
    passed: i64,
    /// Whether the journal has recorded this parking. A request to redrive that is found before that
    /// belongs to an earlier parking.
    recorded: bool,
}

#[derive(Debug)]
struct Redrive {
    /// The last sequence that is published, or skipped.
    through: i64,
    events: VecDeque<EventRecord>,
    state: RedriveState,
    failures: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RedriveState {
    /// More events are to be read, not before a time.
    Read(Instant),
    /// They are being read.
    Reading,
    /// The next event is to be published, not before a time.
    Ready(Instant),
    /// It is being published.
    UnderWay,
}

/// What came of reading the next events of a redriven order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RedriveStep {
    /// There is more to publish, or to read.
    GoesOn,
    /// All is published: the order is not parked any more.
    Ended,
    /// The store does not have an event that the journal has.
    Missing,
    /// The next event cannot be read, for this reason.
    Unreadable(String),
}

impl ParkedOrders {
    pub(crate) fn len(&self) -> usize {
        self.orders.len()
    }

    /// Whether one more redrive could begin.
    pub(super) fn may_redrive(&self) -> bool {
        self.redrives.len() < REDRIVES && self.orders.len() > self.redrives.len()
    }

    /// Adds an order that the journal has as parked.
    pub(super) fn add_recorded(&mut self, order: OrderId) {
        self.orders.insert(order, ParkedOrder { passed: 0, recorded: true });
    }

    /// Parks an order, or parks it again, which the journal does not have yet. The window has passed
    /// over its events up to a sequence.
    pub(super) fn park(&mut self, order: OrderId, passed: Version) {
        self.redrives.remove(&order);
        let parked = self.orders.entry(order).or_insert(ParkedOrder { passed: 0, recorded: false });
        parked.recorded = false;
        parked.passed = parked.passed.max(passed.get());
    }

    /// Whether the window passes over an event because its order is parked.
    pub(super) fn passes_over(&mut self, order: OrderId, sequence: Version) -> bool {
        let parked = self.orders.get_mut(&order);
        parked.map(|parked| parked.passed = parked.passed.max(sequence.get())).is_some()
    }

    /// The journal has the parking of an order.
    pub(super) fn recorded(&mut self, order: OrderId) {
        if let Some(parked) = self.orders.get_mut(&order) {
            parked.recorded = true;
        }
    }

    /// Begins the redrives that the journal says are asked for.
    pub(super) fn begin_redrives(&mut self, parked: &[Parked], now: Instant) {
        for row in parked.iter().filter(|row| row.redrive) {
            let recorded = self.orders.get(&row.order).is_some_and(|parked| parked.recorded);
            let idle = !self.redrives.contains_key(&row.order);
            if recorded && idle && self.redrives.len() < REDRIVES {
                let through = row.from.get().saturating_sub(1);
                let (events, state) = (VecDeque::new(), RedriveState::Read(now));
                let redrive = Redrive { through, events, state, failures: 0 };
                self.redrives.insert(row.order, redrive);
            }
        }
    }

    /// The next order whose events are to be read, and after which sequence.
    pub(super) fn next_to_read(&mut self, now: Instant) -> Option<(OrderId, i64)> {
        let due = |redrive: &Redrive| matches!(redrive.state, RedriveState::Read(at) if at <= now);
        let (order, redrive) = self.redrives.iter_mut().find(|(_, redrive)| due(redrive))?;
        redrive.state = RedriveState::Reading;
        Some((*order, redrive.through))
    }

    /// The event of a redriven order that is to be published next.
    pub(super) fn next_event(&self, order: OrderId) -> Option<Version> {
        let redrive = self.redrives.get(&order)?;
        Version::new(redrive.through.saturating_add(1)).ok()
    }

    /// Takes in the next events of an order; none means that the store has no more.
    pub(super) fn read(
        &mut self,
        order: OrderId,
        events: Vec<StoredEvent>,
        now: Instant,
    ) -> RedriveStep {
        let Some(redrive) = self.redrives.get_mut(&order) else { return RedriveStep::GoesOn };
        if !events.is_empty() {
            // Takes only consecutive events: one that is missing or unreadable must not be passed over.
            let sequences = redrive.through.saturating_add(1)..;
            let following = events.into_iter().zip(sequences);
            let mut following = following
                .take_while(|((sequence, _), next)| sequence.get() == *next)
                .map(|((_, event), _)| event);
            let mut end = RedriveStep::Missing;
            redrive.events.clear();
            for event in following.by_ref() {
                match event {
                    Ok(event) => redrive.events.push_back(event),
                    Err(reason) => {
                        end = RedriveStep::Unreadable(reason);
                        break;
                    }
                }
            }
            redrive.state = RedriveState::Ready(now);
            return if redrive.events.is_empty() { end } else { RedriveStep::GoesOn };
        }
        let passed = self.orders.get(&order).map_or(0, |parked| parked.passed);
        if passed > redrive.through {
            // The window has passed over an event since the call was started, or the store lacks
            // it. A second answer tells the two apart.
            redrive.state = RedriveState::Read(now);
            redrive.failures = redrive.failures.saturating_add(1);
            return if redrive.failures > 1 { RedriveStep::Missing } else { RedriveStep::GoesOn };
        }
        self.redrives.remove(&order);
        self.orders.remove(&order);
        RedriveStep::Ended
    }

    /// Reads the events of an order again at a later time.
    pub(super) fn read_later(&mut self, order: OrderId, at: Instant) {
        if let Some(redrive) = self.redrives.get_mut(&order) {
            redrive.state = RedriveState::Read(at);
        }
    }

    /// Fills a batch up to a length with the next events of redriven orders.
    pub(super) fn take(&mut self, batch: &mut Batch, length: usize, now: Instant) {
        for redrive in self.redrives.values_mut() {
            if batch.len() < length
                && matches!(redrive.state, RedriveState::Ready(at) if at <= now)
                && let Some(event) = redrive.events.pop_front()
            {
                redrive.state = RedriveState::UnderWay;
                batch.push(Origin::Redrive, event);
            }
        }
    }

    /// The event of a redriven order is published.
    pub(super) fn published(&mut self, event: &EventRecord, now: Instant) {
        if let Some(redrive) = self.redrives.get_mut(&event.order_id) {
            redrive.through = event.sequence.get();
            redrive.failures = 0;
            let more = !redrive.events.is_empty();
            redrive.state = if more { RedriveState::Ready(now) } else { RedriveState::Read(now) };
        }
    }

    /// Counts a failure of a redriven order. Answers with how many came before.
    pub(super) fn failed(&mut self, order: OrderId) -> u32 {
        self.redrives.get_mut(&order).map_or(0, |redrive| {
            let failures = redrive.failures.saturating_add(1);
            std::mem::replace(&mut redrive.failures, failures)
        })
    }

    /// The event of a redriven order was not published, and may be tried again at a time.
    pub(super) fn put_back(&mut self, event: EventRecord, at: Instant) {
        if let Some(redrive) = self.redrives.get_mut(&event.order_id) {
            redrive.events.push_front(event);
            redrive.state = RedriveState::Ready(at);
        }
    }

    /// When the next redrive that pauses goes on.
    pub(super) fn next_due(&self, now: Instant) -> Option<Instant> {
        let times = self.redrives.values().filter_map(|redrive| match redrive.state {
            RedriveState::Read(at) | RedriveState::Ready(at) => Some(at),
            RedriveState::Reading | RedriveState::UnderWay => None,
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

    fn stored(sequence: i64) -> StoredEvent {
        (version(sequence), Ok(event(sequence)))
    }

    fn requested(from: i64) -> Parked {
        let (reason, since) = (String::new(), DateTime::UNIX_EPOCH);
        Parked { order: order(), from: version(from), reason, since, attempts: 1, redrive: true }
    }

    /// The order was parked at 3, which is published again; the next events are being read.
    fn redriven(now: Instant) -> ParkedOrders {
        let mut orders = ParkedOrders::default();
        orders.add_recorded(order());
        orders.begin_redrives(&[requested(3)], now);
        assert_eq!(orders.next_to_read(now), Some((order(), 2)));
        assert_eq!(orders.read(order(), vec![stored(3)], now), RedriveStep::GoesOn);
        let mut batch = Batch::default();
        orders.take(&mut batch, 10, now);
        assert_eq!(batch.events, [event(3)]);
        orders.published(&event(3), now);
        assert_eq!(orders.next_to_read(now), Some((order(), 3)));
        orders
    }

    #[test]
    fn a_redrive_ends_when_the_store_has_no_more() {
        let now = Instant::now();
        let mut orders = redriven(now);
        assert_eq!(orders.read(order(), Vec::new(), now), RedriveStep::Ended);
        assert_eq!(orders.len(), 0);
        assert!(!orders.passes_over(order(), version(4)), "the window publishes the next one");
    }

    #[test]
    fn a_redrive_goes_on_when_the_window_has_passed_over_an_event_since_the_store_was_read() {
        let now = Instant::now();
        let mut orders = redriven(now);
        assert!(orders.passes_over(order(), version(4)));
        assert_eq!(orders.read(order(), Vec::new(), now), RedriveStep::GoesOn);
        assert_eq!(orders.next_to_read(now), Some((order(), 3)));
        assert_eq!(orders.read(order(), vec![stored(4)], now), RedriveStep::GoesOn);
        orders.published(&event(4), now);
        assert_eq!(orders.read(order(), Vec::new(), now), RedriveStep::Ended);
    }

    #[test]
    fn an_event_that_only_the_journal_has_ends_the_redrive_after_a_second_read() {
        let now = Instant::now();
        let mut orders = redriven(now);
        assert!(orders.passes_over(order(), version(4)));
        assert_eq!(orders.read(order(), Vec::new(), now), RedriveStep::GoesOn);
        assert_eq!(orders.read(order(), Vec::new(), now), RedriveStep::Missing);
        assert_eq!(orders.len(), 1, "it stays parked");
    }

    #[test]
    fn an_event_that_is_missing_before_others_is_not_passed_over() {
        let now = Instant::now();
        let mut orders = redriven(now);
        assert_eq!(orders.read(order(), vec![stored(5)], now), RedriveStep::Missing);
        assert_eq!(orders.next_event(order()), Some(version(4)));
    }

    #[test]
    fn an_event_that_cannot_be_read_is_not_passed_over() {
        let now = Instant::now();
        let mut orders = redriven(now);
        let page = || vec![stored(4), (version(5), Err("broken".to_owned())), stored(6)];
        assert_eq!(orders.read(order(), page(), now), RedriveStep::GoesOn);
        let mut batch = Batch::default();
        orders.take(&mut batch, 10, now);
        assert_eq!(batch.events, [event(4)]);
        orders.published(&event(4), now);
        assert_eq!(orders.next_to_read(now), Some((order(), 4)));
        let unreadable = RedriveStep::Unreadable("broken".to_owned());
        assert_eq!(orders.read(order(), page().split_off(1), now), unreadable);
        assert_eq!(orders.next_event(order()), Some(version(5)));
    }

    #[test]
    fn a_redrive_begins_only_after_the_parking_is_recorded() {
        let now = Instant::now();
        let mut orders = ParkedOrders::default();
        orders.park(order(), version(3));
        orders.begin_redrives(&[requested(3)], now);
        assert_eq!(orders.next_to_read(now), None);
        orders.recorded(order());
        orders.begin_redrives(&[requested(3)], now);
        assert_eq!(orders.next_to_read(now), Some((order(), 2)));
    }
}
