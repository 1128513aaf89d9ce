//! Compares the tables with the topic: every version of every order has its event, and every event
//! was published, in sequence and unchanged. `tables.rs` reads the tables; tests with a client of
//! the broker read the topic.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// The contents of the tables.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    /// All orders.
    pub orders: Vec<OrderRow>,
    /// The whole outbox.
    pub events: Vec<EventRow>,
    /// The whole journal.
    pub places: Vec<PlaceRow>,
    /// Parked orders.
    pub parked: Vec<i64>,
    /// The number of events without a position in the journal.
    pub incoming: i64,
    /// The number of skipped events.
    pub skipped: i64,
}

/// The row of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRow {
    /// Its id.
    pub id: i64,
    /// Its version.
    pub version: i64,
    /// Its status, such as `PENDING`.
    pub status: String,
}

/// An event as it was committed with its change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Its id, in hexadecimal digits.
    pub id: String,
    /// Its order.
    pub order: i64,
    /// The version of the order that it made.
    pub sequence: i64,
    /// Its type, such as `order.created`.
    pub kind: String,
    /// The fingerprint of its body: see [`print_of`].
    pub body: u64,
}

/// The position of an event in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceRow {
    /// The position.
    pub position: i64,
    /// The event's id, in hexadecimal digits.
    pub id: String,
}

/// A message of the topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its partition.
    pub partition: i32,
    /// Its offset in the partition.
    pub offset: i64,
    /// The event's id, in hexadecimal digits.
    pub id: String,
    /// The order that its key names.
    pub order: i64,
    /// The event's sequence.
    pub sequence: i64,
    /// The event's type.
    pub kind: String,
    /// The fingerprint of its body: see [`print_of`].
    pub body: u64,
    /// The fingerprint of its headers: see [`print_of`].
    pub headers: u64,
}

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A version of an order has no event.
    ChangeWithoutEvent(i64, i64),
    /// An event belongs to a version that its order does not have.
    EventWithoutChange(i64, i64),
    /// The newest event of an order belongs to another status.
    OtherStatus(i64),
    /// An event has no position in the journal, or more than one.
    Misplaced(i64, i64),
    /// A position in the journal has no event.
    PlaceOfNothing(i64),
    /// An event has a position before that of an earlier event of its order.
    PlacedBefore(i64, i64),
    /// An event is not in the topic.
    Lost(i64, i64),
    /// The first occurrence of an event in the topic does not follow that of the one before it.
    Overtaken(i64, i64),
    /// A message belongs to no committed event.
    Unknown(String),
    /// A message differs from the event with its id, or from an earlier copy.
    Changed(i64, i64),
    /// The messages of an order are in several partitions.
    Scattered(i64),
    /// An order is parked.
    Parked(i64),
    /// This many events have no position in the journal.
    Incoming(i64),
    /// This many events were skipped.
    Skipped(i64),
}

/// The result of an audit.
#[derive(Debug, Default)]
pub struct Audit {
    /// All broken promises.
    pub findings: Vec<Finding>,
    /// The number of messages that repeat earlier ones, which is allowed.
    pub repetitions: usize,
}

/// A fingerprint of contents that are too large to keep; different contents almost surely differ.
#[must_use]
pub fn print_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.into_iter().for_each(|part| part.hash(&mut hasher));
    hasher.finish()
}

/// Audits the tables and the whole topic. Messages may come in any order: their offsets count.
#[must_use]
pub fn audit(tables: &Tables, topic: &[Message]) -> Audit {
    let mut audit = Audit::default();
    audit.changes(tables);
    audit.places(tables);
    audit.leftovers(tables);
    audit.topic(tables, topic);
    audit
}

