//! The life of an order: after any sequence of requests, with a clock that may go back, it is in a valid
//! state.

#![expect(clippy::unwrap_used, reason = "in a test, a broken expectation ends it")]

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use order_domain::{
    Amount, CancelReason, ClientReference, Currency, CustomerId, Decision, InvalidTransition,
    NewOrder, Note, Order, OrderEvent, OrderEventKind, OrderId, OrderLine, OrderLines,
    OrderSnapshot, OrderStatus, ProductId, ProductName, Quantity, ReplaceLinesError, RestoreError,
    StatusChange, TotalMismatch, Transition, UnitPrice,
};
use proptest::prelude::*;

fn noon() -> DateTime<Utc> {
    "2026-11-22T12:00:00.123456Z".parse().unwrap()
}

fn amount(text: &str) -> Amount {
    Amount::parse(text).unwrap()
}

fn lines(prices: &[&str]) -> OrderLines {
    let line = |(product, price): (i64, &&str)| OrderLine {
        product_id: ProductId::new(product).unwrap(),
        name: Some(ProductName::new("a thing").unwrap()),
        quantity: Quantity::new(2).unwrap(),
        unit_price: UnitPrice::new(amount(price)).unwrap(),
    };
    let lines = (1..).zip(prices).map(line).collect();
    OrderLines::new(Currency::USD, lines).unwrap()
}

fn new_order() -> NewOrder {
    NewOrder {
        id: OrderId::new(1).unwrap(),
        customer_id: CustomerId::new(42).unwrap(),
        lines: lines(&["0.1", "0.2"]),
        client_reference: Some(ClientReference::new("po-7").unwrap()),
        claimed_total: None,
    }
}

fn order() -> Order {
    Order::place(new_order(), noon()).unwrap().order
}

fn to(status: OrderStatus) -> StatusChange {
    StatusChange::new(status, None, None).unwrap()
}

fn moved(order: &Order, status: OrderStatus) -> OrderEvent {
    match order.change_status(to(status), noon()).unwrap() {
        Decision::Changed(event) => Some(*event),
        Decision::Unchanged => None,
    }
    .unwrap()
}

#[test]
fn a_new_order_is_pending_and_has_version_1() {
    let event = Order::place(new_order(), noon()).unwrap();
    assert_eq!(event.kind, OrderEventKind::Created);
    assert_eq!(event.previous_status, None);
    assert_eq!(event.note, None);
    let expected = OrderSnapshot {
        id: OrderId::new(1).unwrap(),
        customer_id: CustomerId::new(42).unwrap(),
        lines: lines(&["0.1", "0.2"]),
        status: OrderStatus::Pending,
        version: order_domain::Version::FIRST,
        client_reference: Some(ClientReference::new("po-7").unwrap()),
        cancel_reason: None,
        created_at: noon(),
        updated_at: noon(),
    };
    assert_eq!(event.order.snapshot(), &expected);
    assert_eq!(event.order.into_snapshot(), expected);
}

#[test]
fn a_claimed_total_must_be_ours_to_the_last_digit() {
    for fine in ["0.6", "0.60", "0.6000", "6e-1"] {
        let new = NewOrder { claimed_total: Some(amount(fine)), ..new_order() };
        assert!(Order::place(new, noon()).is_ok(), "{fine}");
    }
    for wrong in ["0", "0.59", "0.6001", "0.61"] {
        let mismatch = TotalMismatch {
            expected: amount("0.6"),
            claimed: amount(wrong),
            currency: Currency::USD,
        };
        let new = NewOrder { claimed_total: Some(amount(wrong)), ..new_order() };
        assert_eq!(Order::place(new, noon()), Err(mismatch));
        let replaced = order().replace_lines(lines(&["0.3"]), Some(amount(wrong)), noon());
        assert_eq!(replaced, Err(ReplaceLinesError::TotalMismatch(mismatch)));
    }
}

