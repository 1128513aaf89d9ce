//! The last events, for subscribers that keep up. Plain data; nothing here waits or asks.

use std::collections::VecDeque;
use std::sync::Arc;

use super::live::LiveEvent;

/// See the head of the file.
#[derive(Debug)]
pub(super) struct Ring {
    /// All events after the first and up to the second position are here; none of them when nobody
    /// follows the journal.
    range: Option<(i64, i64)>,
    events: VecDeque<Arc<LiveEvent>>,
    bytes: usize,
    most_events: usize,
    most_bytes: usize,
}

/// What the ring has for a subscriber.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// All that there is up to a position.
    Here(Vec<Arc<LiveEvent>>, i64),
    /// Nothing new yet.
    Nothing,
    /// The subscriber is too far behind, and must read for itself.
    Behind,
}

impl Ring {
    pub(super) fn new(most_events: usize, most_bytes: usize) -> Self {
        Self { range: None, events: VecDeque::new(), bytes: 0, most_events, most_bytes }
    }

    /// Begins anew, with nothing, at a position.
    pub(super) fn begin(&mut self, position: i64) {
        self.clear();
        self.range = Some((position, position));
    }

    /// Nobody follows the journal any more.
    pub(super) fn clear(&mut self) {
        (self.range, self.bytes) = (None, 0);
        self.events = VecDeque::new();
    }

    /// Up to where the journal is followed.
    pub(super) fn end(&self) -> Option<i64> {
        self.range.map(|(_, end)| end)
    }

    /// Whether a subscriber at a position need not read for itself.
    pub(super) fn covers(&self, position: i64) -> bool {
        self.range.is_some_and(|(start, end)| (start..=end).contains(&position))
    }

    /// Takes in all that comes after the end, up to a position.
    pub(super) fn extend(&mut self, events: impl Iterator<Item = Arc<LiveEvent>>, to: i64) {
        let Some((start, end)) = &mut self.range else { return };
        *end = to.max(*end);
        for event in events {
            self.bytes = self.bytes.saturating_add(event.json.len());
            self.events.push_back(event);
        }
        while self.events.len() > self.most_events || self.bytes > self.most_bytes {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(oldest.json.len());
            *start = oldest.position;
        }
    }

    /// What comes after a position, at most so many events.
    pub(super) fn after(&self, position: i64, most: usize) -> Look {
        let Some((start, end)) = self.range.filter(|(_, end)| position < *end) else {
            return Look::Nothing;
        };
        if position < start {
            return Look::Behind;
        }
        let passed = self.events.partition_point(|event| event.position <= position);
        let next: Vec<_> = self.events.range(passed..).take(most).cloned().collect();
        let all = passed.saturating_add(next.len()) >= self.events.len();
        let last = next.last().map_or(end, |event| event.position);
        Look::Here(next, if all { end } else { last })
    }
}

#[cfg(test)]
mod tests {
    use order_domain::{OrderEventKind, OrderId};

    use super::*;

    fn event(position: i64) -> Arc<LiveEvent> {
        let (kind, order) = (OrderEventKind::Created, OrderId::new(1).unwrap());
        Arc::new(LiveEvent { position, kind, order, customer: 1, json: "x".repeat(10) })
    }

    fn positions(look: Look) -> (Vec<i64>, i64) {
        let Look::Here(events, through) = look else { panic!("{look:?}") };
        (events.iter().map(|event| event.position).collect(), through)
    }

    #[test]
    fn a_ring_tells_what_comes_after_a_position() {
        let mut ring = Ring::new(100, 1_000);
        assert_eq!(ring.after(7, 10), Look::Nothing, "nobody follows");
        ring.begin(5);
        assert_eq!(ring.after(5, 10), Look::Nothing);
        // Position 7 was skipped, and so was 10.
        ring.extend([6, 8, 9].map(event).into_iter(), 10);
        assert_eq!(positions(ring.after(5, 10)), (vec![6, 8, 9], 10));
        assert_eq!(positions(ring.after(5, 2)), (vec![6, 8], 8));
        assert_eq!(positions(ring.after(7, 10)), (vec![8, 9], 10));
        assert_eq!(positions(ring.after(9, 10)), (vec![], 10));
        assert_eq!(ring.after(10, 10), Look::Nothing);
        assert_eq!(ring.after(11, 10), Look::Nothing, "it is ahead");
        assert_eq!(ring.after(4, 10), Look::Behind);
        assert!(ring.covers(5) && ring.covers(10) && !ring.covers(4) && !ring.covers(11));
    }

    #[test]
    fn a_ring_forgets_the_oldest_beyond_its_size() {
        for mut ring in [Ring::new(2, 1_000), Ring::new(100, 25)] {
            ring.begin(0);
            ring.extend((1..=4).map(event), 4);
            assert_eq!(ring.after(1, 10), Look::Behind);
            assert_eq!(positions(ring.after(2, 10)), (vec![3, 4], 4));
        }
    }
}
