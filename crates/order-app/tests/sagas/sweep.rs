//! The sweep: what is due is looked after, by one instance at a time, whatever some sagas do.

use std::time::Duration;

use order_app::ports::{Duty, EventJournal as _, SagaWrite};
use order_app::saga::SagaState;
use order_domain::{CancelReason, OrderStatus};
use order_events::saga::{CommandType, Verdict};
use order_testkit::examples::{noon, soon};
use order_testkit::{Gate, Method};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::world::{TIMES, World, kinds, unavailable};

const HALF_MINUTE: Duration = TIMES.resend_after;

#[tokio::test]
async fn an_unanswered_command_is_sent_again_when_it_is_due() {
    let world = World::new();
    let first = world.place().await;
    let mut sweep = world.sweep(1);
    world.later(HALF_MINUTE.saturating_sub(Duration::from_micros(1)));
    assert_eq!(sweep.look().await.unwrap(), 0);
    world.later(Duration::from_micros(1));
    for attempt in [2, 3] {
        assert_eq!(sweep.look().await.unwrap(), 1);
        let again = world.sent().await;
        assert_eq!((again[0].id, again[0].attempt), (first[0].id, attempt));
        assert_eq!(sweep.look().await.unwrap(), 0);
        world.later(HALF_MINUTE);
    }
}

