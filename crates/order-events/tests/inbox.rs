//! Through the inbox, a subscriber applies each order's history in sequence and ends in the state of the
//! last event: with repetitions, late copies, disorder and losses in the topic, with crashes, and with
//! a history that is down.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use order_domain::{NewOrder, Order, OrderEvent, OrderId, OrderStatus, Version};
use order_events::{
    After, Applied, Context, Done, Event, History, Inbox, Outcome, Store, Undone, decode, encode,
};
use order_testkit::examples::{a_line, a_new_order, moved, noon_plus, placed, relined};
use proptest::prelude::*;

/// What the subscriber keeps of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    event: Event,
    /// Every version, in the sequence in which they were applied.
    applied: Vec<i64>,
}

/// Where a call of the store fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    BeforeCommit,
    AfterCommit,
}

#[derive(Default)]
struct Memory {
    orders: BTreeMap<OrderId, Kept>,
    /// The results of the next calls; later calls succeed.
    failures: Vec<Option<Failure>>,
    /// Another consumer applies this event first.
    rival: Option<Event>,
}

impl Memory {
    fn put(&mut self, event: &Event) {
        let applied = |kept: &Kept| kept.applied.clone();
        let mut applied = self.orders.get(&event.order.id).map(applied).unwrap_or_default();
        applied.push(event.order.version.get());
        self.orders.insert(event.order.id, Kept { event: event.clone(), applied });
    }

    fn stands_at(&self, order: OrderId) -> Option<Version> {
        self.orders.get(&order).map(|kept| kept.event.order.version)
    }
}

impl Store for Memory {
    type Error = Failure;

    async fn version(&mut self, order: OrderId) -> Result<Option<Version>, Failure> {
        Ok(self.stands_at(order))
    }

    async fn apply(&mut self, event: &Event, after: After) -> Result<Applied, Failure> {
        let failure = self.failures.pop().flatten();
        if failure == Some(Failure::BeforeCommit) {
            return Err(Failure::BeforeCommit);
        }
        if let Some(rival) = self.rival.take() {
            self.put(&rival);
        }
        if self.stands_at(event.order.id) != after.version {
            return Ok(Applied::Overtaken);
        }
        self.put(event);
        failure.map_or(Ok(Applied::Durably), Err)
    }
}

/// The service, asked over HTTP.
#[derive(Default, Clone)]
struct Past {
    events: Vec<Event>,
    /// Events up to this version have been purged.
    purged: i64,
    /// The largest number of events at once.
    page: usize,
    /// The next calls that fail.
    down: u32,
}

impl History for Past {
    type Error = &'static str;

    async fn events(
        &mut self,
        order: OrderId,
        after: Option<Version>,
    ) -> Result<Vec<Event>, &'static str> {
        if self.down > 0 {
            self.down -= 1;
            return Err("down");
        }
        let least = after.map_or(0, Version::get).max(self.purged);
        let wanted = |e: &&Event| e.order.id == order && e.order.version.get() > least;
        Ok(self.events.iter().filter(wanted).take(self.page.max(1)).cloned().collect())
    }
}

/// An event as it comes over the wire.
fn published(event: &OrderEvent, id: uuid::Uuid) -> Event {
    let message = encode(event, id, &Context::caused_by("a test", None)).unwrap();
    decode(message.headers(), Some(message.value())).unwrap()
}

