//! Moving an order along its status table.

use chrono::TimeDelta;
use order_app::orders::{ChangeError, ChangeStatus};
use order_app::ports::{Conflict, OrderChange, OrderStore as _};
use order_domain::{CancelReason, InvalidTransition, Note, OrderStatus, StatusChange, Version};
use order_testkit::Method;
use order_testkit::examples::{
    a_change, a_line, a_status_command, a_write_request, an_order, an_order_id, anyone, moved,
    noon, noon_plus, relined, soon,
};

use crate::world::{World, put, text};

/// The path by which an order gets to a status.
const fn path(to: OrderStatus) -> &'static [OrderStatus] {
    use OrderStatus::{Cancelled, Confirmed, Delivered, InProgress};
    match to {
        OrderStatus::Pending => &[],
        Confirmed => &[Confirmed],
        InProgress => &[Confirmed, InProgress],
        Delivered => &[Confirmed, InProgress, Delivered],
        Cancelled => &[Cancelled],
    }
}

async fn change(world: &World, to: OrderStatus) -> Result<String, ChangeError<InvalidTransition>> {
    change_if(world, to, None).await
}

async fn change_if(
    world: &World,
    to: OrderStatus,
    expected: Option<Vec<i64>>,
) -> Result<String, ChangeError<InvalidTransition>> {
    let version = |number| Version::new(number).unwrap();
    let command = ChangeStatus {
        expected: expected.map(|all| all.into_iter().map(version).collect()),
        ..a_status_command(an_order_id(1), to)
    };
    let answered = world.orders.change_status(anyone(), command, a_write_request()).await?;
    assert!(!answered.replayed);
    Ok(text(&answered).to_owned())
}

/// Rows: from; columns: to. An event, `=` for no change, `-` for a refusal.
const TABLE: [[&str; 5]; 5] = [
    ["=", "order.confirmed", "-", "-", "order.cancelled"],
    ["-", "=", "order.in_progress", "-", "order.cancelled"],
    ["-", "-", "=", "order.delivered", "-"],
    ["-", "-", "-", "=", "-"],
    ["-", "-", "-", "-", "="],
];

#[tokio::test]
async fn every_pair_of_statuses_does_what_the_table_says() {
    for (from, row) in OrderStatus::ALL.into_iter().zip(TABLE) {
        for (to, expected) in OrderStatus::ALL.into_iter().zip(row) {
            let world = World::new();
            let before = put(&world.memory, 1, path(from)).await;
            let events = world.events(1).await;
            world.clock.advance(TimeDelta::seconds(1));
            let result = change(&world, to).await;
            let pair = format!("{from} to {to}");
            match expected {
                "=" => {
                    let version = before.version();
                    assert_eq!(result.unwrap(), format!("1 {version} {from}"), "{pair}");
                }
                "-" => {
                    let error = result.unwrap_err();
                    let refusal = InvalidTransition { current: from, requested: to };
                    assert!(
                        matches!(&error, ChangeError::Refused(found) if *found == refusal),
                        "{pair}: {error:?}"
                    );
                }
                kind => {
                    let version = before.version().next();
                    assert_eq!(result.unwrap(), format!("1 {version} {to}"), "{pair}");
                    assert_eq!(world.kinds(1).await.last(), Some(&kind), "{pair}");
                    let after = world.order(1).await.unwrap();
                    assert_eq!((after.status(), after.version()), (to, version));
                    assert_eq!(after.snapshot().updated_at, noon_plus(1_000_000));
                    continue;
                }
            }
            assert_eq!(world.order(1).await, Some(before), "{pair}");
            assert_eq!(world.events(1).await, events, "{pair}");
        }
    }
}

#[tokio::test]
async fn an_unknown_order_is_not_found() {
    let error = change(&World::new(), OrderStatus::Confirmed).await;
    assert!(matches!(error, Err(ChangeError::NotFound)));
}

