//! A random simulation: several relays over one journal, brokers that lose and refuse events or
//! confirmations, journals that fail before and after an effect, processes that die or sleep
//! through their leases, orders that are redriven or have events skipped. Each step ends with an
//! audit; when the faults stop, every event must be published.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use order_app::ports::{
    Duty, Entropy as _, EventJournal as _, JournalEntry, OrderStore as _, Parked, SHARDS,
    StoreError, shard,
};
use order_app::relay::RelaySettings;
use order_domain::OrderId;
use order_testkit::examples::{an_order_id, soon};
use order_testkit::{Fate, SeededEntropy};
use proptest::prelude::*;
use tokio::sync::watch;
use uuid::Uuid;

use crate::world::{Instance, World};

/// Orders 1 and 17 share a shard, and so do 2 and 18.
const ORDERS: [i64; 5] = [1, 17, 2, 18, 5];
const RELAYS: usize = 3;

#[derive(Debug, Clone, Copy)]
enum Action {
    Commit {
        order: usize,
        versions: usize,
    },
    Work {
        millis: u64,
    },
    Freeze(usize),
    Thaw(usize),
    Kill(usize),
    Redrive(usize),
    Skip(usize),
    /// Makes the newest event of an order unreadable, and the one before it readable again.
    Spoil(usize),
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let (order, relay) = (0..ORDERS.len(), 0..RELAYS);
    let action = prop_oneof![
        4 => (order.clone(), 1..4_usize)
            .prop_map(|(order, versions)| Action::Commit { order, versions }),
        6 => (1..2_000_u64).prop_map(|millis| Action::Work { millis }),
        1 => (10_000..20_000_u64).prop_map(|millis| Action::Work { millis }),
        1 => relay.clone().prop_map(Action::Freeze),
        1 => relay.clone().prop_map(Action::Thaw),
        1 => relay.prop_map(Action::Kill),
        2 => order.clone().prop_map(Action::Redrive),
        1 => order.clone().prop_map(Action::Skip),
        1 => order.prop_map(Action::Spoil),
    ];
    prop::collection::vec(action, 5..40)
}

type Event = (OrderId, i64);

/// The facts that the audit compares with the tables and the topic.
#[derive(Default)]
struct Books {
    confirmed: BTreeSet<Event>,
    skipped: BTreeSet<Event>,
    /// The instance that acted under each lease.
    acted: BTreeMap<(Duty, i64), Uuid>,
    faults: bool,
}

struct Process {
    instance: Instance,
    frozen: watch::Sender<bool>,
}

struct Simulation {
    world: World,
    books: Arc<Mutex<Books>>,
    chance: Arc<SeededEntropy>,
    processes: Vec<Process>,
    started: u64,
    spoiled: Option<Event>,
}

