//! COMMITs that get lost, or whose answers do.

use futures_util::future::{join, join_all};
use order_app::ports::{Conflict, OrderChange, SagaChange, Seen, StoreError};
use order_domain::OrderStatus;
use order_testkit::Conduct;
use order_testkit::examples::{
    a_change, a_change_placing, a_new_order, a_saga, moved, noon, soon, within,
};

use crate::rig::Rig;

/// How many changes are sent at once.
const MANY: usize = 40;

async fn a_change_on(rig: &Rig) -> OrderChange {
    let id = rig.store.next_order_id(soon()).await.expect("an id");
    a_change_placing(a_new_order(id.get(), 7))
}

/// The order is stored, so the store must report success, and must not write it twice.
pub(crate) async fn answer_lost(rig: Rig) {
    let change = a_change_on(&rig).await;
    rig.proxy.behave(Conduct::LosesCommitAnswer);
    rig.store.commit(change.clone().into(), soon()).await.expect("the change has landed");
    assert_eq!(rig.proxy.conduct(), Conduct::Honest, "an answer was lost");
    assert_eq!(rig.store.order(change.order.id(), soon()).await.unwrap(), Some(change.order));
    assert_eq!((rig.count("orders").await, rig.count("outbox").await), (1, 1));
}

/// The server did not get it, so the store writes it again, once.
pub(crate) async fn commit_lost(rig: Rig) {
    let change = a_change_on(&rig).await;
    rig.proxy.behave(Conduct::LosesCommit);
    rig.store.commit(change.clone().into(), soon()).await.expect("the change lands in the end");
    assert_eq!(rig.proxy.conduct(), Conduct::Honest, "a commit was lost");
    assert_eq!((rig.count("orders").await, rig.count("outbox").await), (1, 1));
}

/// The outcome cannot be known, so the store reports that; the same change again settles it.
pub(crate) async fn gone_after_commit(rig: Rig) {
    let change = a_change_on(&rig).await;
    rig.proxy.behave(Conduct::GoesDownAfterCommit);
    let outcome =
        rig.store.commit(change.clone().into(), within(std::time::Duration::from_secs(1))).await;
    assert!(matches!(outcome, Err(StoreError::OutcomeUnknown(_))), "{outcome:?}");
    rig.proxy.behave(Conduct::Honest);
    rig.store.commit(change.into(), soon()).await.expect("it is found, or written now");
    assert_eq!((rig.count("orders").await, rig.count("outbox").await), (1, 1));
}

/// The second attempt of an update finds the version that its own first attempt made.
pub(crate) async fn update_answer_lost(rig: Rig) {
    let change = a_change_on(&rig).await;
    rig.store.commit(change.clone().into(), soon()).await.expect("the order is placed");
    let confirmed = a_change(moved(&change.order, OrderStatus::Confirmed, noon()));
    rig.proxy.behave(Conduct::LosesCommitAnswer);
    rig.store.commit(confirmed.clone().into(), soon()).await.expect("the update has landed");
    assert_eq!(rig.proxy.conduct(), Conduct::Honest, "an answer was lost");
    let stored = rig.store.order(change.order.id(), soon()).await.unwrap();
    assert_eq!(stored, Some(confirmed.order));
    assert_eq!((rig.count("orders").await, rig.count("outbox").await), (1, 2));
}

/// The order is placed with a saga, and the next step of that saga.
async fn a_step_on(rig: &Rig) -> SagaChange {
    let placed = OrderChange { saga: Some(a_saga(1)), ..a_change_on(rig).await };
    rig.store.commit(placed.clone().into(), soon()).await.expect("the order is placed");
    let seen = Seen { version: placed.order.version(), saga_revision: 1 };
    SagaChange { id: placed.order.id(), seen, saga: a_saga(2) }
}

/// The revision of the saga of an order, which its row says, and the row of the saga too.
async fn revision(rig: &Rig, step: &SagaChange) -> i64 {
    let saga = rig.sagas.saga(step.id, soon()).await.expect("it is read").expect("it is there");
    saga.stored.saga_revision
}

fn is_stale(result: &Result<(), StoreError>) -> bool {
    matches!(result, Err(StoreError::Conflict(Conflict::Version)))
}

/// No event tells that a saga alone has landed, so the second attempt finds another revision; it is written once.
pub(crate) async fn step_answer_lost(rig: Rig) {
    let step = a_step_on(&rig).await;
    rig.proxy.behave(Conduct::LosesCommitAnswer);
    let result = rig.store.commit(step.clone().into(), soon()).await;
    assert_eq!(rig.proxy.conduct(), Conduct::Honest, "an answer was lost");
    assert!(is_stale(&result), "{result:?}");
    assert_eq!(revision(&rig, &step).await, 2);
    assert_eq!((rig.count("sagas").await, rig.count("outbox").await), (1, 1));
}

/// The server did not get it, so the second attempt writes it.
pub(crate) async fn step_lost(rig: Rig) {
    let step = a_step_on(&rig).await;
    rig.proxy.behave(Conduct::LosesCommit);
    rig.store.commit(step.clone().into(), soon()).await.expect("the step lands in the end");
    assert_eq!(rig.proxy.conduct(), Conduct::Honest, "a commit was lost");
    assert_eq!(revision(&rig, &step).await, 2);
}

