//! One execution per idempotency key: for repeated, corrected and simultaneous requests, also on two
//! instances.

use std::sync::Arc;

use chrono::TimeDelta;
use order_app::caller::{Access, Authorities, Caller, CallerName};
use order_app::orders::{Answered, ChangeError, Orders, PlaceError, PlaceOrder, WriteFailure};
use order_app::ports::StoreError;
use order_domain::OrderStatus;
use order_testkit::examples::{
    a_line, a_place_command, a_status_command, a_write_once, an_order_id, anyone,
};
use order_testkit::{Gate, InMemoryStore, Method};

use crate::world::{World, put, text};

/// Places the example order under a key, with a fingerprint of the request.
async fn place(orders: &Orders, key: &str, fingerprint: u8) -> Result<Answered, PlaceError> {
    let request = a_write_once(key, fingerprint);
    orders.place(anyone(), a_place_command(), request).await
}

fn failure(result: Result<Answered, PlaceError>) -> WriteFailure {
    match result {
        Err(PlaceError::Write(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_same_request_again_is_answered_byte_for_byte_and_does_nothing() {
    let world = World::new();
    let first = place(&world.orders, "k", 1).await.unwrap();
    assert!(!first.replayed);
    // Neither a later time nor a changed order alters the answer.
    world.clock.advance(TimeDelta::hours(23));
    let confirm = a_status_command(an_order_id(1), OrderStatus::Confirmed);
    let request = a_write_once("k", 1);
    let confirmed = world.orders.change_status(anyone(), confirm.clone(), request.clone());
    let confirmed = confirmed.await.unwrap();

    for _ in 0..2 {
        let again = place(&world.orders, "k", 1).await.unwrap();
        assert!(again.replayed);
        assert_eq!(again.answer, first.answer);
        let again = world.orders.change_status(anyone(), confirm.clone(), request.clone());
        let again = again.await.unwrap();
        assert!(again.replayed);
        assert_eq!(again.answer, confirmed.answer);
    }
    assert_eq!(world.kinds(1).await, ["order.created", "order.confirmed"]);
    assert_eq!(world.order(2).await, None);
}

#[tokio::test]
async fn a_key_is_not_for_another_request() {
    let world = World::new();
    place(&world.orders, "k", 1).await.unwrap();
    let error = failure(place(&world.orders, "k", 2).await);
    assert!(matches!(error, WriteFailure::KeyReused));
    assert_eq!(world.order(2).await, None);

    let command = |to| a_status_command(an_order_id(1), to);
    let confirm = a_write_once("k", 1);
    let confirm = world.orders.change_status(anyone(), command(OrderStatus::Confirmed), confirm);
    confirm.await.unwrap();
    let cancel = a_write_once("k", 2);
    let cancel = world.orders.change_status(anyone(), command(OrderStatus::Cancelled), cancel);
    let error = cancel.await.unwrap_err();
    assert!(matches!(error, ChangeError::Write(WriteFailure::KeyReused)));
    assert_eq!(world.order(1).await.unwrap().status(), OrderStatus::Confirmed);
}

#[tokio::test]
async fn callers_do_not_share_keys() {
    let world = World::new();
    let name = CallerName::new("another-caller").unwrap();
    let other = Caller::new(name, Access::Everything, Authorities::ALL, None);
    place(&world.orders, "k", 1).await.unwrap();
    let request = a_write_once("k", 2);
    let answered = world.orders.place(&other, a_place_command(), request).await.unwrap();
    assert_eq!(text(&answered), "2 1 PENDING");
}

#[tokio::test]
async fn a_second_request_is_refused_while_the_first_is_running() {
    let gate = Arc::new(Gate::default());
    let world = World::new();
    world.faults.before(Method::Commit).waits(&gate);
    let orders = world.orders.clone();
    let first = tokio::spawn(async move { place(&orders, "k", 1).await });
    gate.arrival().await;
    for fingerprint in [1, 2] {
        let error = failure(place(&world.orders, "k", fingerprint).await);
        assert!(matches!(error, WriteFailure::InProgress));
    }
    gate.let_through(2);
    place(&world.orders, "another", 1).await.unwrap();
    let first = first.await.unwrap().unwrap();
    let again = place(&world.orders, "k", 1).await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.answer, first.answer);
}

#[tokio::test]
async fn a_refused_request_leaves_its_key_free_for_the_corrected_one() {
    let world = World::new();
    let wrong =
        PlaceOrder { lines: vec![a_line(1, 1, "1"), a_line(1, 1, "1")], ..a_place_command() };
    let request = a_write_once("k", 1);
    world.orders.place(anyone(), wrong, request).await.unwrap_err();
    let corrected = place(&world.orders, "k", 2).await.unwrap();
    assert!(!corrected.replayed);
    assert_eq!(text(&corrected), "1 1 PENDING");
}

#[tokio::test]
async fn a_failed_write_leaves_its_key_free() {
    let world = World::new();
    let down = || StoreError::Unavailable("down".into());
    world.faults.before(Method::Commit).once().fails(down);
    let error = failure(place(&world.orders, "k", 1).await);
    assert!(matches!(error, WriteFailure::Unavailable(_)));
    let again = place(&world.orders, "k", 1).await.unwrap();
    assert!(!again.replayed);
    assert_eq!(world.order(1).await, None);
    assert_eq!(world.kinds(2).await, ["order.created"]);
}

#[tokio::test]
async fn a_write_whose_outcome_was_unknown_is_found_again_by_its_key() {
    let world = World::new();
    let lost = || StoreError::OutcomeUnknown("answer lost".into());
    world.faults.after(Method::Commit).once().fails(lost);
    let error = failure(place(&world.orders, "k", 1).await);
    assert!(matches!(error, WriteFailure::OutcomeUnknown(_)));
    let again = place(&world.orders, "k", 1).await.unwrap();
    assert!(again.replayed);
    assert_eq!(text(&again), "1 1 PENDING");
    assert_eq!(world.order(2).await, None);
}

#[tokio::test]
async fn a_change_to_the_present_status_is_answered_but_not_recorded() {
    let world = World::new();
    put(&world.memory, 1, &[]).await;
    let command = a_status_command(an_order_id(1), OrderStatus::Pending);
    for fingerprint in [1, 2] {
        let request = a_write_once("k", fingerprint);
        let answered = world.orders.change_status(anyone(), command.clone(), request);
        let answered = answered.await.unwrap();
        assert!(!answered.replayed);
        assert_eq!(text(&answered), "1 1 PENDING");
    }
}

/// Two instances over one store, each with a request under the same key; both reach the commit before
/// either lands.
async fn side_by_side(fingerprints: [u8; 2]) -> (World, [Result<Answered, PlaceError>; 2]) {
    let gate = Arc::new(Gate::default());
    let memory = Arc::new(InMemoryStore::default());
    let instance = || {
        let world = World::over(&memory);
        world.faults.before(Method::Commit).waits(&gate);
        world
    };
    let (one, two) = (instance(), instance());
    let [first, second] = fingerprints;
    let both =
        async { tokio::join!(place(&one.orders, "k", first), place(&two.orders, "k", second)) };
    let open = async {
        gate.arrival().await;
        gate.arrival().await;
        gate.let_through(2);
    };
    let ((first, second), ()) = tokio::join!(both, open);
    (one, [first, second])
}

#[tokio::test]
async fn two_instances_make_one_order_for_one_key_and_answer_alike() {
    let (world, results) = side_by_side([1, 1]).await;
    let [first, second] = results.map(Result::unwrap);
    assert_eq!(first.answer, second.answer);
    assert!(first.replayed != second.replayed, "one of them did it");
    let mut kinds = world.kinds(1).await;
    kinds.extend(world.kinds(2).await);
    assert_eq!(kinds, ["order.created"]);
}

#[tokio::test]
async fn two_instances_do_not_take_one_key_for_two_requests() {
    let (world, results) = side_by_side([1, 2]).await;
    let (done, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(done.len(), 1);
    for result in refused {
        assert!(matches!(failure(result), WriteFailure::KeyReused));
    }
    let mut kinds = world.kinds(1).await;
    kinds.extend(world.kinds(2).await);
    assert_eq!(kinds, ["order.created"]);
}