#[tokio::test]
async fn reason_and_note_reach_order_and_event() {
    let world = World::new();
    put(&world.memory, 1, &[]).await;
    let note = Note::new("they said \"no\"").unwrap();
    let change = StatusChange::new(OrderStatus::Cancelled, Some(CancelReason::Fraud), Some(note));
    let command = ChangeStatus {
        id: an_order_id(1),
        change: change.unwrap(),
        expected: None,
        claims: Vec::new(),
    };
    let request = a_write_request();
    world.orders.change_status(anyone(), command, request).await.unwrap();
    let order = world.order(1).await.unwrap();
    assert_eq!(order.snapshot().cancel_reason, Some(CancelReason::Fraud));
    let data = &world.events(1).await[1].data;
    assert!(data.contains(r#""cancelReason":"FRAUD","note":"they said \"no\"""#));
}

#[tokio::test]
async fn a_version_that_the_client_knows_must_be_the_stored_one() {
    let world = World::new();
    put(&world.memory, 1, &[OrderStatus::Confirmed]).await;
    for wrong in [vec![1], vec![3], vec![1, 3], vec![]] {
        // Also where the rules would refuse the change, or where it changes nothing.
        for to in OrderStatus::ALL {
            let error = change_if(&world, to, Some(wrong.clone())).await;
            let error = error.unwrap_err();
            assert!(
                matches!(error, ChangeError::VersionMismatch { current } if current.get() == 2),
                "{wrong:?} {to}: {error:?}"
            );
        }
    }
    assert_eq!(world.events(1).await.len(), 2);
    let known = Some(vec![1, 2]);
    let changed = change_if(&world, OrderStatus::InProgress, known).await;
    assert_eq!(changed.unwrap(), "1 3 IN_PROGRESS");
}

/// A world in which another writer changes order 1 right before our first commit.
async fn overtaken(other: impl Fn() -> OrderChange + Send + Sync + 'static) -> World {
    let world = World::new();
    put(&world.memory, 1, &[]).await;
    let memory = world.memory.clone();
    world.faults.before(Method::Commit).once().runs(move |_| {
        let (memory, change) = (memory.clone(), other());
        async move { memory.commit(change.into(), soon()).await }
    });
    world
}

fn other_lines() -> OrderChange {
    a_change(relined(&an_order(1), vec![a_line(1, 1, "1")], noon()))
}

#[tokio::test]
async fn a_change_that_was_overtaken_is_decided_anew() {
    let world = overtaken(other_lines).await;
    let answer = change(&world, OrderStatus::Confirmed).await.unwrap();
    assert_eq!(answer, "1 3 CONFIRMED");
    let kinds = ["order.created", "order.updated", "order.confirmed"];
    assert_eq!(world.kinds(1).await, kinds);
    // The event carries the lines of the other writer.
    assert!(world.events(1).await[2].data.contains(r#""totalAmount":"1.00""#));
}

#[tokio::test]
async fn a_change_that_another_writer_made_first_is_no_change() {
    let confirmed = || a_change(moved(&an_order(1), OrderStatus::Confirmed, noon()));
    let world = overtaken(confirmed).await;
    let answer = change(&world, OrderStatus::Confirmed).await.unwrap();
    assert_eq!(answer, "1 2 CONFIRMED");
    assert_eq!(world.events(1).await.len(), 2);
}

#[tokio::test]
async fn a_change_that_another_writer_made_impossible_is_refused() {
    let cancelled = || a_change(moved(&an_order(1), OrderStatus::Cancelled, noon()));
    let world = overtaken(cancelled).await;
    let error = change(&world, OrderStatus::Confirmed).await.unwrap_err();
    let ChangeError::Refused(refusal) = error else {
        panic!("{error:?}");
    };
    assert_eq!(refusal.current, OrderStatus::Cancelled);
}

#[tokio::test]
async fn a_client_that_names_its_version_is_refused_when_overtaken() {
    let world = overtaken(other_lines).await;
    let error = change_if(&world, OrderStatus::Confirmed, Some(vec![1])).await;
    let error = error.unwrap_err();
    assert!(matches!(error, ChangeError::VersionMismatch { current } if current.get() == 2));
    assert_eq!(world.kinds(1).await, ["order.created", "order.updated"]);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_overtaken_each_time_gives_up() {
    let world = World::new();
    put(&world.memory, 1, &[]).await;
    world.faults.before(Method::Commit).fails(|| Conflict::Version.into());
    let command = a_status_command(an_order_id(1), OrderStatus::Confirmed);
    let error = world.orders.change_status(anyone(), command, a_write_request()).await;
    assert!(matches!(error, Err(ChangeError::ConcurrentUpdate)));
    let commits = world.faults.count(Method::Commit);
    assert!((2..=20).contains(&commits), "{commits} commits");
}

#[tokio::test]
async fn an_order_does_not_get_younger_when_the_clock_goes_back() {
    let world = World::new();
    put(&world.memory, 1, &[]).await;
    for (seconds, expected) in [(10, 10), (-20, 10), (30, 20)] {
        let to = world.order(1).await.unwrap().status();
        let to = to.allowed_transitions().next().unwrap();
        world.clock.advance(TimeDelta::seconds(seconds));
        change(&world, to).await.unwrap();
        let order = world.order(1).await.unwrap();
        let expected = noon() + TimeDelta::seconds(expected);
        assert_eq!(order.snapshot().updated_at, expected);
        let event = world.events(1).await.pop().unwrap();
        assert_eq!(event.occurred_at, expected);
    }
}