/// True in this percentage of the calls.
fn happens(chance: &SeededEntropy, percent: u128) -> bool {
    chance.bits() % 100 < percent
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let books = Arc::new(Mutex::new(Books { faults: true, ..Books::default() }));
        let chance = Arc::new(SeededEntropy::new(seed));
        let (world, processes) = (World::default(), Vec::new());
        let mut simulation = Self { world, books, chance, processes, started: 0, spoiled: None };
        simulation.processes = (0..RELAYS).map(|_| simulation.start()).collect();
        simulation
    }

    /// Starts a process with a new name, and with its own faults of journal and broker.
    fn start(&mut self) -> Process {
        self.started += 1;
        let frozen = watch::Sender::new(false);
        let journal = self.world.memory.another_instance();
        let faults = journal.faults();
        let books = self.books.clone();
        faults.after_each().runs(move |call| {
            if let Some(lease) = call.lease {
                let mut books = books.lock().unwrap();
                let actor = books.acted.entry((lease.duty, lease.epoch));
                assert_eq!(*actor.or_insert(lease.instance), lease.instance);
            }
            std::future::ready(Ok(()))
        });
        for fault in [faults.before_each(), faults.after_each()] {
            let (books, chance, ice) = (self.books.clone(), self.chance.clone(), frozen.clone());
            fault.runs(move |_| {
                let (books, chance, mut ice) = (books.clone(), chance.clone(), ice.subscribe());
                async move {
                    ice.wait_for(|frozen| !frozen).await.unwrap();
                    let fails = books.lock().unwrap().faults && happens(&chance, 4);
                    if fails { Err(StoreError::Unavailable("planted".into())) } else { Ok(()) }
                }
            });
        }
        let settings = RelaySettings { window: 12, batch: 4, parked: 50, ..Default::default() };
        let instance = self.world.instance_with(self.started, settings, Arc::new(journal));
        let (books, chance) = (self.books.clone(), self.chance.clone());
        instance.publisher.script(move |_, event| {
            let mut books = books.lock().unwrap();
            let fate = match chance.bits() % 100 {
                0..10 if books.faults => Fate::Lost,
                10..25 if books.faults => Fate::Unconfirmed,
                25..30 if books.faults => Fate::Refused,
                _ => Fate::Confirmed,
            };
            if fate == Fate::Confirmed {
                books.confirmed.insert((event.order_id, event.sequence.get()));
            }
            fate
        });
        Process { instance, frozen }
    }

    async fn act(&mut self, action: Action) {
        match action {
            Action::Commit { order, versions } => {
                self.world.memory.add_versions(ORDERS[order], versions).await;
            }
            Action::Work { millis } => self.work(millis).await,
            Action::Freeze(relay) => self.set_frozen(relay, true),
            Action::Thaw(relay) => self.set_frozen(relay, false),
            Action::Kill(relay) => self.processes[relay] = self.start(),
            Action::Redrive(order) => {
                self.world.redrive(an_order_id(ORDERS[order]), None).await;
            }
            Action::Skip(order) => self.skip(an_order_id(ORDERS[order])).await,
            Action::Spoil(order) => self.spoil(an_order_id(ORDERS[order])).await,
        }
    }

    fn set_frozen(&mut self, relay: usize, frozen: bool) {
        let process = &self.processes[relay];
        process.frozen.send_replace(frozen);
        if frozen {
            process.instance.publisher.pause();
        } else {
            process.instance.publisher.resume();
        }
    }

    async fn skip(&mut self, order: OrderId) {
        let parked = self.world.parked().await;
        if let Some(row) = parked.iter().find(|row| row.order == order && !row.redrive) {
            self.books.lock().unwrap().skipped.insert((order, row.from.get()));
            self.world.redrive(order, Some("chance")).await;
        }
    }

    async fn spoil(&mut self, order: OrderId) {
        self.mend();
        let stored = self.world.memory.order(order, soon()).await.unwrap();
        if let Some(stored) = stored {
            let sequence = stored.version().get();
            self.world.memory.spoil(order, sequence);
            self.spoiled = Some((order, sequence));
        }
    }

    fn mend(&mut self) {
        if let Some((order, sequence)) = self.spoiled.take() {
            self.world.memory.mend(order, sequence);
        }
    }

    /// The processes that are not frozen work in turns.
    async fn work(&mut self, millis: u64) {
        let turn = 50;
        for _ in 0..millis.div_ceil(turn) {
            let start = tokio::time::Instant::now();
            for process in &mut self.processes {
                if !*process.frozen.borrow() {
                    process.instance.work(Duration::from_millis(turn / 3)).await;
                }
            }
            tokio::time::sleep_until(start + Duration::from_millis(turn)).await;
        }
    }

    async fn audit(&self) {
        let parked = self.world.parked().await;
        let placed = self.world.memory.entries_after(0, None, 100_000, soon()).await.unwrap();
        let placed: Vec<_> = placed.items.into_iter().filter_map(Result::ok).collect();
        let books = self.books.lock().unwrap();
        self.audit_topic(&books);
        self.audit_records(&books, &parked, &placed);
        for process in &self.processes {
            assert_eq!(process.instance.publisher.offenders(), []);
        }
    }

    /// Demands that first occurrences are in sequence.
    fn audit_topic(&self, books: &Books) {
        let mut last: BTreeMap<OrderId, i64> = BTreeMap::new();
        for event in self.world.broker.events() {
            let (order, sequence) = (event.order_id, event.sequence.get());
            let skipped = |sequence: i64| books.skipped.contains(&(order, sequence));
            let last = last.entry(order).or_insert(0);
            let gap = (*last + 1..sequence).any(|between| !skipped(between));
            assert!(!gap || skipped(sequence), "order {order}: {sequence} appears after {last}");
            *last = (*last).max(sequence);
        }
    }

    /// Demands that events recorded as published are confirmed, or wait in a parked order.
    fn audit_records(&self, books: &Books, parked: &[Parked], placed: &[JournalEntry]) {
        let waits = |(order, sequence): Event| {
            parked.iter().any(|row| row.order == order && row.from.get() <= sequence)
        };
        for JournalEntry { position, event } in placed {
            let recorded = self.world.memory.published_through(shard(event.order_id)) >= *position;
            let event = (event.order_id, event.sequence.get());
            let known = books.confirmed.contains(&event) || waits(event);
            assert!(!recorded || known, "{event:?} is recorded, but was never confirmed");
        }
    }

    /// Ends the faults, and redrives parked orders until none is left.
    async fn settle(&mut self) {
        self.books.lock().unwrap().faults = false;
        self.mend();
        for relay in 0..RELAYS {
            self.set_frozen(relay, false);
        }
        for _round in 0..30 {
            for row in self.world.parked().await {
                self.world.redrive(row.order, None).await;
            }
            self.work(5_000).await;
            let backlog = self.world.backlog().await;
            if (backlog.events, backlog.parked) == (0, 0) {
                // The leases of dead processes run out.
                return self.work(15_000).await;
            }
        }
        panic!("{:?} and {:?}", self.world.backlog().await, self.world.parked().await);
    }

    async fn assert_complete(&self) {
        for id in ORDERS.map(an_order_id) {
            let events = self.world.memory.events(id, 0, 100_000, soon()).await.unwrap();
            let books = self.books.lock().unwrap();
            for (sequence, _) in events.items {
                let key = (id, sequence.get());
                let there = books.confirmed.contains(&key) || books.skipped.contains(&key);
                assert!(there, "{key:?} was never published");
            }
        }
        let held: usize =
            self.processes.iter().map(|process| process.instance.report().held_shards).sum();
        assert_eq!(held, usize::from(SHARDS));
    }
}

fn simulate(seed: u64, actions: Vec<Action>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut simulation = Simulation::new(seed);
        for action in actions {
            simulation.act(action).await;
            simulation.audit().await;
        }
        simulation.settle().await;
        simulation.audit().await;
        simulation.assert_complete().await;
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_fails_nothing_is_lost_and_nothing_overtakes(
        seed in any::<u64>(),
        actions in actions(),
    ) {
        simulate(seed, actions);
    }
}
