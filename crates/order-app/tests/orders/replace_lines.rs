//! Replacing the lines of a pending order.

use order_app::orders::{ChangeError, Claim, LinesRefused, PlaceOrder, ReplaceLines};
use order_domain::{LinesError, OrderStatus, Version};
use order_testkit::examples::{
    a_currency, a_line, a_lines_command, a_place_command, a_write_request, an_amount, an_order_id,
    anyone, some_lines,
};

use crate::world::{World, put, text};

async fn replace(
    world: &World,
    command: ReplaceLines,
) -> Result<String, ChangeError<LinesRefused>> {
    let answered = world.orders.replace_lines(anyone(), command, a_write_request()).await?;
    Ok(text(&answered).to_owned())
}

#[tokio::test]
async fn other_lines_make_a_new_version_with_its_own_total_and_event() {
    let world = World::new();
    put(&world.memory, 1, &[]).await;
    let command = ReplaceLines {
        claimed_total: Some(an_amount("0.30")),
        ..a_lines_command(an_order_id(1), vec![a_line(9, 3, "0.1")])
    };
    assert_eq!(replace(&world, command).await.unwrap(), "1 2 PENDING");
    let order = world.order(1).await.unwrap();
    assert_eq!(order.snapshot().lines.as_slice(), [a_line(9, 3, "0.1")]);
    assert_eq!(order.snapshot().lines.total(), an_amount("0.3"));
    assert_eq!(world.kinds(1).await, ["order.created", "order.updated"]);
}

#[tokio::test]
async fn the_same_lines_again_change_nothing() {
    let world = World::new();
    put(&world.memory, 1, &[]).await;
    let command = a_lines_command(an_order_id(1), some_lines());
    assert_eq!(replace(&world, command).await.unwrap(), "1 1 PENDING");
    assert_eq!(world.events(1).await.len(), 1);
}

#[tokio::test]
async fn the_currency_stays_and_its_decimals_hold() {
    let world = World::new();
    let yen = PlaceOrder {
        currency: Some(a_currency("JPY")),
        lines: vec![a_line(1, 1, "500")],
        ..a_place_command()
    };
    world.orders.place(anyone(), yen, a_write_request()).await.unwrap();
    let command = a_lines_command(an_order_id(1), vec![a_line(1, 1, "500.5")]);
    let error = replace(&world, command).await.unwrap_err();
    let expected = LinesError::TooManyDecimals { positions: vec![0], currency: a_currency("JPY") };
    assert!(matches!(
        error,
        ChangeError::Refused(LinesRefused::Lines(found)) if found == expected
    ));
}

#[tokio::test]
async fn the_rules_of_the_order_are_asked() {
    let world = World::new();
    put(&world.memory, 1, &[]).await;
    put(&world.memory, 2, &[OrderStatus::Confirmed]).await;
    let wrong_total = ReplaceLines {
        claimed_total: Some(an_amount("0.31")),
        ..a_lines_command(an_order_id(1), vec![a_line(9, 3, "0.1")])
    };
    let error = replace(&world, wrong_total).await.unwrap_err();
    assert!(matches!(
        error,
        ChangeError::Refused(LinesRefused::Order(order_domain::ReplaceLinesError::TotalMismatch(
            _
        )))
    ));
    let too_late = a_lines_command(an_order_id(2), vec![a_line(9, 3, "0.1")]);
    let error = replace(&world, too_late).await.unwrap_err();
    assert!(matches!(
        error,
        ChangeError::Refused(LinesRefused::Order(order_domain::ReplaceLinesError::NotPending {
            current: OrderStatus::Confirmed
        }))
    ));
    let unknown = a_lines_command(an_order_id(3), some_lines());
    let error = replace(&world, unknown).await.unwrap_err();
    assert!(matches!(error, ChangeError::NotFound));
    assert_eq!(world.events(1).await.len(), 1);
    assert_eq!(world.events(2).await.len(), 2);
}

#[tokio::test]
async fn a_version_that_the_client_knows_must_be_the_stored_one() {
    let world = World::new();
    put(&world.memory, 1, &[]).await;
    let command = |version| ReplaceLines {
        expected: Some(vec![Version::new(version).unwrap()]),
        ..a_lines_command(an_order_id(1), vec![a_line(9, 3, "0.1")])
    };
    let error = replace(&world, command(2)).await.unwrap_err();
    assert!(matches!(error, ChangeError::VersionMismatch { current } if current.get() == 1));
    assert_eq!(replace(&world, command(1)).await.unwrap(), "1 2 PENDING");
}

#[tokio::test]
async fn what_the_client_says_of_the_stored_order_must_be_so() {
    let world = World::new();
    put(&world.memory, 1, &[]).await;
    let stored = world.order(1).await.unwrap().into_snapshot();
    let moved = [OrderStatus::Cancelled, OrderStatus::Confirmed].to_vec();
    let claims = vec![
        Claim::Id(stored.id),
        Claim::Customer(stored.customer_id),
        Claim::Currency(stored.lines.currency()),
        Claim::Lines(stored.lines.as_slice().to_vec()),
        Claim::Total(stored.lines.total()),
        Claim::Status(stored.status),
        Claim::Transitions(moved),
        Claim::Version(stored.version),
        Claim::CreatedAt(stored.created_at),
        Claim::UpdatedAt(stored.updated_at),
    ];
    let untrue = vec![
        Claim::Id(an_order_id(2)),
        Claim::Total(an_amount("999999999999999.9999")),
        Claim::Status(OrderStatus::Delivered),
        Claim::Transitions(vec![OrderStatus::Confirmed]),
        Claim::Transitions(OrderStatus::ALL.to_vec()),
        Claim::Version(stored.version.next()),
        Claim::CancelReason(order_domain::CancelReason::Other),
        Claim::UpdatedAt(chrono::DateTime::UNIX_EPOCH),
    ];
    let command = |claims: &[Claim]| ReplaceLines {
        claims: claims.to_vec(),
        ..a_lines_command(an_order_id(1), vec![a_line(9, 3, "0.1")])
    };
    let error = replace(&world, command(&[&claims[..], &untrue].concat())).await.unwrap_err();
    let ChangeError::Contradicted { claims: told, order } = error else { panic!("{error}") };
    assert_eq!((told, order.version()), (untrue, stored.version));
    assert_eq!(world.events(1).await.len(), 1);
    assert_eq!(replace(&world, command(&claims)).await.unwrap(), "1 2 PENDING");
}
