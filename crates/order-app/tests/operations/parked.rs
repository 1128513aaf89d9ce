//! Parked orders: listed, redriven, skipped in part.

use order_app::actions::Reason;
use order_app::operations::{RedriveError, SkipError};
use order_domain::Version;
use order_testkit::examples::an_order_id;

use crate::world::World;

fn reason() -> Reason {
    Reason::new(" not wanted ").unwrap()
}

fn version(sequence: i64) -> Version {
    Version::new(sequence).unwrap()
}

#[tokio::test(start_paused = true)]
async fn parked_orders_are_paged() {
    let world = World::published(5, 1).await;
    for id in [5, 1, 3] {
        world.memory.park(id, 1).await;
    }
    let operations = world.operator();
    let first = operations.parked(0, None, 2).await.unwrap();
    let ids: Vec<i64> = first.orders.iter().map(|parked| parked.order.get()).collect();
    assert_eq!((ids, first.next), (vec![1, 3], Some(an_order_id(3))));
    let last = operations.parked(3, None, 2).await.unwrap();
    assert_eq!((last.orders.len(), last.next), (1, None));
    assert_eq!(operations.parked(0, Some(5), 500).await.unwrap().orders.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_parked_order_shows_what_waits_with_it() {
    let world = World::published(1, 4).await;
    world.memory.park(1, 3).await;
    let found = world.operator().inspect(an_order_id(1)).await.unwrap();
    assert_eq!((found.parked.from.get(), found.parked.reason.as_str()), (3, "too large"));
    let sequences: Vec<_> = found.waiting.iter().map(|(sequence, _)| sequence.get()).collect();
    assert_eq!((sequences, found.more), (vec![3, 4], false));
    world.memory.spoil(an_order_id(1), 3);
    let found = world.operator().inspect(an_order_id(1)).await.unwrap();
    let [(_, Err(reason)), (_, Ok(_))] = &found.waiting[..] else { panic!("{found:?}") };
    assert_eq!(reason, "spoiled");
}

#[tokio::test(start_paused = true)]
async fn a_redrive_may_be_asked_for_twice_and_not_for_what_is_not_parked() {
    let world = World::published(2, 1).await;
    world.memory.park(1, 1).await;
    let operations = world.operator();
    for _ in 0..2 {
        operations.redrive(an_order_id(1)).await.unwrap();
        assert!(operations.inspect(an_order_id(1)).await.unwrap().parked.redrive);
    }
    for id in [2, 99] {
        let refused = operations.redrive(an_order_id(id)).await;
        assert!(matches!(refused, Err(RedriveError::NotParked(_))), "{refused:?}");
        let refused = operations.inspect(an_order_id(id)).await;
        assert!(matches!(refused, Err(RedriveError::NotParked(_))), "{refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn all_are_redriven_but_those_that_are_asked_for_already() {
    // More than one page.
    let world = World::published(1_100, 1).await;
    for id in 1..=1_100 {
        world.memory.park(id, 1).await;
    }
    let operations = world.operator();
    operations.redrive(an_order_id(7)).await.unwrap();
    let done = operations.redrive_all().await.unwrap();
    assert_eq!((done.orders, done.more), (1_099, false));
    assert_eq!(operations.redrive_all().await.unwrap().orders, 0);
}

#[tokio::test(start_paused = true)]
async fn a_skip_is_recorded_and_happens_once() {
    let world = World::published(1, 3).await;
    world.memory.park(1, 2).await;
    let (operations, order) = (world.operator(), an_order_id(1));
    for _ in 0..2 {
        let skipped = operations.skip(order, Some(version(2)), &reason()).await.unwrap();
        assert_eq!((skipped.sequence.get(), skipped.reason.as_str()), (2, "not wanted"));
    }
    // The next event is refused, too; the same request again does not skip it.
    world.memory.park(1, 3).await;
    operations.skip(order, Some(version(2)), &reason()).await.unwrap();
    let found = operations.inspect(order).await.unwrap().parked;
    assert_eq!((found.from.get(), found.redrive), (3, false));
    let page = operations.skipped((0, 0), Some(order), 10).await.unwrap();
    assert_eq!((page.events.len(), page.next), (1, None));
    // Not even when the order is no longer parked.
    world.memory.unpark(1).await;
    operations.skip(order, Some(version(2)), &reason()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_skipped_says_why() {
    let world = World::published(2, 3).await;
    world.memory.park(1, 2).await;
    let (operations, order) = (world.operator(), an_order_id(1));
    let refused = operations.skip(order, Some(version(3)), &reason()).await;
    assert!(
        matches!(refused, Err(SkipError::NotFirst { first, .. }) if first.get() == 2),
        "{refused:?}"
    );
    operations.redrive(order).await.unwrap();
    let refused = operations.skip(order, None, &reason()).await;
    assert!(matches!(refused, Err(SkipError::UnderWay(_))), "{refused:?}");
    for sequence in [None, Some(version(1))] {
        let refused = operations.skip(an_order_id(2), sequence, &reason()).await;
        assert!(matches!(refused, Err(SkipError::NotParked(_))), "{refused:?}");
    }
}

#[test]
fn a_reason_says_something() {
    for wrong in ["", "  ", "a\nb", &"x".repeat(501)] {
        assert_eq!(Reason::new(wrong), None, "{wrong:?}");
    }
    assert_eq!(reason().as_str(), "not wanted");
    assert!(Reason::new(&"ü".repeat(500)).is_some());
}
