//! Several instances: fair shares, takeovers, and instances that wake up after their leases.

use std::time::Duration;

use order_app::ports::{Duty, EventJournal as _};
use order_testkit::examples::{an_order_id, soon};
use tokio::time::Instant;
use uuid::Uuid;

use crate::world::{Instance, World, work_together};

const SECOND: Duration = Duration::from_secs(1);

fn held(instances: &[&mut Instance]) -> Vec<usize> {
    instances.iter().map(|instance| instance.report().held_shards).collect()
}

#[tokio::test(start_paused = true)]
async fn instances_share_the_shards_fairly_as_they_come_and_go() {
    let world = World::default();
    let (mut a, mut b, mut c) = (world.instance(1), world.instance(2), world.instance(3));
    a.work(SECOND).await;
    assert_eq!(a.report().held_shards, 16);

    let mut all = [&mut a, &mut b];
    work_together(&mut all, SECOND * 3).await;
    assert_eq!(held(&all), [8, 8]);

    let mut all = [&mut a, &mut b, &mut c];
    work_together(&mut all, SECOND * 3).await;
    let shares = held(&all);
    assert_eq!(shares.iter().sum::<usize>(), 16);
    assert!(shares.iter().all(|share| (4..=6).contains(share)), "{shares:?}");
    assert_eq!(all.iter().filter(|instance| instance.report().is_sequencer).count(), 1);

    // An instance that stops in order is replaced at once.
    c.relay.stop().await;
    let mut all = [&mut a, &mut b];
    work_together(&mut all, SECOND * 2).await;
    assert_eq!(held(&all), [8, 8]);
}

#[tokio::test(start_paused = true)]
async fn the_shards_of_a_dead_instance_are_taken_over_within_a_lease_and_a_second() {
    let world = World::default();
    let (mut a, mut b) = (world.instance(1), world.instance(2));
    work_together(&mut [&mut a, &mut b], SECOND * 3).await;
    for id in 1..=32 {
        world.memory.add_versions(id, 2).await;
    }
    drop(a);
    let death = Instant::now();
    b.work_until(|report| report.held_shards == 16 && report.is_sequencer).await;
    assert!(death.elapsed() <= SECOND * 11, "{:?}", death.elapsed());
    b.drain().await;
    for id in 1..=32 {
        assert_eq!(world.published(id), [1, 2]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_slept_through_its_leases_sends_nothing_before_it_has_others() {
    let world = World::default();
    let (mut a, mut b) = (world.instance(1), world.instance(2));
    a.work(SECOND).await;
    world.memory.add_versions(1, 5).await;
    a.publisher.pause();
    a.work_until_asked().await;
    // Version 1 is under way; then this instance sleeps for a minute, and another takes over.
    b.work(SECOND * 15).await;
    assert_eq!(b.report().held_shards, 16);
    b.drain().await;
    assert_eq!(world.published(1), [1, 2, 3, 4, 5]);

    // The first instance wakes up: its late call may repeat an event, and nothing else.
    let calls = a.publisher.calls();
    a.publisher.resume();
    a.work(SECOND).await;
    assert_eq!(world.published(1), [1, 2, 3, 4, 5, 1]);
    assert_eq!(a.publisher.calls(), calls);
    assert!(a.report().held_shards <= 8);

    work_together(&mut [&mut a, &mut b], SECOND * 3).await;
    world.memory.add_versions(1, 1).await;
    work_together(&mut [&mut a, &mut b], SECOND).await;
    assert_eq!(world.broker.sequences(an_order_id(1)), [1, 2, 3, 4, 5, 1, 6]);
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_cannot_renew_stops_publishing_and_goes_on_when_it_has_renewed() {
    let world = World::default();
    let mut a = world.instance(1);
    a.work(SECOND).await;
    // Longer than it can be sure of the lease; there is no other instance.
    tokio::time::advance(SECOND * 60).await;
    world.memory.add_versions(1, 2).await;
    a.commits.wake();
    a.work(SECOND).await;
    assert_eq!(world.published(1), [1, 2]);
    assert_eq!(a.report().held_shards, 16);
}

#[tokio::test(start_paused = true)]
async fn a_shard_is_not_taken_again_while_calls_of_an_earlier_period_are_under_way() {
    let world = World::default();
    let mut a = world.instance(1);
    a.work(SECOND).await;
    world.memory.add_versions(1, 2).await;
    a.publisher.pause();
    a.work_until_asked().await;
    tokio::time::advance(SECOND * 15).await;
    let other = Uuid::from_u128(99);
    let taken = world.memory.lease(Duty::Publish(1), other, SECOND, soon()).await.unwrap();
    assert!(taken.is_some(), "the lease is over");
    a.work(SECOND * 10).await;
    assert_eq!(a.report().held_shards, 15, "the shard is free again, and left alone");

    a.publisher.resume();
    a.work(SECOND * 3).await;
    assert_eq!(a.report().held_shards, 16);
    assert_eq!(world.published(1), [1, 1, 2]);
    assert_eq!(a.publisher.offenders(), []);
}
