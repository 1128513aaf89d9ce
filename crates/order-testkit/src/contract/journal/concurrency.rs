//! Writers, sequencers, readers and operators at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use order_app::ports::{Deadline, Duty, JournalEntry, Leased, Parking, Progress, SHARDS, shard};
use order_domain::{OrderId, Version};
use tokio::task::JoinSet;

use super::super::steps::in_time;
use super::Instance;
use super::steps::{
    ALL, LONG, a_moment, a_name, advance, an_order_of_version, ask, assert_complete, assert_events,
    assign_all, entries_after, parked, patiently, publishing, release, some_orders, take,
};

/// The number of writers on each instance, and of the orders that each writer places.
const WRITERS: i64 = 8;
const ORDERS: i64 = 12;

/// Assigns positions until there are no events left: with two calls at a time, under a lease that it
/// sometimes gives back and sometimes lets run out.
async fn sequence_now_and_then(instance: Instance, written: Arc<AtomicBool>) {
    let (name, patience) = (a_name(), patiently());
    for turn in 0_u32.. {
        assert!(Deadline::now() < patience, "there are always events without a position");
        let done = written.load(Ordering::Acquire);
        let lasts = Duration::from_millis(20);
        let Some(lease) = ask(&instance, Duty::Sequence, name, lasts).await else {
            a_moment().await;
            continue;
        };
        let (one, other) = tokio::join!(
            instance.journal.assign_positions(&lease, 5, in_time()),
            instance.journal.assign_positions(&lease, 9, in_time()),
        );
        let nothing = [one, other].into_iter().all(|assigned| {
            matches!(assigned.expect("the journal assigns positions"), Leased::Done(0))
        });
        if turn.is_multiple_of(3) {
            release(&instance, &lease).await;
        }
        if done && nothing {
            return;
        }
    }
}

/// Reads the journal page by page, until it has read all events that are ever written.
async fn read_on(
    instance: Instance,
    shard: Option<u16>,
    complete: Arc<AtomicBool>,
) -> Vec<JournalEntry> {
    let (mut read, patience) = (Vec::<JournalEntry>::new(), patiently());
    loop {
        assert!(Deadline::now() < patience, "there are always events left to read");
        let done = complete.load(Ordering::Acquire);
        let position = read.last().map_or(0, |last| last.position);
        let next = entries_after(&instance, position, shard, 11).await;
        if next.is_empty() {
            if done {
                return read;
            }
            a_moment().await;
        }
        read.extend(next);
    }
}

pub(super) async fn readers_miss_nothing_while_sequencers_change_hands(instances: [Instance; 2]) {
    let written = Arc::new(AtomicBool::new(false));
    let complete = Arc::new(AtomicBool::new(false));
    let [one, other] = &instances;
    let (mut writers, mut sequencers) = (JoinSet::new(), JoinSet::new());
    let (mut readers, mut shards) = (JoinSet::new(), JoinSet::new());
    for instance in [one, other] {
        for _ in 0..WRITERS {
            let instance = instance.clone();
            writers.spawn(async move { some_orders(&instance, ORDERS).await });
        }
        for _ in 0..2 {
            sequencers.spawn(sequence_now_and_then(instance.clone(), Arc::clone(&written)));
        }
        readers.spawn(read_on(instance.clone(), None, Arc::clone(&complete)));
    }
    for number in [0, SHARDS / 2] {
        let reading = read_on(one.clone(), Some(number), Arc::clone(&complete));
        shards.spawn(async move { (number, reading.await) });
    }
    let (ids, counts): (Vec<_>, Vec<_>) = writers.join_all().await.into_iter().unzip();
    let ids: Vec<OrderId> = ids.into_iter().flatten().collect();
    written.store(true, Ordering::Release);
    sequencers.join_all().await;
    complete.store(true, Ordering::Release);
    for read in readers.join_all().await {
        assert_eq!(read.len(), counts.iter().sum::<usize>());
        assert_complete(one, &read, &ids).await;
    }
    for (number, read) in shards.join_all().await {
        let own: Vec<_> = ids.iter().copied().filter(|id| shard(*id) == number).collect();
        assert_events(one, &read, &own).await;
    }
}

pub(super) async fn calls_under_one_lease_give_each_position_once([one, other]: [Instance; 2]) {
    let (ids, events) = some_orders(&one, 40).await;
    let lease = take(&one, Duty::Sequence).await;
    let mut tasks = JoinSet::new();
    for number in 0..16 {
        let instance = if number % 2 == 0 { one.clone() } else { other.clone() };
        tasks.spawn(async move { super::steps::assign(&instance, &lease, 7).await });
    }
    let given: u32 = tasks.join_all().await.into_iter().sum();
    assert_eq!(usize::try_from(given), Ok(events.min(16 * 7)));
    let read = entries_after(&other, 0, None, ALL).await;
    assert_eq!(read.len(), events);
    assert_complete(&one, &read, &ids).await;
}

pub(super) async fn one_of_many_callers_gets_a_lease([one, other]: [Instance; 2]) {
    for round in 1..=5 {
        let mut tasks = JoinSet::new();
        for number in 0..20 {
            let instance = if number % 2 == 0 { one.clone() } else { other.clone() };
            tasks.spawn(async move { ask(&instance, Duty::Sequence, a_name(), LONG).await });
        }
        let mut got: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
        let lease = got.pop().expect("one of them gets it");
        assert_eq!((got, lease.epoch), (vec![], round));
        release(&other, &lease).await;
    }
}

pub(super) async fn two_redrives_at_the_same_time_skip_one_event([one, other]: [Instance; 2]) {
    let order = an_order_of_version(&one, 4).await.id();
    assign_all(&one).await;
    let lease = take(&one, publishing(order)).await;
    let parking = Parking { order, from: Version::FIRST, reason: "refused".to_owned() };
    let progress = Progress { position: 4, park: vec![parking], unpark: Vec::new() };
    advance(&one, &lease, &progress).await;
    let (first, second) = tokio::join!(
        one.journal.redrive(order, Some((Version::FIRST, "one")), in_time()),
        other.journal.redrive(order, Some((Version::FIRST, "other")), in_time()),
    );
    assert!(first.expect("the journal redrives") && second.expect("the journal redrives"));
    let from: Vec<i64> = parked(&one).await.iter().map(|parked| parked.from.get()).collect();
    assert_eq!(from, [2]);
}