impl Audit {
    fn find(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Versions and events belong together, one to one.
    fn changes(&mut self, tables: &Tables) {
        let mut events: BTreeMap<i64, BTreeMap<i64, &EventRow>> = BTreeMap::new();
        for event in &tables.events {
            events.entry(event.order).or_default().insert(event.sequence, event);
        }
        for order in &tables.orders {
            let of_order = events.remove(&order.id).unwrap_or_default();
            for version in (1..=order.version).filter(|version| !of_order.contains_key(version)) {
                self.find(Finding::ChangeWithoutEvent(order.id, version));
            }
            for sequence in
                of_order.keys().filter(|sequence| !(1..=order.version).contains(*sequence))
            {
                self.find(Finding::EventWithoutChange(order.id, *sequence));
            }
            let newest = of_order.get(&order.version);
            if newest.is_some_and(|event| !tells(&event.kind, &order.status)) {
                self.find(Finding::OtherStatus(order.id));
            }
        }
        for (order, of_order) in events {
            for sequence in of_order.into_keys() {
                self.find(Finding::EventWithoutChange(order, sequence));
            }
        }
    }

    /// Every event has one position, after those of the earlier events of its order.
    fn places(&mut self, tables: &Tables) {
        let mut places: HashMap<&str, Vec<i64>> = HashMap::new();
        for place in &tables.places {
            places.entry(&place.id).or_default().push(place.position);
        }
        let mut events: Vec<_> = tables.events.iter().collect();
        events.sort_by_key(|event| (event.order, event.sequence));
        let mut before: Option<(i64, i64)> = None;
        for event in events {
            let of_event = places.remove(event.id.as_str()).unwrap_or_default();
            let [position] = of_event[..] else {
                self.find(Finding::Misplaced(event.order, event.sequence));
                continue;
            };
            if before.is_some_and(|(order, last)| order == event.order && last > position) {
                self.find(Finding::PlacedBefore(event.order, event.sequence));
            }
            before = Some((event.order, position));
        }
        let mut of_nothing: Vec<_> = places.into_values().flatten().collect();
        of_nothing.sort_unstable();
        self.findings.extend(of_nothing.into_iter().map(Finding::PlaceOfNothing));
    }

    /// No order is parked, no event is skipped, and no event lacks a position.
    fn leftovers(&mut self, tables: &Tables) {
        self.findings.extend(tables.parked.iter().copied().map(Finding::Parked));
        if tables.incoming != 0 {
            self.find(Finding::Incoming(tables.incoming));
        }
        if tables.skipped != 0 {
            self.find(Finding::Skipped(tables.skipped));
        }
    }

    /// Every event is there unchanged; of each order first occurrences are in sequence, in one partition.
    fn topic(&mut self, tables: &Tables, topic: &[Message]) {
        let events: HashMap<&str, &EventRow> =
            tables.events.iter().map(|event| (event.id.as_str(), event)).collect();
        let mut messages: Vec<_> = topic.iter().collect();
        messages.sort_by_key(|message| (message.partition, message.offset));
        let mut copies: HashMap<&str, &Message> = HashMap::new();
        let mut newest: HashMap<i64, i64> = HashMap::new();
        let mut partitions: BTreeMap<i64, BTreeSet<i32>> = BTreeMap::new();
        for message in messages {
            partitions.entry(message.order).or_default().insert(message.partition);
            match events.get(message.id.as_str()) {
                None => self.find(Finding::Unknown(message.id.clone())),
                Some(event) if !message.is(event) => {
                    self.find(Finding::Changed(event.order, event.sequence));
                }
                Some(_) => {}
            }
            if let Some(first) = copies.get(message.id.as_str()) {
                self.repetitions = self.repetitions.saturating_add(1);
                if (first.body, first.headers) != (message.body, message.headers) {
                    self.find(Finding::Changed(message.order, message.sequence));
                }
                continue;
            }
            copies.insert(&message.id, message);
            let before = newest.insert(message.order, message.sequence).unwrap_or_default();
            if before.saturating_add(1) != message.sequence {
                self.find(Finding::Overtaken(message.order, message.sequence));
            }
        }
        for event in tables.events.iter().filter(|event| !copies.contains_key(event.id.as_str())) {
            self.find(Finding::Lost(event.order, event.sequence));
        }
        for (order, _) in partitions.into_iter().filter(|(_, partitions)| partitions.len() > 1) {
            self.find(Finding::Scattered(order));
        }
    }
}

impl Message {
    /// Whether it equals the committed event.
    fn is(&self, event: &EventRow) -> bool {
        (self.order, self.sequence, &self.kind, self.body)
            == (event.order, event.sequence, &event.kind, event.body)
    }
}

/// Whether an event of this type leaves an order in this status.
fn tells(kind: &str, status: &str) -> bool {
    match kind {
        "order.created" | "order.updated" => status == "PENDING",
        kind => kind.strip_prefix("order.") == Some(&status.to_ascii_lowercase()),
    }
}

#[cfg(test)]
mod tests;
