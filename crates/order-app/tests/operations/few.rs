//! Replays of few orders read the events by order, and find the same as a walk through the journal.

use std::sync::Arc;

use order_app::operations::{Replay, ReplayPlan, ReplayState};
use order_app::ports::{OrderStore as _, Selection, StoreError};
use order_domain::{CustomerId, OrderEventKind};
use order_testkit::examples::{a_change_placing, a_new_order, an_order_id, noon_plus, soon};
use order_testkit::{Fate, InMemoryStore, Method};
use tokio::time::sleep;

use crate::world::{World, assert_complete, everything};

fn of_orders(ids: impl IntoIterator<Item = i64>) -> Selection {
    Selection { orders: ids.into_iter().map(an_order_id).collect(), ..Selection::default() }
}

fn of_customer(id: i64) -> Selection {
    Selection { customers: vec![CustomerId::new(id).unwrap()], ..Selection::default() }
}

/// Orders 1 to 6 of customer 42 with three events each, and 7 of customer 8.
async fn a_world() -> World {
    let world = World::published(6, 3).await;
    let change = a_change_placing(a_new_order(7, 8));
    world.memory.commit(change.into(), soon()).await.unwrap();
    world.memory.publish_all().await;
    world
}

fn selections() -> Vec<(Selection, u64)> {
    let kinds = vec![OrderEventKind::Created];
    vec![
        (of_orders([2]), 3),
        (of_orders([2, 5, 5]), 6),
        (of_orders([99]), 0),
        (of_customer(8), 1),
        (of_customer(42), 18),
        (of_customer(9), 0),
        (Selection { customers: of_customer(42).customers, ..of_orders([3, 7]) }, 3),
        (Selection { kinds, ..of_orders([2, 7]) }, 2),
        (Selection { from: Some(noon_plus(1)), ..of_orders([2]) }, 0),
        (Selection { to: Some(noon_plus(1)), ..of_orders([2]) }, 3),
    ]
}

/// A view of the journal that fails when it is walked through.
fn no_walk(world: &World) -> InMemoryStore {
    let inspection = world.memory.another_instance();
    let walked = || StoreError::Corrupt("it was walked through".into());
    inspection.faults().before(Method::Select).fails(walked);
    inspection
}

#[tokio::test(start_paused = true)]
async fn the_journal_is_not_walked_through_for_few_orders() {
    for (selection, events) in selections() {
        let world = a_world().await;
        let no_walk = Arc::new(no_walk(&world));
        let plan = ReplayPlan { selection: selection.clone(), ..everything() };
        assert_complete(&world.replay_through(no_walk.clone(), plan.clone()).await, events);
        assert_eq!(u64::try_from(world.broker.len()).unwrap(), events, "{selection:?}");
        let dry = ReplayPlan { dry_run: true, ..plan };
        assert_complete(&world.replay_through(no_walk, dry).await, events);
    }
}

#[tokio::test(start_paused = true)]
async fn a_walk_through_the_journal_finds_the_same() {
    for (selection, events) in selections() {
        let (world, other) = (a_world().await, a_world().await);
        let plan = ReplayPlan { selection, ..everything() };
        let by_orders = world.replay(plan.clone()).await;
        // A bound by position needs the journal.
        let by_places = other.replay(ReplayPlan { up_to: Some(1_000), ..plan }).await;
        assert_eq!((by_orders.events, by_places.events), (events, events));
        for id in 1..=7 {
            assert_eq!(world.replayed(id), other.replayed(id), "order {id}");
        }
        assert_eq!(by_orders.position, by_places.position);
    }
}

#[tokio::test(start_paused = true)]
async fn of_many_orders_the_journal_is_walked_through() {
    let world = World::published(1_001, 1).await;
    for (selection, walks) in
        [(of_orders(1..=1_000), false), (of_orders(1..=1_001), true), (of_customer(42), true)]
    {
        let plan = ReplayPlan { selection, dry_run: true, ..everything() };
        let ended = world.replay_through(Arc::new(no_walk(&world)), plan).await;
        assert_eq!(matches!(ended.state, ReplayState::Failed(_)), walks, "{:?}", ended.state);
    }
}

