//! The status table, pair by pair, and the spellings of a status and of a cancel reason.

use order_domain::{
    CancelReason, OrderEventKind, OrderStatus, StatusChange, Transition, UnknownCancelReason,
    UnknownStatus,
};

#[test]
fn the_table_says_so_for_each_of_the_25_pairs() {
    use OrderEventKind as Event;
    use OrderStatus::{Cancelled, Confirmed, Delivered, InProgress, Pending};
    use Transition::{Emits, NoOp, Refused};
    let table = [
        (Pending, Pending, NoOp),
        (Pending, Confirmed, Emits(Event::Confirmed)),
        (Pending, InProgress, Refused),
        (Pending, Delivered, Refused),
        (Pending, Cancelled, Emits(Event::Cancelled)),
        (Confirmed, Pending, Refused),
        (Confirmed, Confirmed, NoOp),
        (Confirmed, InProgress, Emits(Event::InProgress)),
        (Confirmed, Delivered, Refused),
        (Confirmed, Cancelled, Emits(Event::Cancelled)),
        (InProgress, Pending, Refused),
        (InProgress, Confirmed, Refused),
        (InProgress, InProgress, NoOp),
        (InProgress, Delivered, Emits(Event::Delivered)),
        (InProgress, Cancelled, Refused),
        (Delivered, Pending, Refused),
        (Delivered, Confirmed, Refused),
        (Delivered, InProgress, Refused),
        (Delivered, Delivered, NoOp),
        (Delivered, Cancelled, Refused),
        (Cancelled, Pending, Refused),
        (Cancelled, Confirmed, Refused),
        (Cancelled, InProgress, Refused),
        (Cancelled, Delivered, Refused),
        (Cancelled, Cancelled, NoOp),
    ];
    for (from, to, expected) in table {
        assert_eq!(from.transition(to), expected, "{from} to {to}");
    }
}

#[test]
fn allowed_transitions_are_those_of_the_table_in_lifecycle_order() {
    use OrderStatus::{Cancelled, Confirmed, Delivered, InProgress, Pending};
    for (from, expected) in [
        (Pending, vec![Confirmed, Cancelled]),
        (Confirmed, vec![InProgress, Cancelled]),
        (InProgress, vec![Delivered]),
        (Delivered, vec![]),
        (Cancelled, vec![]),
    ] {
        let allowed: Vec<_> = from.allowed_transitions().collect();
        assert_eq!(allowed, expected, "{from}");
    }
}

#[test]
fn the_event_of_a_status_has_its_name() {
    for (kind, name) in OrderEventKind::ALL.into_iter().zip([
        "order.created",
        "order.updated",
        "order.confirmed",
        "order.in_progress",
        "order.delivered",
        "order.cancelled",
    ]) {
        assert_eq!(kind.as_str(), name);
        assert_eq!(kind.to_string(), name);
    }
}

#[test]
fn a_status_is_spelled_in_capitals() {
    let spelled = OrderStatus::ALL.map(OrderStatus::as_str);
    let expected = ["PENDING", "CONFIRMED", "IN_PROGRESS", "DELIVERED", "CANCELLED"];
    assert_eq!(spelled, expected);
    for status in OrderStatus::ALL {
        assert_eq!(status.to_string().parse(), Ok(status));
    }
}

#[test]
fn a_status_is_read_in_any_case_with_space_or_hyphen_and_with_one_l() {
    for (text, expected) in [
        ("pending", OrderStatus::Pending),
        ("Confirmed", OrderStatus::Confirmed),
        ("in_progress", OrderStatus::InProgress),
        ("IN PROGRESS", OrderStatus::InProgress),
        ("In-Progress", OrderStatus::InProgress),
        ("dElIvErEd", OrderStatus::Delivered),
        ("CANCELLED", OrderStatus::Cancelled),
        ("CANCELED", OrderStatus::Cancelled),
        ("canceled", OrderStatus::Cancelled),
        ("Cancelled", OrderStatus::Cancelled),
    ] {
        assert_eq!(text.parse(), Ok(expected), "{text}");
    }
}

#[test]
fn other_texts_are_no_status() {
    for text in [
        "",
        " ",
        "_",
        "PEND",
        "PENDING ",
        " PENDING",
        "PENDINGX",
        "INPROGRESS",
        "IN__PROGRESS",
        "IN\tPROGRESS",
        "IN\u{a0}PROGRESS",
        "CANCELLLED",
        "SHIPPED",
        // Dotted and dotless I: capitals of other alphabets are no help.
        "\u{131}n_progress",
        "ＰＥＮＤＩＮＧ",
    ] {
        assert_eq!(text.parse::<OrderStatus>(), Err(UnknownStatus), "{text:?}");
    }
}

#[test]
fn a_cancel_reason_is_spelled_exactly() {
    let expected = [
        "CUSTOMER_REQUEST",
        "OUT_OF_STOCK",
        "PAYMENT_FAILED",
        "EXPIRED",
        "FRAUD",
        "OPERATOR",
        "OTHER",
    ];
    assert_eq!(CancelReason::ALL.map(CancelReason::as_str), expected);
    for reason in CancelReason::ALL {
        assert_eq!(reason.to_string().parse(), Ok(reason));
    }
    for wrong in ["", "fraud", "FRAUD ", "OUT OF STOCK", "OUT-OF-STOCK"] {
        assert_eq!(wrong.parse::<CancelReason>(), Err(UnknownCancelReason));
    }
}

#[test]
fn only_a_cancellation_has_a_reason_and_it_always_has_one() {
    for to in OrderStatus::ALL {
        let bare = StatusChange::new(to, None, None).map(|change| change.reason());
        let cancelled = to == OrderStatus::Cancelled;
        assert_eq!(bare, Ok(cancelled.then_some(CancelReason::Other)));
        for reason in CancelReason::ALL {
            let change = StatusChange::new(to, Some(reason), None);
            assert_eq!(change.is_ok(), cancelled, "{to} {reason}");
            if let Ok(change) = change {
                assert_eq!((change.to(), change.reason()), (to, Some(reason)));
            }
        }
    }
}
