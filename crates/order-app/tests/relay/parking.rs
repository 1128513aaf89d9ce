//! Events that the broker refuses: their order is parked, all other orders go on, and a redrive
//! publishes the rest of the order in sequence.

use std::time::Duration;

use order_app::ports::EventJournal as _;
use order_app::relay::RelaySettings;
use order_domain::OrderId;
use order_testkit::Fate;
use order_testkit::examples::{an_order_id, soon};

use crate::world::{Instance, World};

const SECOND: Duration = Duration::from_secs(1);

fn poisoned() -> OrderId {
    an_order_id(16)
}

/// Order 16 has two published events; its third one is refused, and two more follow.
async fn parked_at_three() -> (World, Instance) {
    let world = World::default();
    let mut instance = world.instance(1);
    world.memory.add_versions(16, 2).await;
    instance.drain().await;
    instance.publisher.always_for(poisoned(), Fate::Refused);
    world.memory.add_versions(16, 3).await;
    instance.drain().await;
    instance.work(SECOND).await;
    (world, instance)
}

#[tokio::test(start_paused = true)]
async fn a_refused_order_is_parked_and_all_others_flow() {
    let (world, mut instance) = parked_at_three().await;
    for id in 1..=48 {
        world.memory.add_versions(id, 1).await;
    }
    instance.drain().await;
    instance.work(SECOND).await;
    assert_eq!(world.published(16), [1, 2]);
    for id in (1..=48).filter(|id| *id != 16) {
        assert_eq!(world.published(id), [1]);
    }
    let [parked] = &world.parked().await[..] else { panic!("one order is parked") };
    assert_eq!((parked.order, parked.from.get(), parked.attempts), (poisoned(), 3, 1));
    assert!(parked.reason.contains("too large"), "{}", parked.reason);
    let backlog = world.backlog().await;
    assert_eq!((backlog.events, backlog.parked), (0, 1), "the shard's position passes it");
    let report = instance.report();
    assert_eq!((report.parkings, report.parked_orders), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_redrive_publishes_the_rest_in_sequence_with_later_events() {
    let (world, mut instance) = parked_at_three().await;
    instance.publisher.always_for(poisoned(), Fate::Confirmed);
    world.memory.add_versions(16, 100).await;
    instance.work(SECOND * 2).await;
    assert_eq!(world.published(16), [1, 2], "it was not redriven yet");
    assert!(world.redrive(poisoned(), None).await);
    // Commits go on while it is redriven.
    for _ in 0..300 {
        world.memory.add_versions(16, 1).await;
        instance.work(Duration::from_millis(10)).await;
    }
    instance.work(SECOND * 2).await;
    let published = world.published(16);
    let mut last = 0;
    for sequence in published {
        assert!(sequence <= last + 1, "{sequence} after {last}");
        last = last.max(sequence);
    }
    assert_eq!(last, 405);
    assert_eq!(world.parked().await, []);
    assert_eq!(instance.publisher.offenders(), []);
    assert_eq!(world.backlog().await.events, 0);
    assert_eq!(instance.report().parked_orders, 0);
}

#[tokio::test(start_paused = true)]
async fn a_redrive_that_is_refused_again_parks_again_and_ends() {
    let (world, mut instance) = parked_at_three().await;
    instance.publisher.script(|_, _| Fate::Confirmed);
    world.redrive(poisoned(), None).await;
    instance.work(SECOND * 3).await;
    let [parked] = &world.parked().await[..] else { panic!("it is still parked") };
    assert_eq!((parked.from.get(), parked.attempts, parked.redrive), (3, 2, false));
    let calls = instance.publisher.calls();
    instance.work(SECOND * 60).await;
    assert_eq!(instance.publisher.calls(), calls, "it is not tried without a redrive");
}

#[tokio::test(start_paused = true)]
async fn a_redrive_waits_out_transient_failures() {
    let (world, mut instance) = parked_at_three().await;
    instance.publisher.always_for(poisoned(), Fate::Lost);
    world.redrive(poisoned(), None).await;
    instance.work(SECOND * 20).await;
    assert_eq!(world.parked().await.len(), 1);
    instance.publisher.always_for(poisoned(), Fate::Confirmed);
    instance.work(SECOND * 62).await;
    assert_eq!(world.published(16), [1, 2, 3, 4, 5]);
    assert_eq!(world.parked().await, []);
}

#[tokio::test(start_paused = true)]
async fn a_parked_order_stays_parked_at_the_next_holder_which_sees_the_redrive() {
    let (world, instance) = parked_at_three().await;
    drop(instance);
    world.memory.add_versions(16, 1).await;
    let mut next = world.instance(2);
    next.work(SECOND * 15).await;
    assert_eq!(world.published(16), [1, 2]);
    world.redrive(poisoned(), None).await;
    next.work(SECOND * 3).await;
    assert_eq!(world.published(16), [1, 2, 3, 4, 5, 6]);
    assert_eq!(world.parked().await, []);
}

#[tokio::test(start_paused = true)]
async fn a_refused_event_can_be_skipped_for_a_reason() {
    let (world, mut instance) = parked_at_three().await;
    instance.publisher.always_for(poisoned(), Fate::Confirmed);
    assert!(world.redrive(poisoned(), Some("its customer is gone")).await);
    assert!(world.redrive(poisoned(), Some("asked twice")).await);
    instance.work(SECOND * 3).await;
    assert_eq!(world.published(16), [1, 2, 4, 5]);
    assert_eq!(world.parked().await, []);
    assert!(!world.redrive(poisoned(), None).await, "it is not parked any more");
}

#[tokio::test(start_paused = true)]
async fn a_skipped_event_does_not_come_back_behind_a_slower_order() {
    let world = World::default();
    let (slow, skipped) = (an_order_id(32), poisoned());
    world.memory.add_versions(32, 1).await;
    world.memory.add_versions(16, 2).await;
    let mut instance = world.instance(1);
    instance.publisher.always_for(slow, Fate::Lost);
    instance.publisher.always_for(skipped, Fate::Refused);
    instance.work(SECOND * 2).await;
    assert_eq!(world.parked().await.len(), 1);
    instance.publisher.always_for(skipped, Fate::Confirmed);
    world.redrive(skipped, Some("too large")).await;
    instance.work(SECOND * 3).await;
    assert_eq!(world.parked().await, []);
    assert_eq!(world.published(16), [2]);
    // The position of the shard is still before both. The next holder starts there.
    assert_eq!(world.memory.published_through(0), 0);
    drop(instance);
    let mut next = world.instance(2);
    next.work(SECOND * 15).await;
    assert_eq!(world.published(32), [1]);
    assert_eq!(world.published(16), [2, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_refuses_everything_does_not_park_all_orders() {
    let world = World::default();
    let settings = RelaySettings { parked: 2, ..RelaySettings::default() };
    let mut instance = world.instance_with(1, settings, world.memory.clone());
    instance.publisher.always(Fate::Refused);
    for order in 1..=5 {
        world.memory.add_versions(order * 16, 1).await;
    }
    instance.work(SECOND * 5).await;
    let parked = world.memory.parked(Some(0), 100, soon()).await.unwrap();
    assert_eq!(parked.len(), 2);
    instance.publisher.always(Fate::Confirmed);
    instance.work(SECOND * 61).await;
    let published = (1..=5).filter(|order| world.published(order * 16) == [1]).count();
    assert_eq!(published, 3);
}

/// Order 16 has six events, and the fourth one cannot be read.
async fn spoiled_at_four() -> (World, Instance) {
    let world = World::default();
    let mut instance = world.instance(1);
    world.memory.add_versions(16, 6).await;
    world.memory.spoil(poisoned(), 4);
    world.memory.add_versions(32, 2).await;
    instance.drain().await;
    instance.work(SECOND).await;
    (world, instance)
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_read_parks_its_order_after_those_before_it() {
    let (world, mut instance) = spoiled_at_four().await;
    world.memory.add_versions(16, 1).await;
    instance.drain().await;
    assert_eq!(world.published(16), [1, 2, 3]);
    assert_eq!(world.published(32), [1, 2], "the others go on");
    instance.work(SECOND).await;
    let [parked] = &world.parked().await[..] else { panic!("one order is parked") };
    assert_eq!((parked.order, parked.from.get(), parked.attempts), (poisoned(), 4, 1));
    assert!(parked.reason.contains("cannot be read: spoiled"), "{}", parked.reason);
    assert_eq!(world.backlog().await.events, 0, "the shard's position passes it");
}

#[tokio::test(start_paused = true)]
async fn an_order_whose_event_is_corrected_is_redriven_in_sequence() {
    let (world, mut instance) = spoiled_at_four().await;
    world.memory.mend(poisoned(), 4);
    assert!(world.redrive(poisoned(), None).await);
    instance.work(SECOND * 3).await;
    assert_eq!(world.published(16), [1, 2, 3, 4, 5, 6]);
    assert_eq!(world.parked().await, []);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_read_can_be_skipped() {
    let (world, mut instance) = spoiled_at_four().await;
    assert!(world.redrive(poisoned(), Some("it is lost")).await);
    instance.work(SECOND * 3).await;
    assert_eq!(world.published(16), [1, 2, 3, 5, 6]);
    assert_eq!(world.parked().await, []);
}

#[tokio::test(start_paused = true)]
async fn a_redrive_of_an_unreadable_event_parks_again_and_ends() {
    let (world, mut instance) = parked_at_three().await;
    world.memory.spoil(poisoned(), 4);
    instance.publisher.always_for(poisoned(), Fate::Confirmed);
    assert!(world.redrive(poisoned(), None).await);
    instance.work(SECOND * 3).await;
    assert_eq!(world.published(16), [1, 2, 3], "what can be read goes");
    let [parked] = &world.parked().await[..] else { panic!("it is still parked") };
    assert_eq!((parked.from.get(), parked.attempts, parked.redrive), (4, 2, false));
    assert!(world.redrive(poisoned(), Some("it is lost")).await);
    instance.work(SECOND * 3).await;
    assert_eq!(world.published(16), [1, 2, 3, 5]);
    assert_eq!(world.parked().await, []);
}
