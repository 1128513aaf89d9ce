//! Placing an order.

use chrono::TimeDelta;
use order_app::currencies::CurrencyNotEnabled;
use order_app::orders::{PlaceError, PlaceOrder, WriteFailure};
use order_app::ports::Conflict;
use order_domain::{Amount, Currency, LinesError, OrderStatus, TotalMismatch};
use order_testkit::Method;
use order_testkit::examples::{
    a_currency, a_line, a_place_command, a_reference, a_write_request, an_amount, an_order_id,
    anyone, encode, noon, some_lines,
};

use crate::world::{World, put, text};

async fn place(world: &World, command: PlaceOrder) -> Result<String, PlaceError> {
    let answered = world.orders.place(anyone(), command, a_write_request()).await?;
    assert!(!answered.replayed);
    Ok(text(&answered).to_owned())
}

#[tokio::test]
async fn an_order_lands_with_its_event_and_its_encoded_answer() {
    let world = World::new();
    let command = PlaceOrder {
        client_reference: Some(a_reference("po-7")),
        claimed_total: Some(an_amount("150.07")),
        ..a_place_command()
    };
    let answered = world.orders.place(anyone(), command, a_write_request()).await.unwrap();
    let order = world.order(1).await.unwrap();
    assert_eq!(answered.answer, encode(&order));
    assert!(!answered.replayed);

    let snapshot = order.snapshot();
    assert_eq!(snapshot.customer_id.get(), 42);
    assert_eq!(snapshot.lines.as_slice(), some_lines());
    assert_eq!(snapshot.lines.total(), an_amount("150.07"));
    assert_eq!(snapshot.lines.currency(), Currency::USD);
    assert_eq!(snapshot.status, OrderStatus::Pending);
    assert_eq!(snapshot.version.get(), 1);
    assert_eq!(snapshot.client_reference, Some(a_reference("po-7")));
    assert_eq!((snapshot.created_at, snapshot.updated_at), (noon(), noon()));

    let events = world.events(1).await;
    assert_eq!(world.kinds(1).await, ["order.created"]);
    assert_eq!(events[0].id.get_version_num(), 7);
    assert_eq!(events[0].order_id, order.id());
    assert_eq!(events[0].sequence, order.version());
    assert_eq!(events[0].occurred_at, noon());
    assert!(events[0].context.contains(r#""correlationid":"correlation-1""#));
}

#[tokio::test]
async fn times_finer_than_a_microsecond_are_cut() {
    let world = World::new();
    world.clock.advance(TimeDelta::nanoseconds(999));
    place(&world, a_place_command()).await.unwrap();
    let order = world.order(1).await.unwrap();
    assert_eq!(order.snapshot().created_at, noon());
    assert_eq!(world.events(1).await[0].occurred_at, noon());
}

#[tokio::test]
async fn orders_get_ids_of_their_own() {
    let world = World::new();
    for expected in ["1 1 PENDING", "2 1 PENDING", "3 1 PENDING"] {
        assert_eq!(place(&world, a_place_command()).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn an_order_has_the_currency_it_names() {
    let world = World::new();
    let command = PlaceOrder {
        currency: Some(a_currency("JPY")),
        lines: vec![a_line(1, 2, "500")],
        ..a_place_command()
    };
    place(&world, command).await.unwrap();
    assert_eq!(world.order(1).await.unwrap().currency().code(), "JPY");
}

/// Demands that a command is refused and leaves no trace.
async fn refused(command: PlaceOrder) -> PlaceError {
    let world = World::new();
    let error = place(&world, command).await.unwrap_err();
    assert_eq!(world.order(1).await, None);
    assert_eq!(world.events(1).await, []);
    error
}

#[tokio::test]
async fn a_currency_that_is_not_enabled_is_refused() {
    let command = PlaceOrder { currency: Some(a_currency("EUR")), ..a_place_command() };
    let expected =
        CurrencyNotEnabled { requested: a_currency("EUR"), enabled: vec!["USD", "JPY", "KWD"] };
    let error = refused(command).await;
    assert!(matches!(error, PlaceError::CurrencyNotEnabled(found) if found == expected));
}

#[tokio::test]
async fn invalid_lines_are_refused() {
    let twice = vec![a_line(1, 1, "1"), a_line(2, 1, "1"), a_line(1, 2, "1")];
    let too_fine = vec![a_line(1, 1, "1"), a_line(2, 1, "0.001")];
    for (lines, expected) in [
        (vec![], LinesError::Count { count: 0 }),
        (twice, LinesError::DuplicateProduct { positions: vec![2] }),
        (too_fine, LinesError::TooManyDecimals { positions: vec![1], currency: Currency::USD }),
    ] {
        let command = PlaceOrder { lines, ..a_place_command() };
        let error = refused(command).await;
        assert!(matches!(error, PlaceError::Lines(found) if found == expected));
    }
}

#[tokio::test]
async fn a_wrong_claimed_total_is_refused() {
    for claimed in [Amount::ZERO, an_amount("150.0699"), an_amount("150.08")] {
        let command = PlaceOrder { claimed_total: Some(claimed), ..a_place_command() };
        let expected =
            TotalMismatch { expected: an_amount("150.07"), claimed, currency: Currency::USD };
        let error = refused(command).await;
        assert!(matches!(error, PlaceError::TotalMismatch(found) if found == expected));
    }
}

#[tokio::test]
async fn a_second_order_with_one_reference_names_the_first() {
    let world = World::new();
    place(&world, a_place_command()).await.unwrap();
    let command = PlaceOrder { client_reference: Some(a_reference("po-7")), ..a_place_command() };
    place(&world, command.clone()).await.unwrap();
    let error = place(&world, command).await.unwrap_err();
    let PlaceError::DuplicateClientReference { existing } = error else {
        panic!("{error:?}");
    };
    assert_eq!(existing, an_order_id(2));
    assert_eq!(world.order(3).await, None);
}

#[tokio::test]
async fn after_a_taken_order_id_the_next_one_is_tried() {
    let world = World::new();
    // Another program inserts orders directly.
    for id in [1, 2] {
        put(&world.memory, id, &[]).await;
    }
    assert_eq!(place(&world, a_place_command()).await.unwrap(), "3 1 PENDING");
    assert_eq!(world.kinds(3).await, ["order.created"]);
}

#[tokio::test]
async fn the_search_for_a_free_order_id_is_bounded() {
    let world = World::new();
    world.faults.before(Method::Commit).fails(|| Conflict::OrderId.into());
    let error = world.orders.place(anyone(), a_place_command(), a_write_request()).await;
    let error = error.unwrap_err();
    assert!(matches!(error, PlaceError::Write(WriteFailure::Unavailable(_))));
    let commits = world.faults.count(Method::Commit);
    assert!((2..=20).contains(&commits), "{commits} commits");
}