/// The outcome stays open; the same step again finds another revision, or is written now.
pub(crate) async fn gone_after_a_step(rig: Rig) {
    let step = a_step_on(&rig).await;
    rig.proxy.behave(Conduct::GoesDownAfterCommit);
    let deadline = within(std::time::Duration::from_secs(1));
    let outcome = rig.store.commit(step.clone().into(), deadline).await;
    assert!(matches!(outcome, Err(StoreError::OutcomeUnknown(_))), "{outcome:?}");
    rig.proxy.behave(Conduct::Honest);
    let again = rig.store.commit(step.clone().into(), soon()).await;
    assert!(again.is_ok() || is_stale(&again), "{again:?}");
    assert_eq!(revision(&rig, &step).await, 2);
}

/// The event tells it for both.
pub(crate) async fn order_and_saga_answer_lost(rig: Rig) {
    let SagaChange { id, saga, .. } = a_step_on(&rig).await;
    let placed = rig.store.order(id, soon()).await.expect("it is read").expect("it is there");
    let confirmed = a_change(moved(&placed, OrderStatus::Confirmed, noon()));
    let both = OrderChange { saga_seen: 1, saga: Some(saga), ..confirmed };
    rig.proxy.behave(Conduct::LosesCommitAnswer);
    rig.store.commit(both.clone().into(), soon()).await.expect("both have landed");
    assert_eq!(rig.proxy.conduct(), Conduct::Honest, "an answer was lost");
    let found = rig.sagas.saga(id, soon()).await.expect("it is read").expect("it is there");
    assert_eq!((found.stored.order, found.stored.saga_revision), (both.order, 2));
    assert_eq!(Some(found.saga), both.saga);
    assert_eq!(rig.count("outbox").await, 2);
}

/// Of a batch of orders and steps, the events settle the orders. Each step has landed, or tells that it is to be read again.
pub(crate) async fn answer_to_orders_and_steps_lost(rig: Rig) {
    let mut steps = Vec::new();
    for _ in 0..MANY / 2 {
        steps.push(a_step_on(&rig).await);
    }
    let placed = join_all((0..MANY / 2).map(|_| a_change_on(&rig))).await;
    rig.proxy.behave(Conduct::LosesCommitAnswer);
    let of_steps = steps.iter().map(|step| rig.store.commit(step.clone().into(), soon()));
    let of_orders = commit_together(&rig, &placed);
    let (of_orders, of_steps) = join(of_orders, join_all(of_steps)).await;
    assert_eq!(rig.proxy.conduct(), Conduct::Honest, "an answer was lost");
    assert!(of_orders.iter().all(Result::is_ok), "{of_orders:?}");
    assert!(of_steps.iter().all(|result| result.is_ok() || is_stale(result)), "{of_steps:?}");
    for step in &steps {
        assert_eq!(revision(&rig, step).await, 2);
    }
    let many = i64::try_from(MANY).expect("a small number");
    assert_eq!((rig.count("sagas").await, rig.count("outbox").await), (many / 2, many));
}

/// Many changes at once, so that most of them share a transaction.
async fn commit_together(rig: &Rig, changes: &[OrderChange]) -> Vec<Result<(), StoreError>> {
    join_all(changes.iter().map(|change| rig.store.commit(change.clone().into(), soon()))).await
}

async fn many_changes_on(rig: &Rig) -> Vec<OrderChange> {
    join_all((0..MANY).map(|_| a_change_on(rig))).await
}

/// Placed and changed in one transaction whose answer is lost: each is there, once.
pub(crate) async fn answer_to_many_lost(rig: Rig) {
    let placed = many_changes_on(&rig).await;
    let (first, second) = placed.split_at(MANY / 2);
    assert!(commit_together(&rig, first).await.iter().all(Result::is_ok));
    let confirmed =
        first.iter().map(|change| a_change(moved(&change.order, OrderStatus::Confirmed, noon())));
    let mixed: Vec<OrderChange> = second.iter().cloned().chain(confirmed).collect();
    rig.proxy.behave(Conduct::LosesCommitAnswer);
    let results = commit_together(&rig, &mixed).await;
    assert_eq!(rig.proxy.conduct(), Conduct::Honest, "an answer was lost");
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let many = i64::try_from(MANY).expect("a small number");
    assert_eq!((rig.count("orders").await, rig.count("outbox").await), (many, many * 3 / 2));
}

/// A change that is reported as not written is absent, and one that is unknown can be sent again.
pub(crate) async fn gone_after_a_commit_of_many(rig: Rig) {
    let changes = many_changes_on(&rig).await;
    rig.proxy.behave(Conduct::GoesDownAfterCommit);
    let commits = changes.iter().map(|change| {
        rig.store.commit(change.clone().into(), within(std::time::Duration::from_secs(1)))
    });
    let results = join_all(commits).await;
    rig.proxy.behave(Conduct::Honest);
    assert!(results.iter().any(|result| matches!(result, Err(StoreError::OutcomeUnknown(_)))));
    for (change, result) in changes.iter().zip(&results) {
        match result {
            Err(StoreError::OutcomeUnknown(_)) => {}
            Err(StoreError::Unavailable(_)) => {
                let stored = rig.store.order(change.order.id(), soon()).await.unwrap();
                assert_eq!(stored, None, "nothing was written");
            }
            other => panic!("the database was down: {other:?}"),
        }
    }
    assert!(commit_together(&rig, &changes).await.iter().all(Result::is_ok));
    let many = i64::try_from(MANY).expect("a small number");
    assert_eq!((rig.count("orders").await, rig.count("outbox").await), (many, many));
}