#[tokio::test]
async fn an_order_expires_at_the_deadline_and_what_was_asked_for_is_undone() {
    let world = World::new();
    world.place().await;
    let mut sweep = world.sweep(1);
    for _ in 0..30 {
        world.later(HALF_MINUTE);
        sweep.look().await.unwrap();
    }
    let order = world.order(1).await;
    assert_eq!(order.snapshot().cancel_reason, Some(CancelReason::Expired));
    let sent = world.sent().await;
    assert_eq!(kinds(&sent).last(), Some(&CommandType::Release));
    let cancelled = world.events(1).await.pop().unwrap();
    assert_eq!(sent.last().unwrap().causation, Some(cancelled.id.to_string()));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_decided_while_commands_cannot_be_sent() {
    let world = World::new();
    world.place().await;
    let mut sweep = world.sweep(1);
    assert_eq!(sweep.look().await.unwrap(), 0);
    world.commands.works_since(None);
    world.later(Duration::from_hours(1));
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(sweep.look().await.unwrap(), 0);
    assert_eq!(world.order(1).await.status(), OrderStatus::Pending);
    // Another instance, which can send, may have the lease.
    let free = world.memory.lease(Duty::Sagas, Uuid::from_u128(2), HALF_MINUTE, soon()).await;
    assert!(free.unwrap().is_some());
}

#[tokio::test]
async fn an_hour_without_a_transport_cancels_nothing() {
    let world = World::new();
    world.place().await;
    world.later(Duration::from_hours(1));
    world.commands.works_since(Some(noon() + chrono::TimeDelta::hours(1)));
    let mut sweep = world.sweep(1);
    assert_eq!(sweep.look().await.unwrap(), 1);
    assert_eq!(kinds(&world.sent().await), [CommandType::Reserve]);
    assert_eq!(world.order(1).await.status(), OrderStatus::Pending);
}

#[tokio::test]
async fn one_instance_at_a_time_sweeps_and_gives_the_lease_back() {
    let world = World::new();
    world.place().await;
    world.later(HALF_MINUTE);
    let (mut first, mut second) = (world.sweep(1), world.sweep(2));
    assert_eq!(first.look().await.unwrap(), 1);
    world.later(HALF_MINUTE);
    assert_eq!(second.look().await.unwrap(), 0);
    let (stop, stopped) = oneshot::channel::<()>();
    drop(stop);
    first.run(async { drop(stopped.await) }).await;
    assert_eq!(second.look().await.unwrap(), 1);
}

#[tokio::test]
async fn pages_follow_each_other_in_one_look() {
    const ORDERS: usize = 600;
    let world = World::new();
    for _ in 0..ORDERS {
        world.place().await;
    }
    world.later(HALF_MINUTE);
    assert_eq!(world.sweep(1).look().await.unwrap(), ORDERS);
    assert_eq!(world.sent().await.len(), ORDERS);
}

#[tokio::test(start_paused = true)]
async fn a_saga_that_cannot_be_read_holds_up_no_other_and_is_left_alone_for_a_while() {
    let world = World::new();
    for _ in 0..3 {
        world.place().await;
    }
    let broken = |saga| SagaWrite { document: "{".to_owned(), ..saga };
    world.rewrite(1, broken).await;
    world.later(HALF_MINUTE);
    let mut sweep = world.sweep(1);
    assert_eq!(sweep.look().await.unwrap(), 3);
    assert_eq!(world.sent().await.len(), 2);
    let read = || world.faults.count(Method::Saga);
    let before = read();
    assert_eq!(sweep.look().await.unwrap(), 1);
    assert_eq!(read(), before, "it is left alone");
    tokio::time::advance(Duration::from_mins(5)).await;
    assert_eq!(sweep.look().await.unwrap(), 1);
    assert_eq!(read(), before + 1);
}

#[tokio::test]
async fn a_page_of_sagas_that_stay_due_holds_up_no_later_page() {
    let world = World::new();
    for _ in 0..257 {
        world.place().await;
    }
    for id in 1..=256 {
        world.rewrite(id, |saga| SagaWrite { document: "{".to_owned(), ..saga }).await;
    }
    world.later(HALF_MINUTE);
    assert_eq!(world.sweep(1).look().await.unwrap(), 257);
    let sent = world.sent().await;
    assert_eq!((sent.len(), sent[0].order_id.get()), (1, 257));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_locked_holds_up_no_other() {
    let world = World::new();
    for _ in 0..3 {
        world.place().await;
    }
    world.later(HALF_MINUTE);
    let mut sweep = world.sweep(1);
    world.faults.before(Method::Commit).once().fails(unavailable);
    assert_eq!(sweep.look().await.unwrap(), 3);
    assert_eq!(world.sent().await.len(), 2);
    assert_eq!(sweep.look().await.unwrap(), 1);
    assert_eq!(world.sent().await, [], "it is left alone");
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(sweep.look().await.unwrap(), 1);
    assert_eq!(world.sent().await.len(), 1);
}

#[tokio::test]
async fn what_was_committed_is_sent_when_the_sweep_stops() {
    let world = World::new();
    world.place().await;
    world.later(HALF_MINUTE);
    let gate = std::sync::Arc::new(Gate::default());
    world.faults.after(Method::Commit).once().waits(&gate);
    let (stop, stopped) = oneshot::channel::<()>();
    let run = tokio::spawn(world.sweep(1).run(async { drop(stopped.await) }));
    gate.arrival().await;
    drop(stop);
    run.await.unwrap();
    gate.let_through(1);
    assert_eq!(world.sent().await.len(), 1);
}

#[tokio::test]
async fn what_is_not_reached_while_the_database_is_out_is_due_at_the_next_look() {
    let world = World::new();
    for _ in 0..3 {
        world.place().await;
    }
    world.later(HALF_MINUTE);
    let mut sweep = world.sweep(1);
    world.faults.before(Method::Commit).fails(unavailable);
    assert!(sweep.look().await.is_err());
    world.faults.clear();
    assert_eq!(sweep.look().await.unwrap(), 3);
    assert_eq!(world.sent().await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_sweep_looks_again_and_again_until_it_is_stopped() {
    let world = World::new();
    world.place().await;
    world.later(HALF_MINUTE);
    let (stop, stopped) = oneshot::channel::<()>();
    let run = tokio::spawn(world.sweep(1).run(async { drop(stopped.await) }));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(world.sent().await.len(), 1);
    world.later(HALF_MINUTE);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.sent().await.len(), 1);
    drop(stop);
    run.await.unwrap();
    let free = world.memory.lease(Duty::Sagas, Uuid::from_u128(2), HALF_MINUTE, soon()).await;
    assert!(free.unwrap().is_some());
}

#[tokio::test]
async fn an_order_that_waits_for_its_warehouse_is_looked_at_once_a_day() {
    let world = World::new();
    world.confirmed().await;
    let mut sweep = world.sweep(1);
    world.later(Duration::from_hours(23));
    assert_eq!(sweep.look().await.unwrap(), 0);
    world.later(Duration::from_hours(1));
    assert_eq!(sweep.look().await.unwrap(), 1);
    assert_eq!(sweep.look().await.unwrap(), 0);
    assert_eq!(world.state(1).await, SagaState::Ready);
    world.change(1, OrderStatus::InProgress).await.unwrap();
    for command in world.sent().await {
        world.answer(&command, Verdict::Done).await;
    }
    world.later(Duration::from_hours(48));
    assert_eq!(sweep.look().await.unwrap(), 0);
}
