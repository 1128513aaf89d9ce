//! The table of statuses: one trial for each of its 25 pairs, and the spellings of statuses.

use serde_json::{Value, json};

use crate::stage::{Case, Stage, cases};
use crate::steps::{STATUSES, id_of, line, sorted};

/// The contract's table: a row for each current status, a column for each requested one.
const TABLE: [[&str; 5]; 5] = [
    ["no-op", "order.confirmed", "-", "-", "order.cancelled"],
    ["-", "no-op", "order.in_progress", "-", "order.cancelled"],
    ["-", "-", "no-op", "order.delivered", "-"],
    ["-", "-", "-", "no-op", "-"],
    ["-", "-", "-", "-", "no-op"],
];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = cases![
        a_status_is_understood_in_many_spellings,
        a_status_that_does_not_exist_is_refused,
        every_order_tells_where_it_may_go,
        a_reason_without_cancellation_is_refused,
        a_cancellation_without_a_reason_has_one,
        a_note_goes_into_the_event,
        lines_change_only_while_pending,
        the_same_lines_again_change_nothing,
    ];
    for from in STATUSES {
        for to in STATUSES {
            let outcome = match cell(from, to) {
                "no-op" => "changes_nothing",
                "-" => "is_refused",
                _ => "has_its_event",
            };
            let name = format!("{from}_to_{to}_{outcome}").to_lowercase();
            cases.push(Case::new(name, move |stage| pair(stage, from, to)));
        }
    }
    cases
}

fn cell(from: &str, to: &str) -> &'static str {
    let at = |status| STATUSES.iter().position(|known| *known == status).unwrap();
    TABLE[at(from)][at(to)]
}

/// Where an order may go, sorted.
fn allowed(from: &str) -> Vec<&'static str> {
    let mut allowed: Vec<_> =
        STATUSES.into_iter().filter(|to| cell(from, to).starts_with("order.")).collect();
    allowed.sort_unstable();
    allowed
}

fn pair(stage: &Stage, from: &str, to: &str) {
    let order = stage.order_at(from);
    let id = id_of(&order);
    assert_eq!(order["status"], from);
    let history = stage.history(id);
    let reply = stage.change(id, &json!({"status": to}));
    match cell(from, to) {
        "no-op" => {
            assert_eq!(reply.order(200), order, "not even its time");
            assert_eq!(stage.history(id), history, "no event");
        }
        "-" => {
            let problem = reply.problem(409, "invalid_transition");
            assert_eq!(problem["currentStatus"], from);
            assert_eq!(problem["requestedStatus"], to);
            assert_eq!(sorted(&problem["allowedTransitions"]), allowed(from));
            assert_eq!(stage.history(id), history, "no event");
            assert_eq!(stage.order(id), order);
        }
        kind => {
            let changed = reply.order(200);
            assert_eq!(changed["status"], to);
            assert_eq!(changed["version"], order["version"].as_i64().unwrap() + 1);
            assert_eq!(sorted(&changed["allowedTransitions"]), allowed(to));
            let now = stage.history(id);
            let (event, before) = now.split_last().unwrap();
            assert_eq!(before, history, "one event more");
            assert_eq!(event["type"], kind);
            assert_eq!(event["data"]["status"], to);
            assert_eq!(event["data"]["previousStatus"], from);
            assert_eq!(stage.order(id), changed);
        }
    }
    assert_eq!(stage.order(id)["version"], stage.history(id).len());
}

fn a_status_is_understood_in_many_spellings(stage: &Stage) {
    let understood = |order: &Value, spelled: &str, status: &str| {
        let reply = stage.change(id_of(order), &json!({"status": spelled}));
        assert_eq!(reply.order(200)["status"], status, "{spelled}");
    };
    let pending = stage.order_at("PENDING");
    for spelled in ["pending", "Pending", "PENDING", "pEnDiNg"] {
        understood(&pending, spelled, "PENDING");
    }
    understood(&pending, "confirmed", "CONFIRMED");
    let started = stage.order_at("IN_PROGRESS");
    for spelled in ["in progress", "In Progress", "IN-PROGRESS", "in-progress", "in_progress"] {
        understood(&started, spelled, "IN_PROGRESS");
    }
    understood(&started, "Delivered", "DELIVERED");
    for spelled in ["CANCELED", "canceled", "Cancelled", "cancelled"] {
        understood(&stage.new_order(), spelled, "CANCELLED");
    }
    // A filter reads the same spellings, and answers always have the full one.
    let customer = stage.order(id_of(&started))["customerId"].clone();
    let path = format!("/orders/customer/{customer}?status=in-progress&status=delivered");
    assert_eq!(stage.read(&path).json()["orders"][0]["status"], "DELIVERED");
}

