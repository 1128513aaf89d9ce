//! The most recent events, for subscribers that keep up. Plain data, without calls and waits.

use std::collections::VecDeque;
use std::sync::Arc;

use super::event::FeedEvent;

/// See the head of the file.
#[derive(Debug)]
pub(super) struct RecentEvents {
    /// All events after the first and up to the second position are here. `None` while the journal
    /// is not followed.
    range: Option<(i64, i64)>,
    events: VecDeque<Arc<FeedEvent>>,
    bytes: usize,
    max_events: usize,
    max_bytes: usize,
}

/// What comes next for a subscriber.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    /// All events up to a position.
    Found(Vec<Arc<FeedEvent>>, i64),
    /// Nothing yet.
    Nothing,
    /// Events that are not recent any more: the subscriber reads the journal.
    TooOld,
}

impl RecentEvents {
    pub(super) fn new(max_events: usize, max_bytes: usize) -> Self {
        Self { range: None, events: VecDeque::new(), bytes: 0, max_events, max_bytes }
    }

    /// Begins without events, after a position.
    pub(super) fn begin(&mut self, position: i64) {
        self.clear();
        self.range = Some((position, position));
    }

    /// The journal is not followed any more.
    pub(super) fn clear(&mut self) {
        (self.range, self.bytes) = (None, 0);
        self.events = VecDeque::new();
    }

    /// Up to which position the journal is followed.
    pub(super) fn end(&self) -> Option<i64> {
        self.range.map(|(_, end)| end)
    }

    /// Whether a subscriber at a position need not read the journal.
    pub(super) fn covers(&self, position: i64) -> bool {
        self.range.is_some_and(|(start, end)| (start..=end).contains(&position))
    }

    /// Takes in all events after the end, up to a position.
    pub(super) fn extend(&mut self, events: impl Iterator<Item = Arc<FeedEvent>>, to: i64) {
        let Some((start, end)) = &mut self.range else { return };
        *end = to.max(*end);
        for event in events {
            self.bytes = self.bytes.saturating_add(event.json.len());
            self.events.push_back(event);
        }
        while self.events.len() > self.max_events || self.bytes > self.max_bytes {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(oldest.json.len());
            *start = oldest.position;
        }
    }

    /// The events after a position, at most `limit`.
    pub(super) fn after(&self, position: i64, limit: usize) -> Lookup {
        let Some((start, end)) = self.range.filter(|(_, end)| position < *end) else {
            return Lookup::Nothing;
        };
        if position < start {
            return Lookup::TooOld;
        }
        let passed = self.events.partition_point(|event| event.position <= position);
        let next: Vec<_> = self.events.range(passed..).take(limit).cloned().collect();
        let all = passed.saturating_add(next.len()) >= self.events.len();
        let last = next.last().map_or(end, |event| event.position);
        Lookup::Found(next, if all { end } else { last })
    }
}

#[cfg(test)]
mod tests {
    use order_domain::{OrderEventKind, OrderId};

    use super::*;

    fn event(position: i64) -> Arc<FeedEvent> {
        let (kind, order) = (OrderEventKind::Created, OrderId::new(1).unwrap());
        Arc::new(FeedEvent { position, kind, order, customer: 1, json: "x".repeat(10) })
    }

    fn positions(lookup: Lookup) -> (Vec<i64>, i64) {
        let Lookup::Found(events, through) = lookup else { panic!("{lookup:?}") };
        (events.iter().map(|event| event.position).collect(), through)
    }

    #[test]
    fn the_events_after_a_position_are_found() {
        let mut recent = RecentEvents::new(100, 1_000);
        assert_eq!(recent.after(7, 10), Lookup::Nothing, "the journal is not followed");
        recent.begin(5);
        assert_eq!(recent.after(5, 10), Lookup::Nothing);
        // Position 7 was skipped, and so was 10.
        recent.extend([6, 8, 9].map(event).into_iter(), 10);
        assert_eq!(positions(recent.after(5, 10)), (vec![6, 8, 9], 10));
        assert_eq!(positions(recent.after(5, 2)), (vec![6, 8], 8));
        assert_eq!(positions(recent.after(7, 10)), (vec![8, 9], 10));
        assert_eq!(positions(recent.after(9, 10)), (vec![], 10));
        assert_eq!(recent.after(10, 10), Lookup::Nothing);
        assert_eq!(recent.after(11, 10), Lookup::Nothing, "it is ahead");
        assert_eq!(recent.after(4, 10), Lookup::TooOld);
        assert!(recent.covers(5) && recent.covers(10) && !recent.covers(4) && !recent.covers(11));
    }

    #[test]
    fn the_oldest_events_beyond_the_size_are_dropped() {
        for mut recent in [RecentEvents::new(2, 1_000), RecentEvents::new(100, 25)] {
            recent.begin(0);
            recent.extend((1..=4).map(event), 4);
            assert_eq!(recent.after(1, 10), Lookup::TooOld);
            assert_eq!(positions(recent.after(2, 10)), (vec![3, 4], 4));
        }
    }
}
