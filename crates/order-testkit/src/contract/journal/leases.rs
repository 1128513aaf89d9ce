//! Leases have one holder at a time, by the clock of the database, and an epoch that tells holders
//! apart. Living instances are counted.

use std::time::Duration;

use order_app::ports::{Deadline, Duty, SHARDS};

use super::super::steps::in_time;
use super::Instance;
use super::steps::{
    ALL, LONG, SHORT, a_moment, a_name, a_short_time, an_order_on, ask, assign, release, take,
    take_over,
};

pub(super) async fn a_lease_has_one_holder([one, other]: [Instance; 2]) {
    let lease = take(&one, Duty::Publish(3)).await;
    assert_eq!(lease.duty, Duty::Publish(3));
    for instance in [&one, &other] {
        assert_eq!(ask(instance, Duty::Publish(3), a_name(), LONG).await, None);
    }
    let renewed = ask(&other, Duty::Publish(3), lease.instance, LONG).await;
    assert_eq!(renewed, Some(lease), "the holder is known by its name, through any connection");
}

pub(super) async fn duties_are_leased_apart([one, other]: [Instance; 2]) {
    let mut instances = [&one, &other].into_iter().cycle();
    for duty in (0..SHARDS).map(Duty::Publish).chain([Duty::Sequence, Duty::Replay]) {
        let lease = take(instances.next().expect("a cycle"), duty).await;
        assert_eq!((lease.duty, lease.epoch), (duty, 1));
    }
}

pub(super) async fn a_shard_that_does_not_exist_is_not_leased([one, _]: [Instance; 2]) {
    assert_eq!(ask(&one, Duty::Publish(SHARDS), a_name(), LONG).await, None);
}

pub(super) async fn renewing_keeps_the_epoch_and_taking_raises_it([one, other]: [Instance; 2]) {
    let first = take(&one, Duty::Sequence).await;
    for _ in 0..3 {
        assert_eq!(ask(&one, Duty::Sequence, first.instance, LONG).await, Some(first));
    }
    release(&one, &first).await;
    let second = take(&other, Duty::Sequence).await;
    assert_eq!(second.epoch, first.epoch + 1);
    release(&other, &second).await;
    let third = ask(&one, Duty::Sequence, first.instance, LONG).await.expect("it is free");
    assert_eq!(third.epoch, second.epoch + 1);
}

pub(super) async fn a_lease_that_is_over_can_be_taken_by_another_instance(
    [one, other]: [Instance; 2],
) {
    let first = ask(&one, Duty::Sequence, a_name(), SHORT).await.expect("it is free");
    let second = take_over(&other, Duty::Sequence, a_name()).await;
    assert_eq!(second.epoch, first.epoch + 1);
    assert_eq!(ask(&one, Duty::Sequence, first.instance, LONG).await, None);
}

pub(super) async fn a_lease_that_is_over_is_held_until_it_is_taken([one, _]: [Instance; 2]) {
    let lease = ask(&one, Duty::Sequence, a_name(), SHORT).await.expect("it is free");
    a_short_time(&one).await;
    an_order_on(&one).await;
    assert_eq!(assign(&one, &lease, ALL).await, 1);
    let renewed = ask(&one, Duty::Sequence, lease.instance, LONG).await.expect("it is its own");
    assert_eq!((renewed.epoch, renewed.position), (lease.epoch, 1));
}

pub(super) async fn a_lease_that_is_given_back_is_free([one, other]: [Instance; 2]) {
    let lease = take(&one, Duty::Publish(0)).await;
    release(&one, &lease).await;
    take(&other, Duty::Publish(0)).await;
}

pub(super) async fn giving_back_late_or_twice_changes_nothing([one, other]: [Instance; 2]) {
    let first = take(&one, Duty::Publish(0)).await;
    release(&one, &first).await;
    release(&one, &first).await;
    let second = take(&other, Duty::Publish(0)).await;
    release(&one, &first).await;
    assert_eq!(ask(&one, Duty::Publish(0), first.instance, LONG).await, None);
    // The same holder under a later epoch.
    release(&other, &second).await;
    let third = ask(&one, Duty::Publish(0), first.instance, LONG).await.expect("it is free");
    release(&one, &first).await;
    assert_eq!(ask(&one, Duty::Publish(0), first.instance, LONG).await, Some(third));
}

pub(super) async fn instances_that_live_are_counted([one, other]: [Instance; 2]) {
    let (first, second) = (a_name(), a_name());
    for (instance, name, expected) in
        [(&one, first, 1), (&one, first, 1), (&other, second, 2), (&one, first, 2)]
    {
        let living = instance.journal.heartbeat(name, LONG, in_time()).await;
        assert_eq!(living.expect("the journal counts instances"), expected);
    }
}

pub(super) async fn an_instance_that_is_silent_is_forgotten([one, other]: [Instance; 2]) {
    let (silent, watcher) = (a_name(), a_name());
    other.journal.heartbeat(silent, SHORT, in_time()).await.expect("the journal counts instances");
    let patience = in_time();
    while one.journal.heartbeat(watcher, LONG, in_time()).await.expect("the journal counts") != 1 {
        assert!(Deadline::now() < patience, "the silent one is never forgotten");
        a_moment().await;
    }
    let back = other.journal.heartbeat(silent, LONG, in_time()).await;
    assert_eq!(back.expect("the journal counts instances"), 2);
}

pub(super) async fn an_instance_that_signs_off_is_not_counted([one, other]: [Instance; 2]) {
    let (leaving, staying) = (a_name(), a_name());
    for (name, lives_for, expected) in
        [(leaving, LONG, 1), (staying, LONG, 2), (leaving, Duration::ZERO, 1), (staying, LONG, 1)]
    {
        let living = one.journal.heartbeat(name, lives_for, in_time()).await;
        assert_eq!(living.expect("the journal counts instances"), expected);
    }
    let back = other.journal.heartbeat(leaving, LONG, in_time()).await;
    assert_eq!(back.expect("the journal counts instances"), 2);
}