#[tokio::test(start_paused = true)]
async fn unpublished_events_are_left_out() {
    let world = World::published(4, 3).await;
    // Parked from the second version on, with a position not published past, and without one.
    world.memory.park(1, 2).await;
    world.memory.add_versions(2, 1).await;
    world.memory.give_positions().await;
    world.memory.add_versions(3, 2).await;
    let plan = ReplayPlan { selection: of_orders(1..=4), ..everything() };
    let progress = world.replay(plan).await;
    assert_complete(&progress, 10);
    assert_eq!(progress.unpublished, 2 + 1 + 2);
    let replayed = [1, 2, 3, 4].map(|id| world.replayed(id));
    assert_eq!(replayed, [vec![1], vec![1, 2, 3], vec![1, 2, 3], vec![1, 2, 3]]);
}

#[tokio::test(start_paused = true)]
async fn long_histories_come_in_sequence_although_events_fail_meanwhile() {
    let world = World::new();
    for (id, versions) in [(1, 450), (2, 3), (3, 199), (4, 201)] {
        world.memory.add_versions(id, versions).await;
    }
    world.memory.publish_all().await;
    world.publisher.script(|number, _| if number % 5 == 0 { Fate::Lost } else { Fate::Confirmed });
    let plan = ReplayPlan { selection: of_orders(1..=4), ..everything() };
    let progress = world.replay(plan).await;
    assert_complete(&progress, 853);
    assert_eq!(progress.orders, Some((4, 4)));
    for (id, versions) in [(1, 450), (2, 3), (3, 199), (4, 201)] {
        let mut seen = world.replayed(id);
        seen.dedup();
        assert_eq!(seen, (1..=versions).collect::<Vec<_>>(), "order {id}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_published_meanwhile_does_not_come_without_those_before_it() {
    let world = World::new();
    world.memory.add_versions(1, 450).await;
    world.memory.publish_all().await;
    world.memory.park(1, 5).await;
    let inspection = world.memory.another_instance();
    let (mut pages, memory) = (0, world.memory.clone());
    let second = move |_: &_| {
        pages += 1;
        pages == 2
    };
    inspection.faults().before(Method::OrderEvents).when(second).runs(move |_| {
        let memory = memory.clone();
        async move {
            memory.unpark(1).await;
            Ok(())
        }
    });
    let plan = ReplayPlan { selection: of_orders([1]), ..everything() };
    let progress = world.replay_through(Arc::new(inspection), plan).await;
    assert_complete(&progress, 4);
    assert_eq!((progress.unpublished, world.replayed(1)), (446, vec![1, 2, 3, 4]));
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_replay_goes_on_after_the_last_finished_order() {
    let world = World::published(9, 50).await;
    let plan = ReplayPlan { selection: of_orders([2, 3, 4, 5, 6, 8]), rate: 100, ..everything() };
    // 200 events are sent together: those of the first four orders.
    for (millis, events, done, after_order) in [(995, 100, 0, 1), (2_495, 250, 3, 5)] {
        let replay = Replay::begin(&world.operator(), plan.clone()).await.unwrap();
        let ended = replay.run(sleep(std::time::Duration::from_millis(millis))).await;
        assert_eq!(
            (ended.state, ended.position, ended.events),
            (ReplayState::Cancelled, 0, events)
        );
        assert_eq!(
            (ended.orders, ended.after_order),
            (Some((done, 6)), Some(an_order_id(after_order)))
        );
    }
    let rest = ReplayPlan { after_order: Some(an_order_id(5)), ..plan };
    let ended = world.replay(rest.clone()).await;
    assert_complete(&ended, 100);
    assert_eq!((ended.orders, ended.after_order), (Some((2, 2)), Some(an_order_id(8))));
    world.assert_orders_replayed([2, 3, 4, 5, 6, 8], 50);
    let nothing = ReplayPlan { after_order: Some(an_order_id(8)), ..rest.clone() };
    assert_complete(&world.replay(nothing).await, 0);
    // A walk through the journal takes it the same way.
    assert_complete(&world.replay(ReplayPlan { up_to: Some(1_000), ..rest }).await, 100);
}

#[tokio::test(start_paused = true)]
async fn a_refused_event_ends_the_replay_and_is_named() {
    let world = World::published(6, 3).await;
    world.publisher.always_for(an_order_id(3), Fate::Refused);
    let plan = ReplayPlan { selection: of_orders([2, 3, 4]), ..everything() };
    let progress = world.replay(plan).await;
    let ReplayState::Failed(reason) = &progress.state else { panic!("{progress:?}") };
    assert!(reason.starts_with("event 1 of order 3 is refused: "), "{reason}");
    assert_eq!((progress.position, world.replayed(2)), (0, vec![1, 2, 3]));
    assert_eq!(progress.after_order, Some(an_order_id(2)), "it can go on right before it");
}