fn a_status_that_does_not_exist_is_refused(stage: &Stage) {
    let order = stage.new_order();
    for wrong in ["SHIPPED", "", " PENDING", "CONFIRMED ", "IN__PROGRESS", "INPROGRESS", "1"] {
        let reply = stage.change(id_of(&order), &json!({"status": wrong}));
        reply.problem(400, "unknown_status");
        assert_eq!(reply.pointers(), ["/status"], "{wrong}");
    }
    for wrong in [json!(1), json!(null), json!(["PENDING"]), json!({}), json!(true)] {
        let reply = stage.change(id_of(&order), &json!({"status": wrong}));
        assert_eq!((reply.status, reply.pointers()), (400, vec!["/status".to_owned()]), "{wrong}");
    }
    let reply = stage.change(id_of(&order), &json!({}));
    reply.problem(400, "validation_failed");
    assert_eq!(reply.pointers(), ["/status"]);
    assert_eq!(stage.order(id_of(&order)), order);
}

fn every_order_tells_where_it_may_go(stage: &Stage) {
    for status in STATUSES {
        let order = stage.order_at(status);
        assert_eq!(sorted(&order["allowedTransitions"]), allowed(status));
        let read = stage.order(id_of(&order));
        assert_eq!(read["allowedTransitions"], order["allowedTransitions"]);
        let listed = stage.orders_of(order["customerId"].as_i64().unwrap());
        assert_eq!(listed[0]["allowedTransitions"], order["allowedTransitions"]);
    }
}

fn a_reason_without_cancellation_is_refused(stage: &Stage) {
    let order = stage.new_order();
    for status in ["CONFIRMED", "PENDING", "DELIVERED"] {
        let reply = stage.change(id_of(&order), &json!({"status": status, "reason": "OTHER"}));
        reply.problem(400, "validation_failed");
        assert_eq!(reply.pointers(), ["/reason"], "{status}");
    }
    assert_eq!(stage.order(id_of(&order)), order);
}

fn a_cancellation_without_a_reason_has_one(stage: &Stage) {
    let order = stage.order_at("CANCELLED");
    assert_eq!(order["cancelReason"], "OTHER");
    let history = stage.history(id_of(&order));
    assert_eq!(history[1]["data"]["cancelReason"], "OTHER");
    // A second cancellation with another reason keeps the first reason.
    let again = json!({"status": "CANCELLED", "reason": "FRAUD"});
    assert_eq!(stage.change(id_of(&order), &again).order(200), order);
    assert_eq!(stage.history(id_of(&order)), history);
}

fn a_note_goes_into_the_event(stage: &Stage) {
    let id = id_of(&stage.new_order());
    let note = "paid by \"card\" – grüße 😀";
    stage.change(id, &json!({"status": "CONFIRMED", "note": note})).order(200);
    stage.change(id, &json!({"status": "IN_PROGRESS"})).order(200);
    let notes: Vec<_> =
        stage.history(id).iter().map(|event| event["data"].get("note").cloned()).collect();
    assert_eq!(notes, [None, Some(json!(note)), None]);
    let reply = stage.change(id, &json!({"status": "DELIVERED", "note": 7}));
    reply.problem(400, "validation_failed");
    assert_eq!(reply.pointers(), ["/note"]);
}

fn lines_change_only_while_pending(stage: &Stage) {
    let lines = json!({"items": [line(5, 1, "2.00")]});
    let pending = stage.new_order();
    let replaced = stage.replace(id_of(&pending), &lines).order(200);
    assert_eq!(replaced["status"], "PENDING");
    assert_eq!(replaced["totalAmount"], "2.00");
    for status in &STATUSES[1..] {
        let order = stage.order_at(status);
        let reply = stage.replace(id_of(&order), &lines);
        let problem = reply.problem(409, "invalid_transition");
        assert_eq!(problem["currentStatus"], *status);
        assert!(problem["requestedStatus"].is_string(), "{problem}");
        assert_eq!(sorted(&problem["allowedTransitions"]), allowed(status));
        assert_eq!(stage.order(id_of(&order)), order);
    }
}

fn the_same_lines_again_change_nothing(stage: &Stage) {
    let order = stage.new_order();
    for price in ["49.99", "49.990"] {
        let same = json!({"items": [line(7, 3, price)]});
        assert_eq!(stage.replace(id_of(&order), &same).order(200), order);
    }
    assert_eq!(stage.history(id_of(&order)).len(), 1);
}
