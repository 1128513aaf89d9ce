//! Replays are complete, in sequence, no faster than asked, and resumable.

use std::sync::Arc;
use std::time::Duration;

use order_app::operations::{OperationsPorts, Replay, ReplayPlan, ReplayState, StartError};
use order_app::ports::{Selection, StoreError};
use order_domain::OrderEventKind;
use order_testkit::examples::an_order_id;
use order_testkit::{Fate, Method};
use tokio::time::{Instant, sleep};

use crate::world::{World, assert_complete, everything, operator};

#[tokio::test(start_paused = true)]
async fn everything_is_replayed_in_sequence() {
    let world = World::published(20, 5).await;
    let progress = world.replay(everything()).await;
    assert_complete(&progress, 100);
    world.assert_replayed(20, 5);
    assert_eq!((progress.position, progress.unpublished), (100, 0));
    assert_eq!(world.broker.messages(None).len(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_selection_goes_to_the_topic_that_is_chosen() {
    let world = World::published(5, 4).await;
    let selection = Selection {
        orders: vec![an_order_id(2), an_order_id(3)],
        kinds: vec![OrderEventKind::Updated],
        ..Selection::default()
    };
    world.broker.create_topic("elsewhere");
    let plan = ReplayPlan { selection, topic: Some("elsewhere".to_owned()), ..everything() };
    assert_complete(&world.replay(plan).await, 6);
    assert_eq!((world.replayed(2), world.replayed(3)), (vec![2, 3, 4], vec![2, 3, 4]));
    assert_eq!(world.broker.messages(Some("elsewhere")).len(), 6);
}

#[tokio::test(start_paused = true)]
async fn positions_bound_a_replay() {
    let world = World::published(1, 9).await;
    let plan = ReplayPlan { after: 3, up_to: Some(6), ..everything() };
    assert_complete(&world.replay(plan).await, 3);
    assert_eq!(world.replayed(1), [4, 5, 6]);
    let beyond = ReplayPlan { after: 50, ..everything() };
    let progress = world.replay(beyond).await;
    assert_eq!((progress.state, progress.events), (ReplayState::Completed, 0));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_counts_and_sends_nothing() {
    let world = World::published(20, 5).await;
    let plan = ReplayPlan { dry_run: true, ..everything() };
    let ports = OperationsPorts { replayer: None, ..world.ports() };
    let counting = Replay::begin(&operator(ports), plan).await.unwrap();
    assert_complete(&counting.run(std::future::pending()).await, 100);
    assert!(world.broker.is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_brokers_nothing_is_replayed() {
    let world = World::published(1, 1).await;
    let ports = OperationsPorts { replayer: None, ..world.ports() };
    let refused = Replay::begin(&operator(ports), everything()).await;
    assert!(matches!(refused, Err(StartError::NoBrokers)));
}

#[tokio::test(start_paused = true)]
async fn unpublished_events_are_left_out() {
    let world = World::published(3, 3).await;
    // Parked from the second version on, with a position not published past, and without one.
    world.memory.park(1, 2).await;
    world.memory.add_versions(2, 1).await;
    world.memory.give_positions().await;
    world.memory.add_versions(3, 1).await;
    let progress = world.replay(everything()).await;
    assert_complete(&progress, 7);
    let replayed = [world.replayed(1), world.replayed(2), world.replayed(3)];
    assert_eq!(replayed, [vec![1], vec![1, 2, 3], vec![1, 2, 3]]);
    assert_eq!(progress.unpublished, 2);
}

#[tokio::test(start_paused = true)]
async fn a_replay_is_no_faster_than_asked() {
    let world = World::published(30, 1).await;
    let start = Instant::now();
    assert_complete(&world.replay(ReplayPlan { rate: 10, ..everything() }).await, 30);
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(2_900) && took < Duration::from_secs(4), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_replay_is_resumed_where_it_ended() {
    let world = World::published(20, 5).await;
    let (mut after, mut runs) = (0, 0);
    loop {
        let plan = ReplayPlan { rate: 50, after, ..everything() };
        let replay = Replay::begin(&world.operator(), plan).await.unwrap();
        let progress = replay.run(sleep(Duration::from_millis(470))).await;
        assert!(progress.position >= after, "it never goes back");
        (after, runs) = (progress.position, runs + 1);
        match progress.state {
            ReplayState::Cancelled => assert!(progress.ended_at.is_some()),
            ended => {
                assert_eq!(ended, ReplayState::Completed);
                break;
            }
        }
    }
    assert!(runs > 3, "it was interrupted");
    world.assert_replayed(20, 5);
    // Events under way are repeated, and no others.
    assert!(world.broker.len() <= 100 + runs * 20, "{}", world.broker.len());
}

#[tokio::test(start_paused = true)]
async fn transient_failures_are_waited_out_and_no_event_is_overtaken() {
    let world = World::published(10, 6).await;
    world.publisher.script(|number, event| match (number % 3, event.order_id.get() % 2) {
        (0, _) => Fate::Lost,
        (1, 0) => Fate::Unconfirmed,
        _ => Fate::Confirmed,
    });
    assert_complete(&world.replay(everything()).await, 60);
    world.assert_replayed(10, 6);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_down_shows_and_is_asked_with_pauses() {
    let world = World::published(3, 2).await;
    world.publisher.always(Fate::Lost);
    let replay = Replay::begin(&world.operator(), everything()).await.unwrap();
    let progress = replay.progress();
    let running = tokio::spawn(replay.run(std::future::pending()));
    sleep(Duration::from_mins(10)).await;
    assert!(progress.borrow().trouble.as_ref().is_some_and(|trouble| trouble.contains("lost")));
    let calls = world.publisher.calls();
    assert!((60..1_000).contains(&calls), "{calls}");
    world.publisher.always(Fate::Confirmed);
    assert_complete(&running.await.unwrap(), 6);
    world.assert_replayed(3, 2);
}

#[tokio::test(start_paused = true)]
async fn a_refused_event_ends_the_replay_right_before_it() {
    let world = World::published(6, 4).await;
    world.publisher.always_for(an_order_id(4), Fate::Refused);
    let progress = world.replay(everything()).await;
    let ReplayState::Failed(reason) = &progress.state else { panic!("{progress:?}") };
    assert!(reason.contains("event 1 of order 4, at position 4") && reason.contains("too large"));
    assert_eq!(progress.position, 3);
    // A replay may begin right after it.
    let plan = ReplayPlan { after: 4, selection: but(4), ..everything() };
    assert_eq!(world.replay(plan).await.state, ReplayState::Completed);
    for id in [1, 2, 3, 5, 6] {
        let mut seen = world.replayed(id);
        seen.dedup();
        assert!(seen.ends_with(&[2, 3, 4]) && seen.contains(&1), "{id}: {seen:?}");
    }
    assert_eq!(world.replayed(4), Vec::<i64>::new());
}

/// All orders but one.
fn but(id: i64) -> Selection {
    let orders = (1..=6).filter(|other| *other != id).map(an_order_id);
    Selection { orders: orders.collect(), ..Selection::default() }
}

#[tokio::test(start_paused = true)]
async fn all_before_a_refused_event_is_confirmed_first() {
    // Order 1 has many events before the refused one of order 2, one after the other.
    let world = World::new();
    world.memory.add_versions(1, 6).await;
    world.memory.add_versions(2, 1).await;
    world.memory.publish_all().await;
    world.publisher.always_for(an_order_id(2), Fate::Refused);
    let progress = world.replay(everything()).await;
    assert_eq!((progress.position, world.replayed(1)), (6, vec![1, 2, 3, 4, 5, 6]));
}

#[tokio::test(start_paused = true)]
async fn a_database_that_is_gone_for_a_while_is_waited_for() {
    let world = World::published(10, 4).await;
    let inspection = world.memory.another_instance();
    let mut works = true;
    let every_second = move |_: &_| {
        works = !works;
        !works
    };
    let gone = || StoreError::Unavailable("gone".into());
    inspection.faults().before(Method::Select).when(every_second).fails(gone);
    assert_complete(&world.replay_through(Arc::new(inspection), everything()).await, 40);
    world.assert_replayed(10, 4);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_read_is_named_and_the_rest_is_replayed() {
    for selection in [Selection::default(), but(11)] {
        let world = World::published(10, 4).await;
        world.memory.spoil(an_order_id(5), 2);
        world.memory.spoil(an_order_id(6), 4);
        // Not published, so not part of a replay.
        world.memory.park(7, 4).await;
        world.memory.spoil(an_order_id(7), 4);
        let by_orders = !selection.orders.is_empty();
        let progress = world.replay(ReplayPlan { selection, ..everything() }).await;
        let replayed = if by_orders { 22 } else { 37 };
        assert_eq!((progress.unreadable, progress.unpublished), (2, u64::from(!by_orders)));
        assert_complete(&progress, replayed);
        let named = progress.left_out.iter();
        let named = named.map(|event| (event.order.get(), event.sequence.get(), event.position));
        let positions = if by_orders { [None, None] } else { [Some(15), Some(36)] };
        assert_eq!(named.collect::<Vec<_>>(), [(5, 2, positions[0]), (6, 4, positions[1])]);
        assert!(progress.left_out.iter().all(|event| event.reason.contains("spoiled")));
        assert_eq!((world.replayed(5), world.replayed(6)), (vec![1, 3, 4], vec![1, 2, 3]));
    }
}