/// The history of an order whose lines are replaced `replaced` times before it is delivered.
fn a_life(id: i64, replaced: i64) -> Vec<Event> {
    let mut order: Option<Order> = None;
    let mut events = Vec::new();
    let total = replaced + 4;
    for version in 1..=total {
        let at = noon_plus(version);
        let event = match (&order, total - version) {
            (None, _) => placed(NewOrder { ..a_new_order(id, 42) }, at),
            (Some(order), 2) => moved(order, OrderStatus::Confirmed, at),
            (Some(order), 1) => moved(order, OrderStatus::InProgress, at),
            (Some(order), 0) => moved(order, OrderStatus::Delivered, at),
            (Some(order), _) => relined(order, vec![a_line(version, 1, "0.10")], at),
        };
        let uuid = uuid::Uuid::from_u128(
            u128::from(id.unsigned_abs()) << 32 | u128::from(version.unsigned_abs()),
        );
        events.push(published(&event, uuid));
        order = Some(event.order);
    }
    events
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Hands a message over until it is finished, as a consumer does that restarts after failures.
async fn deliver(inbox: &mut Inbox<Memory, Past>, event: &Event) -> Outcome {
    loop {
        match inbox.receive(event, ()).await {
            Ok(done) => return done.outcome(),
            Err(Undone::Store(_) | Undone::History(_)) => {}
            Err(Undone::Contradiction) => panic!("the store keeps its law"),
        }
    }
}

/// What happens to a stream of events on its way.
#[derive(Debug, Clone)]
struct Journey {
    /// For each published event: when it arrives (`None`: it is lost), and when its copies do.
    arrivals: Vec<(Option<u16>, Vec<u16>)>,
    failures: Vec<Option<Failure>>,
    down: u32,
    page: usize,
    purged: i64,
}

const ORDERS: i64 = 3;
const VERSIONS: i64 = 9;

fn journey(purged: impl Strategy<Value = i64>) -> impl Strategy<Value = Journey> {
    let arrival = (
        prop_oneof![4 => any::<u16>().prop_map(Some), 1 => Just(None)],
        proptest::collection::vec(any::<u16>(), 0..3),
    );
    let failure = prop_oneof![
        3 => Just(None),
        1 => Just(Some(Failure::BeforeCommit)),
        1 => Just(Some(Failure::AfterCommit)),
    ];
    let count = usize::try_from(ORDERS * VERSIONS).unwrap();
    (
        proptest::collection::vec(arrival, count),
        proptest::collection::vec(failure, 0..20),
        0_u32..4,
        1_usize..5,
        purged,
    )
        .prop_map(|(arrivals, failures, down, page, purged)| Journey {
            arrivals,
            failures,
            down,
            page,
            purged,
        })
}

fn histories() -> Vec<Event> {
    (1..=ORDERS).flat_map(|id| a_life(id, VERSIONS - 4)).collect()
}

/// The stream as it arrives, and what the subscriber has at its end.
fn travel(journey: &Journey) -> (Vec<Event>, BTreeMap<OrderId, Kept>) {
    let all = histories();
    let mut stream: Vec<(u16, &Event)> = Vec::new();
    for (event, (first, again)) in all.iter().zip(&journey.arrivals) {
        // A lost event has no copies either.
        if let Some(first) = first {
            stream.extend(std::iter::once(first).chain(again).map(|at| (*at, event)));
        }
    }
    stream.sort_by_key(|(at, _)| *at);
    let stream: Vec<Event> = stream.into_iter().map(|(_, event)| event.clone()).collect();
    let store = Memory { failures: journey.failures.clone(), ..Memory::default() };
    let (down, page, purged) = (journey.down, journey.page, journey.purged);
    let mut inbox = Inbox::new(store, Past { events: all.clone(), purged, page, down });
    run(async {
        for event in &stream {
            deliver(&mut inbox, event).await;
        }
    });
    let orders = std::mem::take(&mut inbox.store().orders);
    (stream, orders)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_history_is_applied_in_sequence_in_any_order_of_arrival(
        journey in journey(Just(0)),
    ) {
        let (stream, kept) = travel(&journey);
        let arrived: BTreeSet<_> = stream.iter().map(|event| event.order.id).collect();
        prop_assert_eq!(kept.keys().copied().collect::<BTreeSet<_>>(), arrived);
        for (id, kept) in kept {
            let of_order = |event: &&Event| event.order.id == id;
            let newest = stream.iter().filter(of_order).max_by_key(|e| e.order.version).unwrap();
            prop_assert_eq!(&kept.event, newest);
            let all: Vec<_> = (1..=newest.order.version.get()).collect();
            prop_assert_eq!(kept.applied, all, "each version once, in sequence");
        }
    }

    #[test]
    fn events_past_their_retention_cost_changes_but_never_the_state(
        journey in journey(1_i64..VERSIONS),
    ) {
        let (stream, kept) = travel(&journey);
        for (id, kept) in kept {
            let of_order = |event: &&Event| event.order.id == id;
            let newest = stream.iter().filter(of_order).max_by_key(|e| e.order.version).unwrap();
            prop_assert_eq!(&kept.event, newest);
            prop_assert!(kept.applied.is_sorted_by(|a, b| a < b), "{:?}", kept.applied);
            // Every event that was not purged is applied.
            let kept_by_history: Vec<_> =
                (journey.purged + 1..=newest.order.version.get()).collect();
            let late: Vec<_> =
                kept.applied.iter().copied().filter(|v| *v > journey.purged).collect();
            prop_assert_eq!(late, kept_by_history);
        }
    }
}

fn inbox(events: &[Event]) -> Inbox<Memory, Past> {
    let past = Past { events: events.to_vec(), page: 100, ..Past::default() };
    Inbox::new(Memory::default(), past)
}

#[test]
fn events_in_sequence_are_applied_without_asking_the_history() {
    let life = a_life(1, 0);
    let mut inbox = inbox(&[]);
    for event in &life {
        let done = run(inbox.receive(event, event.order.version)).unwrap();
        assert_eq!(done.outcome(), Outcome::Applied { filled: 0, missing: 0 });
        assert_eq!(done.position(), event.order.version);
    }
    for event in &life {
        assert_eq!(run(inbox.receive(event, ())).unwrap().outcome(), Outcome::Stale);
    }
}

#[test]
fn a_gap_is_filled_before_the_event_that_shows_it() {
    let life = a_life(1, 2);
    let mut inbox = inbox(&life);
    let outcome = |filled| Outcome::Applied { filled, missing: 0 };
    assert_eq!(run(deliver(&mut inbox, &life[2])), outcome(2), "its first event here");
    assert_eq!(run(deliver(&mut inbox, &life[5])), outcome(2));
    assert_eq!(run(deliver(&mut inbox, &life[3])), Outcome::Stale);
    let kept = &inbox.store().orders[&life[0].order.id];
    assert_eq!((kept.applied.as_slice(), &kept.event), (&[1, 2, 3, 4, 5, 6][..], &life[5]));
}

#[test]
fn lost_versions_are_counted_and_the_newest_event_is_the_state() {
    let life = a_life(1, 2);
    let past = Past { events: life.clone(), purged: 4, page: 1, down: 0 };
    let mut inbox = Inbox::new(Memory::default(), past);
    assert_eq!(run(deliver(&mut inbox, &life[0])), Outcome::Applied { filled: 0, missing: 0 });
    assert_eq!(run(deliver(&mut inbox, &life[5])), Outcome::Applied { filled: 1, missing: 3 });
    assert_eq!(inbox.store().orders[&life[0].order.id].applied, [1, 5, 6]);
}

#[test]
fn while_the_history_is_down_nothing_is_skipped_and_nothing_may_be_committed() {
    let life = a_life(1, 0);
    let past = Past { events: life.clone(), down: 1, page: 9, purged: 0 };
    let mut inbox = Inbox::new(Memory::default(), past);
    assert!(matches!(run(inbox.receive(&life[2], 7)), Err(Undone::History("down"))));
    assert!(inbox.store().orders.is_empty());
    assert_eq!(run(inbox.receive(&life[2], 7)).unwrap().position(), 7);
}

#[test]
fn a_consumer_that_lost_its_partition_undoes_nothing_of_the_new_one() {
    let life = a_life(1, 0);
    let mut inbox = inbox(&life);
    let _ = run(deliver(&mut inbox, &life[0]));
    for event in [&life[1], &life[2]] {
        inbox.store().rival = Some(event.clone());
        assert_eq!(run(deliver(&mut inbox, event)), Outcome::Stale);
    }
    assert_eq!(inbox.store().orders[&life[0].order.id].applied, [1, 2, 3]);
}

#[test]
fn a_replayed_event_is_judged_by_its_version_like_any_other() {
    let life = a_life(1, 0);
    let mut inbox = inbox(&life);
    let replayed = |event: &Event| {
        let mut replayed = event.clone();
        replayed.replayed = true;
        replayed
    };
    let _ = run(deliver(&mut inbox, &life[1]));
    assert_eq!(run(deliver(&mut inbox, &replayed(&life[0]))), Outcome::Stale);
    let applied = Outcome::Applied { filled: 0, missing: 0 };
    assert_eq!(run(deliver(&mut inbox, &replayed(&life[2]))), applied);
}

#[test]
fn a_store_that_breaks_its_law_is_an_error_and_no_endless_loop() {
    struct Broken;
    impl Store for Broken {
        type Error = Infallible;
        async fn version(&mut self, _: OrderId) -> Result<Option<Version>, Infallible> {
            Ok(None)
        }
        async fn apply(&mut self, _: &Event, _: After) -> Result<Applied, Infallible> {
            Ok(Applied::Overtaken)
        }
    }
    let life = a_life(1, 0);
    for event in &life[..2] {
        let past = Past { events: life.clone(), page: 9, ..Past::default() };
        let result = run(Inbox::new(Broken, past).receive(event, ()));
        assert!(matches!(result, Err(Undone::Contradiction)));
    }
}

#[test]
fn an_unreadable_message_is_passed_only_by_setting_it_aside() {
    let done = Done::set_aside("0/17");
    assert_eq!(done.outcome(), Outcome::SetAside);
    assert_eq!(done.position(), "0/17");
}
