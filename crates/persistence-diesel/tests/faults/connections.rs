//! Connections that are cut or hang, and databases that are down.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::{join, join_all};
use futures_util::stream::FuturesUnordered;
use order_app::ports::{Change, Conflict, OrderChange, SagaChange, Seen, StoreError};
use order_domain::{OrderId, OrderStatus, Version};
use order_testkit::Conduct;
use order_testkit::examples::{
    a_change, a_change_placing, a_new_order, a_saga, an_order_id, moved, noon, soon, within,
};

use crate::adoption;
use crate::journal::ask_everything;
use crate::rig::{POOL_SIZE, Rig};

const BUDGET: Duration = Duration::from_millis(1_200);
/// For many calls one after another.
const HASTE: Duration = Duration::from_millis(300);

/// Uses every connection of the pool at the same time.
async fn warm_up(rig: &Rig) {
    let pings = join_all((0..POOL_SIZE * 4).map(|_| rig.store.ping(soon()))).await;
    assert!(pings.iter().all(Result::is_ok), "{pings:?}");
}

async fn place(rig: &Rig) -> Result<(), StoreError> {
    let id = rig.store.next_order_id(within(BUDGET)).await?;
    place_as(rig, id).await
}

async fn place_as(rig: &Rig, id: OrderId) -> Result<(), StoreError> {
    rig.store.commit(a_change_placing(a_new_order(id.get(), 7)).into(), within(BUDGET)).await
}

/// The next requests succeed.
pub(crate) async fn all_cut(rig: Rig) {
    warm_up(&rig).await;
    rig.proxy.behave(Conduct::Down);
    assert!(rig.store.ping(within(BUDGET)).await.is_err());
    rig.proxy.behave(Conduct::Honest);
    let placed = join_all((0..20).map(|_| place(&rig))).await;
    assert!(placed.iter().all(Result::is_ok), "{placed:?}");
    assert_eq!((rig.count("orders").await, rig.count("outbox").await), (20, 20));
}

/// Every request is answered in time, no connection leaks, and the store works when the database does.
pub(crate) async fn hung(rig: Rig) {
    warm_up(&rig).await;
    place(&rig).await.expect("the database works");
    let ids = join_all((0..40).map(|_| rig.store.next_order_id(soon()))).await;
    let ids: Vec<OrderId> = ids.into_iter().map(|id| id.expect("an id")).collect();
    rig.proxy.behave(Conduct::Stalled);
    let start = Instant::now();
    let placed = join_all(ids.iter().map(|id| place_as(&rig, *id))).await;
    let pings = join_all((0..40).map(|_| rig.store.ping(within(BUDGET)))).await;
    assert!(pings.iter().all(|answer| matches!(answer, Err(StoreError::Unavailable(_)))));
    let patience = 2 * BUDGET + Duration::from_millis(300);
    assert!(start.elapsed() < patience, "answered after {:?}", start.elapsed());
    rig.proxy.behave(Conduct::Honest);
    let back = Instant::now();
    while rig.store.ping(within(BUDGET)).await.is_err() {
        assert!(back.elapsed() < Duration::from_secs(1), "not back after a second");
    }
    place(&rig).await.expect("the database works again");
    // Changes that were under way may be stored; all others are not.
    for (id, answer) in ids.into_iter().zip(placed) {
        let stored = rig.store.order(id, soon()).await.unwrap();
        match answer {
            Err(StoreError::Unavailable(_)) => assert_eq!(stored, None),
            Err(StoreError::OutcomeUnknown(_)) => {}
            other => panic!("the database hung: {other:?}"),
        }
    }
    let connections = rig.connections().await;
    assert!(connections <= i64::from(POOL_SIZE) * 2, "{connections} connections");
}

/// The same for every call of the journal.
pub(crate) async fn hung_under_the_journal(rig: Rig) {
    warm_up(&rig).await;
    let working = ask_everything(&*rig.journal, BUDGET).await;
    assert!(working.iter().all(Result::is_ok), "{working:?}");
    rig.proxy.behave(Conduct::Stalled);
    let start = Instant::now();
    let asked = join_all((0..10).map(|_| ask_everything(&*rig.journal, HASTE))).await;
    let refused = |answer: &Result<(), StoreError>| {
        matches!(answer, Err(StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_)))
    };
    assert!(asked.iter().flatten().all(refused), "{asked:?}");
    let calls = u32::try_from(working.len()).expect("a small number");
    let patience = calls * HASTE + Duration::from_millis(300);
    assert!(start.elapsed() < patience, "answered after {:?}", start.elapsed());
    rig.proxy.behave(Conduct::Honest);
    let back = Instant::now();
    while rig.journal.last_position(within(BUDGET)).await.is_err() {
        assert!(back.elapsed() < Duration::from_secs(1), "not back after a second");
    }
    let working = ask_everything(&*rig.journal, BUDGET).await;
    assert!(working.iter().all(Result::is_ok), "{working:?}");
    let connections = rig.connections().await;
    assert!(connections <= i64::from(POOL_SIZE) * 2, "{connections} connections");
}

/// A store may be opened before its database is there.
pub(crate) async fn down_at_first(rig: Rig) {
    rig.proxy.behave(Conduct::Down);
    let refused = place(&rig).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    rig.proxy.behave(Conduct::Honest);
    place(&rig).await.expect("the database is there now");
}

