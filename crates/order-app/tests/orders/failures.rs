//! Stores that fail, callers that go away, and defects: what the client hears, and that nothing is
//! cut in half.

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use order_app::orders::{ChangeError, PlaceError, WriteFailure};
use order_app::ports::{Deadline, OrderStore as _, StoreError};
use order_domain::OrderStatus;
use order_testkit::examples::{
    a_key, a_place_command, a_status_command, a_write_once, an_order, an_order_id, soon,
};
use order_testkit::{FixedClock, Gate, InMemoryStore, MockStore};

use crate::world::{BUDGET, World, orders_over};

/// One of the failures of a store, made anew each time because errors cannot be copied.
type Failure = fn() -> StoreError;

const FAILURES: [(Failure, &str); 3] = [
    (|| StoreError::Unavailable("cause".into()), "unavailable"),
    (|| StoreError::OutcomeUnknown("cause".into()), "unknown"),
    (|| StoreError::Corrupt("cause".into()), "internal"),
];

/// The name of a failure, after a look at its source.
fn name(failure: &WriteFailure) -> &'static str {
    assert_eq!(failure.source().unwrap().to_string(), "cause");
    match failure {
        WriteFailure::Unavailable(_) => "unavailable",
        WriteFailure::OutcomeUnknown(_) => "unknown",
        WriteFailure::Internal(_) => "internal",
        WriteFailure::InProgress | WriteFailure::KeyReused => "about the key",
    }
}

async fn place_failure(store: MockStore) -> &'static str {
    let orders = orders_over(Arc::new(store), FixedClock::default().into());
    let request = a_write_once(a_key("k"), 1);
    match orders.place(a_place_command(), request).await {
        Err(PlaceError::Write(failure)) => name(&failure),
        other => panic!("{other:?}"),
    }
}

