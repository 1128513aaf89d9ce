//! The normal course: positions, sequence, progress, waking up, stopping, and no broker at all.

use std::sync::Arc;
use std::time::Duration;

use order_app::currencies::Currencies;
use order_app::orders::{Orders, Ports};
use order_app::ports::{
    Duty, EventJournal as _, OrderStore as _, Parking, Progress, SHARDS, shard,
};
use order_app::relay::{Relay, RelaySettings, RelayStats, Step};
use order_app::saga::SagaPolicy;
use order_app::wake_up::WakeUp;
use order_domain::{Currency, NewOrder, Version};
use order_testkit::examples::{
    a_change_placing, a_new_order, a_place_command, a_write_request, an_order_id, anyone,
    large_lines, lines_in, soon,
};
use order_testkit::{Fate, Faults, FixedClock, Method, SeededEntropy, SentCommands};
use tokio::time::Instant;
use uuid::Uuid;

use crate::world::World;

const OTHER: Uuid = Uuid::from_u128(99);
const LEASE: Duration = Duration::from_secs(10);

#[tokio::test(start_paused = true)]
async fn events_are_published_once_and_in_sequence_and_that_is_recorded() {
    let world = World::default();
    for (id, versions) in [(1, 3), (2, 1), (17, 2), (33, 4)] {
        world.memory.add_versions(id, versions).await;
    }
    let mut instance = world.instance(1);
    instance.drain().await;
    for (id, expected) in [(1, 3), (2, 1), (17, 2), (33, 4)] {
        assert_eq!(world.published(id), (1..=expected).collect::<Vec<i64>>());
    }
    instance.work(Duration::from_secs(1)).await;
    assert_eq!(world.backlog().await.events, 0);
    assert_eq!(instance.publisher.offenders(), []);
    let report = instance.report();
    assert_eq!((report.sequenced, report.published), (10, 10));
    assert_eq!((report.held_shards, report.is_sequencer), (16, true));
    assert_eq!(report.last_error, None);

    // The next instance finds nothing to do.
    drop(instance);
    tokio::time::advance(LEASE).await;
    let mut next = world.instance(2);
    next.work(Duration::from_secs(2)).await;
    assert_eq!(next.report().held_shards, 16);
    assert_eq!(world.broker.len(), 10);
}