#[test]
fn a_mismatch_is_spelled_in_the_currency() {
    let mismatch = TotalMismatch {
        expected: amount("0.6"),
        claimed: amount("0.6001"),
        currency: Currency::USD,
    };
    assert_eq!(mismatch.to_string(), "the total of the lines is 0.60, not 0.6001");
}

#[test]
fn lines_are_replaced_while_the_order_is_pending() {
    let Decision::Changed(event) = order().replace_lines(lines(&["5"]), None, noon()).unwrap()
    else {
        unreachable!("the lines are others");
    };
    assert_eq!(event.kind, OrderEventKind::Updated);
    assert_eq!(event.previous_status, Some(OrderStatus::Pending));
    assert_eq!(event.order.version().get(), 2);
    assert_eq!(event.order.status(), OrderStatus::Pending);
    assert_eq!(event.order.snapshot().lines, lines(&["5"]));

    let same = order().replace_lines(lines(&["0.1", "0.2"]), Some(amount("0.6")), noon());
    assert_eq!(same, Ok(Decision::Unchanged));
}

#[test]
fn lines_are_not_replaced_later_not_even_by_the_same() {
    for current in [OrderStatus::Confirmed, OrderStatus::Cancelled] {
        let order = moved(&order(), current).order;
        for lines in [lines(&["5"]), lines(&["0.1", "0.2"])] {
            let refused = order.replace_lines(lines, None, noon());
            assert_eq!(refused, Err(ReplaceLinesError::NotPending { current }));
        }
    }
}

#[test]
fn a_change_of_status_carries_reason_and_note() {
    let note = Note::new("as agreed").unwrap();
    let reason = Some(CancelReason::Expired);
    let cancel = StatusChange::new(OrderStatus::Cancelled, reason, Some(note.clone())).unwrap();
    assert_eq!(cancel.note(), Some(&note));
    let Decision::Changed(event) = order().change_status(cancel, noon()).unwrap() else {
        unreachable!("it is pending");
    };
    assert_eq!(event.kind, OrderEventKind::Cancelled);
    assert_eq!(event.previous_status, Some(OrderStatus::Pending));
    assert_eq!(event.note, Some(note));
    assert_eq!(event.order.snapshot().cancel_reason, reason);
    assert_eq!(event.order.snapshot().lines, order().snapshot().lines);

    // A second cancellation does not change the reason.
    let again = StatusChange::new(OrderStatus::Cancelled, Some(CancelReason::Fraud), None).unwrap();
    let again = event.order.change_status(again, noon());
    assert_eq!(again, Ok(Decision::Unchanged));
}

#[test]
fn a_snapshot_that_no_decision_makes_is_refused() {
    let fine = order().into_snapshot();
    let micro = TimeDelta::microseconds(1);
    let nano = TimeDelta::nanoseconds(1);
    let with = |edit: fn(&mut OrderSnapshot, TimeDelta), by| {
        let mut snapshot = fine.clone();
        edit(&mut snapshot, by);
        Order::restore(snapshot)
    };
    let later = with(|s, by| s.updated_at += by, micro);
    assert_eq!(later.map(|order| order.version().get()), Ok(1));
    let younger = with(|s, by| s.created_at += by, micro);
    assert_eq!(younger, Err(RestoreError::UpdatedBeforeCreated));
    let too_fine = with(|s, by| s.updated_at += by, nano);
    assert_eq!(too_fine, Err(RestoreError::TimeTooFine));
    let both_too_fine = with(
        |s, by| {
            s.created_at += by;
            s.updated_at += by;
        },
        nano,
    );
    assert_eq!(both_too_fine, Err(RestoreError::TimeTooFine));
    for status in OrderStatus::ALL {
        let mut snapshot = fine.clone();
        snapshot.status = status;
        assert!(Order::restore(snapshot.clone()).is_ok(), "{status}");
        snapshot.cancel_reason = Some(CancelReason::Fraud);
        let restored = Order::restore(snapshot).map(|order| order.status());
        let expected = if status == OrderStatus::Cancelled {
            Ok(status)
        } else {
            Err(RestoreError::ReasonWithoutCancellation(status))
        };
        assert_eq!(restored, expected);
    }
}