async fn change_failure(store: MockStore) -> &'static str {
    let orders = orders_over(Arc::new(store), FixedClock::default().into());
    let command = a_status_command(an_order_id(1), OrderStatus::Confirmed);
    let request = a_write_once(a_key("k"), 1);
    match orders.change_status(command, request).await {
        Err(ChangeError::Write(failure)) => name(&failure),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_failure_at_the_commit_is_passed_on_by_its_meaning_and_never_repeated() {
    for (failure, expected) in FAILURES {
        let store = || {
            let mut store = MockStore::new();
            store.expect_answer().returning(|_, _| Ok(None));
            store.expect_next_order_id().returning(|_| Ok(an_order_id(1)));
            store.expect_order().returning(|_, _| Ok(Some(an_order(1))));
            let commit = store.expect_commit();
            commit.times(1).returning(move |_, _| Err(failure()));
            store
        };
        assert_eq!(place_failure(store()).await, expected);
        assert_eq!(change_failure(store()).await, expected);
    }
}

#[tokio::test]
async fn a_failure_before_the_commit_is_passed_on_by_its_meaning() {
    for (failure, expected) in FAILURES {
        let no_answers = || {
            let mut store = MockStore::new();
            store.expect_answer().returning(move |_, _| Err(failure()));
            store
        };
        assert_eq!(place_failure(no_answers()).await, expected);
        assert_eq!(change_failure(no_answers()).await, expected);

        let mut no_ids = MockStore::new();
        no_ids.expect_answer().returning(|_, _| Ok(None));
        let ids = no_ids.expect_next_order_id();
        ids.returning(move |_| Err(failure()));
        assert_eq!(place_failure(no_ids).await, expected);

        let mut no_orders = MockStore::new();
        no_orders.expect_answer().returning(|_, _| Ok(None));
        let orders = no_orders.expect_order();
        orders.returning(move |_, _| Err(failure()));
        assert_eq!(change_failure(no_orders).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn every_step_of_a_request_has_the_same_deadline() {
    let due = Deadline::now() + BUDGET;
    let mut store = MockStore::new();
    let answer = store.expect_answer();
    answer.withf(move |_, deadline| *deadline == due);
    answer.times(1).returning(|_, _| Ok(None));
    let ids = store.expect_next_order_id();
    ids.withf(move |deadline| *deadline == due);
    ids.times(1).returning(|_| Ok(an_order_id(1)));
    let commit = store.expect_commit();
    commit.withf(move |_, deadline| *deadline == due);
    commit.times(1).returning(|_, _| Ok(()));
    let orders = orders_over(Arc::new(store), FixedClock::default().into());
    let request = a_write_once(a_key("k"), 1);
    orders.place(a_place_command(), request).await.unwrap();
}

/// A world whose commits wait at one gate before, and report at another one after.
fn gated(memory: &Arc<InMemoryStore>, before: &Arc<Gate>, after: &Arc<Gate>) -> World {
    let wait = |gate: &Arc<Gate>| {
        let gate = gate.clone();
        move |_| {
            let gate = gate.clone();
            async move {
                gate.pass().await;
                Ok(())
            }
        }
    };
    after.let_on(1);
    World::over(memory, |store| store.before_commit(wait(before)).after_commit(wait(after)))
}

#[tokio::test]
async fn a_write_lands_when_its_caller_has_gone_away() {
    let (before, after) = (Arc::default(), Arc::default());
    let world = gated(&Arc::default(), &before, &after);
    let orders = world.orders.clone();
    let caller = tokio::spawn(async move {
        let request = a_write_once(a_key("k"), 1);
        orders.place(a_place_command(), request).await
    });
    before.arrival().await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    before.let_on(1);
    after.arrival().await;
    assert_eq!(world.kinds(1).await, ["order.created"]);
    let key = a_key("k");
    let answer = world.memory.answer(&key, soon()).await.unwrap();
    assert!(answer.is_some());
}

/// Cut before the store has it, and after: nobody hears of it, and it can be asked for again.
#[test]
fn a_write_whose_runtime_has_gone_away_has_happened_as_a_whole_or_not_at_all() {
    for has_landed in [false, true] {
        let runtime = || tokio::runtime::Runtime::new().unwrap();
        let (main, worker) = (runtime(), runtime());
        let gate = Arc::new(Gate::default());
        let waits = gate.clone();
        let wait = move |_| {
            let gate = waits.clone();
            async move {
                gate.pass().await;
                Ok(())
            }
        };
        let world = main.block_on(async {
            World::hooked(|store| {
                if has_landed { store.after_commit(wait) } else { store.before_commit(wait) }
            })
        });
        let place = |runtime: &tokio::runtime::Runtime| {
            let (orders, once) = (world.orders.clone(), a_write_once(a_key("k"), 1));
            runtime.spawn(async move { orders.place(a_place_command(), once).await })
        };
        let cut = place(&worker);
        main.block_on(gate.arrival());
        drop(worker);
        assert!(main.block_on(cut).unwrap_err().is_cancelled());
        assert_eq!(main.block_on(world.order(1)).is_some(), has_landed);
        gate.let_on(1);
        let again = main.block_on(place(&main)).unwrap().unwrap();
        assert_eq!(again.replayed, has_landed);
        let kinds = [1, 2].map(|id| main.block_on(world.kinds(id)));
        assert_eq!(kinds.concat(), ["order.created"], "once");
    }
}

#[tokio::test]
async fn a_defect_is_an_internal_error_and_the_service_works_on() {
    let first = AtomicBool::new(true);
    let world = World::hooked(|store| {
        store.before_commit(move |_| {
            let defect = first.swap(false, Ordering::SeqCst);
            async move {
                assert!(!defect, "this panic belongs to the test");
                Ok(())
            }
        })
    });
    let place = || {
        let request = a_write_once(a_key("k"), 1);
        world.orders.place(a_place_command(), request)
    };
    let error = place().await.unwrap_err();
    assert!(matches!(error, PlaceError::Write(WriteFailure::Internal(_))));
    // The key is free again.
    assert!(!place().await.unwrap().replayed);
}

#[tokio::test]
async fn a_defect_in_the_encoding_is_an_internal_error_and_nothing_is_written() {
    let world = World::new();
    let mut request = a_write_once(a_key("k"), 1);
    request.encode = |_| panic!("this panic belongs to the test");
    let error = world.orders.place(a_place_command(), request).await;
    let error = error.unwrap_err();
    assert!(matches!(error, PlaceError::Write(WriteFailure::Internal(_))));
    assert_eq!(world.order(1).await, None);
}