#[tokio::test(start_paused = true)]
async fn large_events_of_more_than_one_page_are_all_published() {
    const ORDERS: i64 = 60;
    let world = World::default();
    for id in 1..=ORDERS {
        let lines = lines_in(Currency::USD, large_lines("1"));
        let placed = a_change_placing(NewOrder { lines, ..a_new_order(id, 42) });
        world.memory.commit(placed.into(), soon()).await.unwrap();
    }
    let mut instance = world.instance(1);
    instance.drain().await;
    let first = world.memory.entries_after(0, None, 1_000, soon()).await.unwrap();
    assert!(first.more, "they make more than one page");
    for id in 1..=ORDERS {
        assert_eq!(world.published(id), [1], "order {id}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_backlog_larger_than_every_bound_is_published_in_sequence() {
    let world = World::default();
    for _round in 0..30 {
        for id in 1..=60 {
            world.memory.add_versions(id, 1).await;
        }
    }
    let settings =
        RelaySettings { window: 20, batch: 3, window_bytes: 8_000, ..RelaySettings::default() };
    let mut instance = world.instance_with(1, settings, world.memory.clone());
    instance.work_until(|report| report.published >= 1_800).await;
    assert_eq!(world.broker.len(), 1_800, "nothing is published twice");
    for id in 1..=60 {
        assert_eq!(world.published(id), (1..=30).collect::<Vec<i64>>());
    }
    assert_eq!(instance.publisher.offenders(), []);
}

/// How often a page of all shards was read, and how often a page of one.
fn reads(faults: &Faults) -> (usize, usize) {
    let calls = faults.calls().into_iter();
    let reads = calls.filter(|call| call.method == Method::EntriesAfter);
    let (of_all, of_one): (Vec<_>, Vec<_>) = reads.partition(|call| call.shard.is_none());
    (of_all.len(), of_one.len())
}

#[tokio::test(start_paused = true)]
async fn a_backlog_of_all_shards_is_read_once_and_not_by_each_shard() {
    let world = World::default();
    for id in 1..=8_000 {
        world.memory.add_versions(id, 1).await;
    }
    let mut sequencer = world.instance(1);
    sequencer.publisher.pause();
    sequencer.work_until(|report| report.sequenced == 8_000).await;
    drop(sequencer);
    let journal = world.memory.another_instance();
    let faults = journal.faults().clone();
    let settings = RelaySettings::default();
    let mut instance = world.instance_with(2, settings, Arc::new(journal));
    instance.work_until(|report| report.published >= 8_000).await;
    assert_eq!(world.broker.len(), 8_000);
    let (pages, by_shards) = reads(&faults);
    assert!(pages >= 8, "{pages} pages");
    assert!(by_shards <= 8, "{by_shards} reads of single shards");
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_ends_with_a_skipped_event_is_not_read_over_and_over() {
    let world = World::default();
    for id in 1..=16 {
        world.memory.add_versions(id, 1).await;
    }
    let mut sequencer = world.instance(1);
    sequencer.publisher.pause();
    sequencer.work_until(|report| report.sequenced == 16).await;
    drop(sequencer);
    tokio::time::advance(LEASE * 2).await;
    // The last event is skipped before its publisher reaches it.
    let (journal, last) = (&world.memory, an_order_id(16));
    let duty = Duty::Publish(shard(last));
    let lease = journal.lease(duty, OTHER, LEASE, soon()).await.unwrap().unwrap();
    let parking = Parking { order: last, from: Version::FIRST, reason: "a test".to_owned() };
    let progress = Progress { park: vec![parking], ..Progress::default() };
    journal.advance(&lease, &progress, soon()).await.unwrap();
    journal.release(&lease, soon()).await.unwrap();
    assert!(world.redrive(last, Some("not wanted")).await);

    let journal = world.memory.another_instance();
    let faults = journal.faults().clone();
    let mut instance = world.instance_with(2, RelaySettings::default(), Arc::new(journal));
    let start = Instant::now();
    // A relay that never rests does not let the time pass, either.
    for _step in 0..2_000 {
        if let Step::Idle { until } = instance.relay.step().await {
            tokio::time::sleep_until(until.unwrap()).await;
        }
        if start.elapsed() > Duration::from_secs(5) {
            break;
        }
    }
    assert_eq!(world.broker.len(), 15);
    let (pages, _) = reads(&faults);
    assert!(pages < 50, "{pages} pages in five seconds, of which each has five polls");
}

#[tokio::test(start_paused = true)]
async fn shards_that_are_full_hold_the_others_up_for_a_moment_only() {
    let world = World::default();
    let settings = RelaySettings { window: 20, batch: 3, ..RelaySettings::default() };
    let mut instance = world.instance_with(1, settings, world.memory.clone());
    // In twelve of the sixteen shards nothing is confirmed, and there is more than they hold.
    let stuck = (16..1_000).filter(|id| id % 16 < 12);
    for id in stuck {
        instance.publisher.always_for(an_order_id(id), Fate::Lost);
        world.memory.add_versions(id, 1).await;
    }
    instance.drain().await;
    let start = Instant::now();
    for id in (16..1_000).filter(|id| id % 16 >= 12) {
        world.memory.add_versions(id, 1).await;
    }
    instance.commits.wake();
    instance.work_until(|report| report.published == 244).await;
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(instance.publisher.offenders(), []);
}

#[tokio::test(start_paused = true)]
async fn a_commit_wakes_the_relay_at_once() {
    let world = World::default();
    let instance = world.instance(1);
    let ports = Ports {
        store: world.memory.clone(),
        sagas: world.memory.clone(),
        commands: Arc::new(SentCommands::default()),
        clock: Arc::new(FixedClock::default()),
        entropy: Arc::new(SeededEntropy::new(1)),
    };
    let sagas = SagaPolicy::default();
    let orders = Orders::new(ports, Currencies::default(), sagas, Duration::from_secs(1));
    let mut ports = world.ports(world.memory.clone(), 1);
    ports.publisher = Some(instance.publisher.clone());
    let commits = orders.commits().clone();
    let never = Duration::from_hours(1);
    let settings = RelaySettings { poll: never, lease: never * 3, ..RelaySettings::default() };
    let mut relay = Relay::new(ports, settings, OTHER, commits, WakeUp::default(), Arc::default());
    while relay.step().await == Step::Busy {}
    let run = tokio::spawn(relay.run(std::future::pending()));
    tokio::time::sleep(Duration::from_secs(5)).await;

    let start = Instant::now();
    orders.place(anyone(), a_place_command(), a_write_request()).await.unwrap();
    let arrival = async {
        while world.broker.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(1), arrival).await.expect("the relay hears of it");
    assert!(start.elapsed() < Duration::from_millis(20), "{:?}", start.elapsed());
    run.abort();
}

#[tokio::test(start_paused = true)]
async fn commits_of_other_instances_are_found_by_polling() {
    let world = World::default();
    let mut instance = world.instance(1);
    instance.drain().await;
    world.memory.add_versions(1, 1).await;
    instance.work(RelaySettings::default().poll * 2).await;
    assert_eq!(world.published(1), [1]);
}

#[tokio::test(start_paused = true)]
async fn an_idle_relay_asks_the_journal_rarely() {
    let world = World::default();
    let mut instance = world.instance(1);
    instance.drain().await;
    let (start, mut steps) = (Instant::now(), 0_u32);
    while start.elapsed() < Duration::from_mins(1) {
        steps += 1;
        if let Step::Idle { until } = instance.relay.step().await {
            tokio::time::sleep_until(until.unwrap()).await;
        }
    }
    // Two polls each 200 ms, a heartbeat each second, 17 renewals each third of a lease.
    assert!(steps < 2_000, "{steps} steps in a minute");
}

#[tokio::test(start_paused = true)]
async fn without_a_broker_events_get_their_positions_and_nothing_else_happens() {
    let world = World::default();
    for id in [5, 3, 4] {
        world.memory.add_versions(id, 1).await;
    }
    world.memory.add_versions(3, 1).await;
    let stats = Arc::new(RelayStats::default());
    let ports = world.ports(world.memory.clone(), 1);
    let settings = RelaySettings::default();
    let (placed, name) = (WakeUp::default(), Uuid::from_u128(1));
    let mut relay =
        Relay::new(ports, settings, name, WakeUp::default(), placed.clone(), stats.clone());
    while relay.step().await == Step::Busy {}

    let journal = world.memory.entries_after(0, None, 100, soon()).await.unwrap();
    let journal = journal.items.iter().map(|entry| entry.as_ref().unwrap());
    let found = journal.map(|placed| (placed.position, placed.event.order_id.get()));
    assert_eq!(found.collect::<Vec<_>>(), [(1, 5), (2, 3), (3, 4), (4, 3)]);
    assert_eq!((stats.report().sequenced, stats.report().held_shards), (4, 0));
    for shard in 0..SHARDS {
        let lease = world.memory.lease(Duty::Publish(shard), OTHER, LEASE, soon()).await.unwrap();
        assert!(lease.is_some(), "shard {shard} is free");
    }
    assert_eq!(world.memory.heartbeat(OTHER, LEASE, soon()).await.unwrap(), 1, "it takes no share");
    relay.stop().await;
    let lease = world.memory.lease(Duty::Sequence, OTHER, LEASE, soon()).await.unwrap();
    assert!(lease.is_some(), "the lease is given back");
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_what_is_under_way_records_it_and_gives_the_leases_back() {
    let world = World::default();
    let mut instance = world.instance(1);
    instance.drain().await;
    instance.publisher.pause();
    world.memory.add_versions(1, 2).await;
    instance.work_until_asked().await;
    let publisher = instance.publisher.clone();
    let stop = tokio::spawn(instance.relay.stop());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!stop.is_finished());
    publisher.resume();
    stop.await.unwrap();
    assert_eq!(world.published(1), [1], "nothing new is started");
    assert_eq!(world.backlog().await.events, 1);
    assert_eq!(world.memory.heartbeat(OTHER, LEASE, soon()).await.unwrap(), 1, "it has signed off");
    let duties = (0..SHARDS).map(Duty::Publish).chain([Duty::Sequence]);
    for duty in duties {
        let lease = world.memory.lease(duty, OTHER, LEASE, soon()).await.unwrap();
        assert!(lease.is_some(), "{duty:?} is free");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_although_the_broker_never_answers() {
    let world = World::default();
    let mut instance = world.instance(1);
    instance.drain().await;
    instance.publisher.pause();
    world.memory.add_versions(1, 1).await;
    instance.work_until_asked().await;
    let start = Instant::now();
    instance.relay.stop().await;
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    let lease = world.memory.lease(Duty::Publish(1), OTHER, LEASE, soon()).await.unwrap();
    assert!(lease.is_some(), "the lease is given back all the same");
}
