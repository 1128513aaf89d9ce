//! Orders that have sagas: what a commit of the order does to its saga, and what is refused meanwhile.

use std::sync::Arc;

use chrono::TimeDelta;
use order_app::orders::{ChangeError, ReplaceLines};
use order_app::ports::{OrderStore as _, SagaStore as _, SagaWrite};
use order_app::saga::SagaState;
use order_domain::OrderStatus;
use order_events::saga::{CommandType, Verdict};
use order_testkit::InMemoryStore;
use order_testkit::examples::{
    a_change, a_line, a_place_command, a_write_once, a_write_request, an_order_id, an_origin,
    anyone, moved, noon, noon_plus, soon,
};

use crate::world::{World, kinds};

fn other_lines(id: i64) -> ReplaceLines {
    ReplaceLines {
        id: an_order_id(id),
        lines: vec![a_line(9, 9, "9")],
        claimed_total: None,
        expected: None,
        claims: vec![],
    }
}

#[tokio::test]
async fn a_placed_order_begins_a_saga_in_its_own_commit() {
    let world = World::new();
    let sent = world.place().await;
    assert_eq!(kinds(&sent), [CommandType::Reserve]);
    assert_eq!((sent[0].attempt, &sent[0].origin), (1, &an_origin()));
    let events = world.events(1).await;
    assert_eq!(sent[0].causation, Some(events[0].id.to_string()));
    let stored = world.stored(1).await.unwrap();
    assert_eq!((stored.stored.saga_revision, world.order(1).await.version().get()), (1, 1));
    assert_eq!((stored.saga.state.as_str(), stored.saga.attention), ("RUNNING", false));
    let saga = world.saga(1).await;
    assert_eq!((saga.due_at, saga.created_at), (stored.saga.due_at, stored.saga.created_at));
    assert_eq!(saga.due_at, Some(noon() + TimeDelta::seconds(30)));
}

#[tokio::test]
async fn an_order_has_no_saga_where_none_begins() {
    let world = World::over(&Arc::default(), false);
    assert_eq!(world.place().await, []);
    assert_eq!(world.stored(1).await, None);
    world.change(1, OrderStatus::Confirmed).await.unwrap();
}

#[tokio::test]
async fn a_request_that_comes_again_begins_no_second_saga() {
    let world = World::new();
    for replayed in [false, true] {
        let placed = world.orders.place(anyone(), a_place_command(), a_write_once("k", 1)).await;
        assert_eq!(placed.unwrap().replayed, replayed);
        assert_eq!(world.sent().await.len(), usize::from(!replayed));
    }
    assert_eq!(world.stored(1).await.unwrap().stored.saga_revision, 1);
}

#[tokio::test]
async fn nothing_is_sent_for_an_order_that_is_not_stored() {
    let world = World::new();
    world.faults.before(order_testkit::Method::Commit).once().fails(crate::world::unavailable);
    let placed = world.orders.place(anyone(), a_place_command(), a_write_request()).await;
    assert!(placed.is_err());
    assert_eq!(world.sent().await, []);
}

#[tokio::test]
async fn a_cancelled_order_begins_to_be_undone_in_its_own_commit() {
    let world = World::new();
    world.confirmed().await;
    let before = world.stored(1).await.unwrap().stored.saga_revision;
    world.change(1, OrderStatus::Cancelled).await.unwrap();
    let sent = world.sent().await;
    assert_eq!(kinds(&sent), [CommandType::Release, CommandType::Void]);
    let last = world.events(1).await.pop().unwrap();
    assert_eq!(last.kind.as_str(), "order.cancelled");
    assert!(sent.iter().all(|command| command.causation == Some(last.id.to_string())));
    let after = world.stored(1).await.unwrap();
    assert_eq!(after.stored.saga_revision, before + 1);
    assert_eq!(after.saga.state.as_str(), "COMPENSATING");
}

#[tokio::test]
async fn an_order_in_progress_has_stock_and_payment_made_final() {
    let world = World::new();
    world.confirmed().await;
    world.change(1, OrderStatus::InProgress).await.unwrap();
    let sent = world.sent().await;
    assert_eq!(kinds(&sent), [CommandType::Commit, CommandType::Capture]);
    // A fact is taken as it is reported.
    world.change(1, OrderStatus::Delivered).await.unwrap();
    assert_eq!(world.sent().await, []);
    for command in &sent {
        world.answer(command, Verdict::Done).await;
    }
    assert_eq!(world.state(1).await, SagaState::Completed);
    assert_eq!(world.stored(1).await.unwrap().saga.due_at, None);
}