/// The outcome of a batch is read from its own rows, not from rows of others that stand in its way now.
pub(crate) async fn a_batch_in_doubt_meets_another_row(rig: Rig) {
    const ORDERS: i64 = 30;
    let theirs = adoption::insert(1, "\"49.99\"", 3, "149.97", "PENDING");
    let mut holder = rig.session().await;
    holder.run(&format!("BEGIN; {theirs}")).await.expect("a row that is not visible yet");
    // That one last: the first may be written alone, the others share a batch.
    let (store, ids) = (Arc::clone(&rig.store), (1..=ORDERS).rev());
    let placing = tokio::spawn(async move {
        let placed = ids.map(|id| a_change_placing(a_new_order(id, 7)));
        join_all(placed.map(|change| store.commit(change.into(), soon()))).await
    });
    while rig.lock_waits().await == 0 {
        assert!(!placing.is_finished(), "no transaction waits for the row");
        tokio::task::yield_now().await;
    }
    rig.proxy.behave(Conduct::Down);
    holder.run("COMMIT").await.expect("now it is there");
    rig.proxy.behave(Conduct::Honest);
    let mut results = placing.await.expect("no panic");
    let last = results.pop().expect("one of each");
    assert!(matches!(last, Err(StoreError::Conflict(Conflict::OrderId))), "{last:?}");
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!((rig.count("orders").await, rig.count("outbox").await), (ORDERS, ORDERS - 1));
}

/// Orders that are placed, and the change that confirms each.
async fn confirmations(rig: &Rig, orders: i64) -> Vec<OrderChange> {
    let ids: Vec<OrderId> = (1..=orders).map(an_order_id).collect();
    let placed = join_all(ids.iter().map(|id| place_as(rig, *id))).await;
    assert!(placed.iter().all(Result::is_ok), "{placed:?}");
    let mut changes = Vec::new();
    for id in ids {
        let order = rig.store.order(id, soon()).await.expect("it reads").expect("it is there");
        changes.push(a_change(moved(&order, OrderStatus::Confirmed, noon())));
    }
    changes
}

/// A batch does not wait for the lock of another session: the change that needs it, a step of a saga, is tried again by itself,
/// and the others are written, steps among them.
pub(crate) async fn a_lock_is_held(rig: Rig) {
    const ORDERS: i64 = 30;
    let step_or_change = |change: OrderChange| match change.order.id() {
        id if id.get() % 3 == 1 => {
            let seen = Seen { version: Version::FIRST, saga_revision: 0 };
            Change::from(SagaChange { id, seen, saga: a_saga(1) })
        }
        _ => change.into(),
    };
    let changes = confirmations(&rig, ORDERS).await.into_iter();
    let mut changes: Vec<Change> = changes.map(step_or_change).collect();
    let mut holder = rig.session().await;
    holder.run("BEGIN; UPDATE orders SET version = version WHERE id = 1").await.expect("a lock");
    // The locked one last: the first may be written alone, the others share a batch.
    changes.reverse();
    let mut commits: FuturesUnordered<_> = changes
        .into_iter()
        .map(|change| async {
            let id = change.id();
            (id, rig.store.commit(change, soon()).await)
        })
        .collect();
    for _ in 1..ORDERS {
        let (id, result) = commits.next().await.expect("one of each");
        assert!(id != an_order_id(1) && result.is_ok(), "{id}: {result:?}");
    }
    holder.run("ROLLBACK").await.expect("the lock is given back");
    let (_, last) = commits.next().await.expect("one of each");
    last.expect("the lock is gone");
    let steps = ORDERS / 3;
    assert_eq!(rig.count("outbox").await, 2 * ORDERS - steps);
    assert_eq!(rig.count("sagas WHERE revision = 1").await, steps);
}

/// Many changes that need one lock are refused by their deadline, and nothing of them is written. Others go on.
pub(crate) async fn a_lock_outlasts_requests(rig: Rig) {
    let changes = confirmations(&rig, 20).await;
    let mut holder = rig.session().await;
    holder.run("BEGIN; UPDATE orders SET version = version WHERE id = 1").await.expect("a lock");
    let (locked, others) = changes.split_first().expect("several");
    let start = Instant::now();
    let stuck = join_all((0..60).map(|_| rig.store.commit(locked.clone().into(), within(BUDGET))));
    let beside = async {
        for change in others {
            rig.store
                .commit(change.clone().into(), within(BUDGET))
                .await
                .expect("it is not held up");
        }
    };
    let (stuck, ()) = join(stuck, beside).await;
    let patience = BUDGET + HASTE;
    assert!(start.elapsed() < patience, "answered after {:?}", start.elapsed());
    let refused =
        |answer: &Result<(), StoreError>| matches!(answer, Err(StoreError::Unavailable(_)));
    assert!(stuck.iter().all(refused), "{stuck:?}");
    let connections = rig.connections().await;
    assert!(connections <= i64::from(POOL_SIZE) * 2, "{connections} connections");
    holder.run("ROLLBACK").await.expect("the lock is given back");
    assert_eq!(rig.count("outbox").await, 39, "nothing was written");
    rig.store.commit(locked.clone().into(), soon()).await.expect("the lock is gone");
}

/// The same for the key of a new order, which another session has written and not committed.
pub(crate) async fn a_key_is_held(rig: Rig) {
    let theirs = adoption::insert(1, "\"49.99\"", 3, "149.97", "PENDING");
    let mut holder = rig.session().await;
    holder.run(&format!("BEGIN; {theirs}")).await.expect("a row that is not visible yet");
    let place = |id: i64| {
        let change = a_change_placing(a_new_order(id, id));
        rig.store.commit(change.into(), within(BUDGET))
    };
    let mut placed = join_all((1..=30).rev().map(place)).await;
    let last = placed.pop().expect("one of each");
    assert!(matches!(last, Err(StoreError::Unavailable(_))), "{last:?}");
    assert!(placed.iter().all(Result::is_ok), "{placed:?}");
    holder.run("ROLLBACK").await.expect("the lock is given back");
    assert_eq!((rig.count("orders").await, rig.count("outbox").await), (29, 29));
}
