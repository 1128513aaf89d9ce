//! COMMITs that get lost, or whose answers do.

use futures_util::future::join_all;
use order_app::ports::{Change, StoreError};
use order_domain::OrderStatus;
use order_testkit::Conduct;
use order_testkit::examples::{a_change, a_change_placing, a_new_order, moved, noon, soon, within};

use crate::rig::Rig;

/// How many changes are sent at once.
const MANY: usize = 40;

async fn a_change_on(rig: &Rig) -> Change {
    let id = rig.store.next_order_id(soon()).await.expect("an id");
    a_change_placing(a_new_order(id.get(), 7))
}

/// The order is stored, so the store must report success, and must not write it twice.
pub(crate) async fn answer_lost(rig: Rig) {
    let change = a_change_on(&rig).await;
    rig.proxy.behave(Conduct::LosesCommitAnswer);
    rig.store.commit(change.clone(), soon()).await.expect("the change has landed");
    assert_eq!(rig.proxy.conduct(), Conduct::Honest, "an answer was lost");
    assert_eq!(rig.store.order(change.order.id(), soon()).await.unwrap(), Some(change.order));
    assert_eq!((rig.count("orders").await, rig.count("outbox").await), (1, 1));
}

/// The server did not get it, so the store writes it again, once.
pub(crate) async fn commit_lost(rig: Rig) {
    let change = a_change_on(&rig).await;
    rig.proxy.behave(Conduct::LosesCommit);
    rig.store.commit(change.clone(), soon()).await.expect("the change lands in the end");
    assert_eq!(rig.proxy.conduct(), Conduct::Honest, "a commit was lost");
    assert_eq!((rig.count("orders").await, rig.count("outbox").await), (1, 1));
}

/// The outcome cannot be known, so the store reports that; the same change again settles it.
pub(crate) async fn gone_after_commit(rig: Rig) {
    let change = a_change_on(&rig).await;
    rig.proxy.behave(Conduct::GoesDownAfterCommit);
    let outcome = rig.store.commit(change.clone(), within(std::time::Duration::from_secs(1))).await;
    assert!(matches!(outcome, Err(StoreError::OutcomeUnknown(_))), "{outcome:?}");
    rig.proxy.behave(Conduct::Honest);
    rig.store.commit(change, soon()).await.expect("it is found, or written now");
    assert_eq!((rig.count("orders").await, rig.count("outbox").await), (1, 1));
}

/// The second attempt of an update finds the version that its own first attempt made.
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

/// Many changes at once, so that most of them share a transaction.
async fn commit_together(rig: &Rig, changes: &[Change]) -> Vec<Result<(), StoreError>> {
    join_all(changes.iter().map(|change| rig.store.commit(change.clone(), soon()))).await
}

async fn many_changes_on(rig: &Rig) -> Vec<Change> {
    join_all((0..MANY).map(|_| a_change_on(rig))).await
}

/// Placed and changed in one transaction whose answer is lost: each is there, once.
pub(crate) async fn answer_to_many_lost(rig: Rig) {
    let placed = many_changes_on(&rig).await;
    let (first, second) = placed.split_at(MANY / 2);
    assert!(commit_together(&rig, first).await.iter().all(Result::is_ok));
    let confirmed =
        first.iter().map(|change| a_change(moved(&change.order, OrderStatus::Confirmed, noon())));
    let mixed: Vec<Change> = second.iter().cloned().chain(confirmed).collect();
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
    let commits = changes
        .iter()
        .map(|change| rig.store.commit(change.clone(), within(std::time::Duration::from_secs(1))));
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
