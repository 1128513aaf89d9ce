//! Stores that fail, callers that go away, and defects: the answer to the client, and whole writes.

use std::error::Error as _;
use std::sync::Arc;

use order_app::orders::{ChangeError, PlaceError, WriteFailure};
use order_app::ports::{Deadline, OrderStore as _, StoreError};
use order_domain::OrderStatus;
use order_testkit::examples::{
    a_key, a_place_command, a_status_command, a_write_once, an_order_id, anyone, soon,
};
use order_testkit::{Gate, Method};

use crate::world::{BUDGET, World, put};

/// Makes a failure of a store: errors cannot be copied.
type Failure = fn() -> StoreError;

const FAILURES: [(Failure, &str); 4] = [
    (|| StoreError::Unavailable("cause".into()), "unavailable"),
    (|| StoreError::OutcomeUnknown("cause".into()), "unknown"),
    (|| StoreError::Refused("cause".into()), "internal"),
    (|| StoreError::Corrupt("cause".into()), "internal"),
];

/// The name of a failure, whose source must be the store's.
fn name(failure: &WriteFailure) -> &'static str {
    assert_eq!(failure.source().unwrap().to_string(), "cause");
    match failure {
        WriteFailure::Unavailable(_) => "unavailable",
        WriteFailure::OutcomeUnknown(_) => "unknown",
        WriteFailure::Internal(_) => "internal",
        WriteFailure::Unreadable(_) => "unreadable",
        WriteFailure::InProgress | WriteFailure::KeyReused => "about the key",
    }
}

async fn place_failure(world: &World) -> &'static str {
    let request = a_write_once("k", 1);
    match world.orders.place(anyone(), a_place_command(), request).await {
        Err(PlaceError::Write(failure)) => name(&failure),
        other => panic!("{other:?}"),
    }
}

async fn change_failure(world: &World) -> &'static str {
    let command = a_status_command(an_order_id(1), OrderStatus::Confirmed);
    let request = a_write_once("k", 1);
    match world.orders.change_status(anyone(), command, request).await {
        Err(ChangeError::Write(failure)) => name(&failure),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_failure_at_the_commit_is_passed_on_by_its_meaning_and_never_repeated() {
    for (failure, expected) in FAILURES {
        let world = World::new();
        put(&world.memory, 1, &[]).await;
        world.faults.before(Method::Commit).fails(failure);
        assert_eq!(place_failure(&world).await, expected);
        assert_eq!(world.faults.count(Method::Commit), 1);
        assert_eq!(change_failure(&world).await, expected);
        assert_eq!(world.faults.count(Method::Commit), 2);
    }
}

#[tokio::test]
async fn a_failure_before_the_commit_is_passed_on_by_its_meaning() {
    for (failure, expected) in FAILURES {
        let failing = |method| {
            let world = World::new();
            world.faults.before(method).fails(failure);
            world
        };
        assert_eq!(place_failure(&failing(Method::Answer)).await, expected);
        assert_eq!(change_failure(&failing(Method::Answer)).await, expected);
        assert_eq!(place_failure(&failing(Method::NextOrderId)).await, expected);
        assert_eq!(change_failure(&failing(Method::Stored)).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn every_step_of_a_request_has_the_same_deadline() {
    let due = Deadline::now() + BUDGET;
    let world = World::new();
    let request = a_write_once("k", 1);
    world.orders.place(anyone(), a_place_command(), request).await.unwrap();
    let calls = world.faults.calls().into_iter().map(|call| (call.method, call.deadline));
    let steps = [Method::Answer, Method::NextOrderId, Method::Commit];
    assert_eq!(calls.collect::<Vec<_>>(), steps.map(|step| (step, due)));
}

#[tokio::test]
async fn a_write_lands_when_its_caller_has_gone_away() {
    let (before, after) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
    let world = World::new();
    world.faults.before(Method::Commit).waits(&before);
    world.faults.after(Method::Commit).waits(&after);
    after.let_through(1);
    let orders = world.orders.clone();
    let caller = tokio::spawn(async move {
        let request = a_write_once("k", 1);
        orders.place(anyone(), a_place_command(), request).await
    });
    before.arrival().await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    before.let_through(1);
    after.arrival().await;
    assert_eq!(world.kinds(1).await, ["order.created"]);
    let key = a_key("k");
    let answer = world.memory.answer(&key, soon()).await.unwrap();
    assert!(answer.is_some());
}

/// The runtime ends before the store has the change, and after. The client may ask again.
#[test]
fn a_write_whose_runtime_has_gone_away_has_happened_as_a_whole_or_not_at_all() {
    for has_landed in [false, true] {
        let runtime = || tokio::runtime::Runtime::new().unwrap();
        let (main, worker) = (runtime(), runtime());
        let gate = Arc::new(Gate::default());
        let world = main.block_on(async { World::new() });
        let faults = &world.faults;
        let method = Method::Commit;
        let cut = if has_landed { faults.after(method) } else { faults.before(method) };
        cut.waits(&gate);
        let place = |runtime: &tokio::runtime::Runtime| {
            let (orders, once) = (world.orders.clone(), a_write_once("k", 1));
            runtime.spawn(async move { orders.place(anyone(), a_place_command(), once).await })
        };
        let cut = place(&worker);
        main.block_on(gate.arrival());
        drop(worker);
        assert!(main.block_on(cut).unwrap_err().is_cancelled());
        assert_eq!(main.block_on(world.order(1)).is_some(), has_landed);
        gate.let_through(1);
        let again = main.block_on(place(&main)).unwrap().unwrap();
        assert_eq!(again.replayed, has_landed);
        let kinds = [1, 2].map(|id| main.block_on(world.kinds(id)));
        assert_eq!(kinds.concat(), ["order.created"], "once");
    }
}

#[tokio::test]
async fn a_defect_is_an_internal_error_and_the_service_works_on() {
    let world = World::new();
    let defect = |_| -> std::future::Ready<_> { panic!("this panic belongs to the test") };
    world.faults.before(Method::Commit).once().runs(defect);
    let place = || {
        let request = a_write_once("k", 1);
        world.orders.place(anyone(), a_place_command(), request)
    };
    let error = place().await.unwrap_err();
    assert!(matches!(error, PlaceError::Write(WriteFailure::Internal(_))));
    // The key is free again.
    assert!(!place().await.unwrap().replayed);
}

#[tokio::test]
async fn a_defect_in_the_encoding_is_an_internal_error_and_nothing_is_written() {
    let world = World::new();
    let mut request = a_write_once("k", 1);
    request.encode = |_| panic!("this panic belongs to the test");
    let error = world.orders.place(anyone(), a_place_command(), request).await;
    let error = error.unwrap_err();
    assert!(matches!(error, PlaceError::Write(WriteFailure::Internal(_))));
    assert_eq!(world.order(1).await, None);
}
