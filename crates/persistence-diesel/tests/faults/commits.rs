//! COMMITs whose answer, or who themselves, get lost.

use order_app::ports::{Change, StoreError};
use order_domain::OrderStatus;
use order_testkit::Conduct;
use order_testkit::examples::{a_change, a_change_placing, a_new_order, moved, noon, soon, within};

use crate::rig::Rig;

async fn a_change_on(rig: &Rig) -> Change {
    let id = rig.store.next_order_id(soon()).await.expect("an id");
    a_change_placing(a_new_order(id.get(), 7))
}

/// The order is there, so the store must say so, and must not have written it twice.
pub(crate) async fn answer_lost(rig: Rig) {
    let change = a_change_on(&rig).await;
    rig.proxy.behave(Conduct::LosesCommitAnswer);
    rig.store.commit(change.clone(), soon()).await.expect("the change has landed");
    assert_eq!(rig.proxy.conduct(), Conduct::Honest, "an answer was lost");
    assert_eq!(rig.store.order(change.order.id(), soon()).await.unwrap(), Some(change.order));
    assert_eq!((rig.count("orders").await, rig.count("outbox").await), (1, 1));
}

/// The server never heard of it, so the store writes it again, once.
pub(crate) async fn commit_lost(rig: Rig) {
    let change = a_change_on(&rig).await;
    rig.proxy.behave(Conduct::LosesCommit);
    rig.store.commit(change.clone(), soon()).await.expect("the change lands in the end");
    assert_eq!(rig.proxy.conduct(), Conduct::Honest, "a commit was lost");
    assert_eq!((rig.count("orders").await, rig.count("outbox").await), (1, 1));
}

/// Nobody can say what came of it, so the store says that; the same change again finds out.
pub(crate) async fn gone_after_commit(rig: Rig) {
    let change = a_change_on(&rig).await;
    rig.proxy.behave(Conduct::GoesDownAfterCommit);
    let outcome = rig.store.commit(change.clone(), within(std::time::Duration::from_secs(1))).await;
    assert!(matches!(outcome, Err(StoreError::OutcomeUnknown(_))), "{outcome:?}");
    rig.proxy.behave(Conduct::Honest);
    rig.store.commit(change, soon()).await.expect("it is found, or written now");
    assert_eq!((rig.count("orders").await, rig.count("outbox").await), (1, 1));
}

/// The second attempt of an update finds the version moved on, by its own first attempt.
pub(crate) async fn update_answer_lost(rig: Rig) {
    let change = a_change_on(&rig).await;
    rig.store.commit(change.clone(), soon()).await.expect("the order is placed");
    let confirmed = a_change(moved(&change.order, OrderStatus::Confirmed, noon()));
    rig.proxy.behave(Conduct::LosesCommitAnswer);
    rig.store.commit(confirmed.clone(), soon()).await.expect("the update has landed");
    assert_eq!(rig.proxy.conduct(), Conduct::Honest, "an answer was lost");
    let stored = rig.store.order(change.order.id(), soon()).await.unwrap();
    assert_eq!(stored, Some(confirmed.order));
    assert_eq!((rig.count("orders").await, rig.count("outbox").await), (1, 2));
}