/// A request to change an order.
#[derive(Debug, Clone)]
enum Wish {
    Status(OrderStatus),
    Lines(OrderLines),
}

fn wishes() -> impl Strategy<Value = Vec<(Wish, DateTime<Utc>)>> {
    let status = prop::sample::select(OrderStatus::ALL.to_vec()).prop_map(Wish::Status);
    let replaced = prop::sample::select(vec![
        lines(&["0.1", "0.2"]),
        lines(&["0"]),
        lines(&["9999999.99", "0.01", "1"]),
    ])
    .prop_map(Wish::Lines);
    // A clock that jumps by up to two days in either direction, to the nanosecond.
    let nanos = -172_800_000_000_000..=172_800_000_000_000_i64;
    let time = nanos.prop_map(|by| noon().checked_add_signed(TimeDelta::nanoseconds(by)).unwrap());
    let wish = prop_oneof![1 => replaced, 2 => status];
    prop::collection::vec((wish, time), 0..30)
}

/// The kind of event that a request must lead to, stated independently of the code.
fn expected_kind(current: &Order, wish: &Wish) -> Option<OrderEventKind> {
    match wish {
        Wish::Lines(lines) => {
            let open = current.status() == OrderStatus::Pending;
            (open && *lines != current.snapshot().lines).then_some(OrderEventKind::Updated)
        }
        Wish::Status(to) => match current.status().transition(*to) {
            Transition::Emits(kind) => Some(kind),
            Transition::NoOp | Transition::Refused => None,
        },
    }
}

fn decide(current: &Order, wish: Wish, now: DateTime<Utc>) -> Option<OrderEvent> {
    let decision = match wish {
        Wish::Lines(lines) => current.replace_lines(lines, None, now).ok()?,
        Wish::Status(status) => match current.change_status(to(status), now) {
            Ok(decision) => decision,
            Err(InvalidTransition { .. }) => return None,
        },
    };
    match decision {
        Decision::Changed(event) => Some(*event),
        Decision::Unchanged => None,
    }
}

fn sum(lines: &OrderLines) -> Amount {
    let totals = lines.iter().map(OrderLine::total);
    totals.fold(Amount::ZERO, |sum, line| sum.checked_add(line).unwrap())
}

proptest! {
    #[test]
    fn whatever_is_asked_of_it_an_order_stays_an_order(wishes in wishes()) {
        let mut current = order();
        let mut changes = 0_i64;
        for (wish, now) in wishes {
            let kind = expected_kind(&current, &wish);
            let requested = wish.clone();
            let event = decide(&current, wish, now);
            prop_assert_eq!(event.as_ref().map(|event| event.kind), kind);
            let Some(event) = event else { continue };
            changes = changes.saturating_add(1);

            let (before, after) = (current.snapshot(), event.order.snapshot());
            prop_assert_eq!(event.previous_status, Some(before.status));
            prop_assert_eq!(after.version.get(), changes.saturating_add(1));
            prop_assert_eq!(after.updated_at, now.trunc_subsecs(6).max(before.updated_at));
            prop_assert_eq!(after.lines.total(), sum(&after.lines));
            let expected = match requested {
                Wish::Status(status) => OrderSnapshot {
                    status,
                    cancel_reason: (status == OrderStatus::Cancelled)
                        .then_some(CancelReason::Other),
                    ..before.clone()
                },
                Wish::Lines(lines) => OrderSnapshot { lines, ..before.clone() },
            };
            // Nothing else has changed.
            let expected = OrderSnapshot {
                version: after.version,
                updated_at: after.updated_at,
                ..expected
            };
            prop_assert_eq!(after, &expected);
            let restored = Order::restore(after.clone());
            prop_assert_eq!(restored.as_ref(), Ok(&event.order));
            current = event.order;
        }
        prop_assert_eq!(current.version().get(), changes.saturating_add(1));
        prop_assert_eq!(current.snapshot().created_at, noon());
    }
}