#[tokio::test]
async fn a_client_can_neither_confirm_nor_change_what_a_saga_leads() {
    let world = World::new();
    world.place().await;
    let before = world.order(1).await;
    let confirmed = world.change(1, OrderStatus::Confirmed).await;
    assert!(matches!(confirmed, Err(ChangeError::SagaInProgress)), "{confirmed:?}");
    let lines = world.orders.replace_lines(anyone(), other_lines(1), a_write_request()).await;
    assert!(matches!(lines, Err(ChangeError::SagaInProgress)), "{lines:?}");
    assert_eq!(world.order(1).await, before);
    // What changes nothing is success, and what the rules forbid is refused by the rules.
    world.change(1, OrderStatus::Pending).await.unwrap();
    let delivered = world.change(1, OrderStatus::Delivered).await;
    assert!(matches!(delivered, Err(ChangeError::Refused(_))), "{delivered:?}");
    assert_eq!(world.sent().await, []);
}

#[tokio::test]
async fn an_order_goes_on_alone_when_its_saga_cannot_be_read() {
    let world = World::new();
    world.place().await;
    let broken = |saga| SagaWrite { document: "{\"form\":2}".to_owned(), ..saga };
    world.rewrite(1, broken).await;
    let confirmed = world.change(1, OrderStatus::Confirmed).await;
    assert!(matches!(confirmed, Err(ChangeError::SagaInProgress)), "{confirmed:?}");
    world.change(1, OrderStatus::Cancelled).await.unwrap();
    let stored = world.stored(1).await.unwrap();
    assert_eq!((stored.stored.saga_revision, &*stored.saga.document), (2, "{\"form\":2}"));
    assert_eq!(world.sent().await, []);
}

#[tokio::test]
async fn an_order_whose_saga_is_over_and_gone_goes_on_alone() {
    let world = World::new();
    world.confirmed().await;
    world.change(1, OrderStatus::InProgress).await.unwrap();
    for command in world.sent().await {
        world.answer(&command, Verdict::Done).await;
    }
    let later = world.stored(1).await.unwrap().saga.updated_at + TimeDelta::microseconds(1);
    assert_eq!(world.memory.purge(later, 10, soon()).await.unwrap(), 1);
    world.change(1, OrderStatus::Delivered).await.unwrap();
    assert_eq!(world.stored(1).await, None);
    assert_eq!(world.sent().await, []);
}

#[tokio::test]
async fn a_saga_that_has_moved_meanwhile_is_decided_on_anew() {
    let world = World::new();
    let reserve = world.place().await;
    let (memory, other) = (world.memory.clone(), World::over(&world.memory, true));
    drop(memory);
    // The reply is taken by another instance between the read and the commit of the cancellation.
    let taken = std::sync::Mutex::new(Some((other, reserve[0].clone())));
    world.faults.before(order_testkit::Method::Commit).once().runs(move |_| {
        let (other, reserve) = taken.lock().unwrap().take().unwrap();
        Box::pin(async move {
            other.answer(&reserve, Verdict::Done).await;
            Ok(())
        })
    });
    world.change(1, OrderStatus::Cancelled).await.unwrap();
    // The authorisation was issued by then, so it is undone, too.
    assert_eq!(kinds(&world.sent().await), [CommandType::Release, CommandType::Void]);
    assert_eq!(world.order(1).await.version().get(), 2);
}

/// An older release knows no sagas.
#[tokio::test]
async fn an_order_that_was_moved_without_its_saga_is_found_when_it_is_due() {
    let memory = Arc::new(InMemoryStore::default());
    let world = World::over(&memory, true);
    world.place().await;
    let event = moved(&world.order(1).await, OrderStatus::Cancelled, noon_plus(1));
    let change = order_app::ports::OrderChange { saga_seen: 1, ..a_change(event) };
    memory.commit(change.into(), soon()).await.unwrap();
    world.later(std::time::Duration::from_secs(30));
    assert_eq!(world.sweep(1).look().await.unwrap(), 1);
    let sent = world.sent().await;
    assert_eq!(kinds(&sent), [CommandType::Release]);
    // Its cause is not known here: no event of this commit.
    assert_eq!(sent[0].causation, None);
    assert_eq!(world.state(1).await, SagaState::Compensating);
}
