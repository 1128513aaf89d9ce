//! What GET gives can be put back, whatever the database made of its times and amounts; what says
//! something else is refused by name.

use serde_json::{Value, json};

use crate::stage::{Case, Stage, cases};
use crate::steps::{a_body, fresh_key, id_of, line, with};

pub(crate) fn cases() -> Vec<Case> {
    cases![
        an_order_is_put_back_as_it_was_read,
        an_order_is_put_back_with_other_lines,
        each_field_that_is_not_so_is_named_and_nothing_changes,
        a_repeated_request_is_not_compared_again,
    ]
}

/// An order with all optional fields, as another instance reads it.
fn read_back(stage: &Stage) -> Value {
    let lines = json!([with(line(1, 3, "49.99"), "name", "Desk lamp"), line(2, 1, "0.10")]);
    let body = with(with(a_body(), "items", lines), "clientReference", "PO-7");
    let placed = stage.place(&with(body, "currency", "EUR")).order(201);
    stage.second.order(id_of(&placed))
}

fn an_order_is_put_back_as_it_was_read(stage: &Stage) {
    let order = read_back(stage);
    let id = id_of(&order);
    assert_eq!(stage.replace(id, &order).order(200), order);
    assert_eq!(stage.change(id, &order).order(200), order);
    assert_eq!(stage.history(id).len(), 1, "nothing has changed");
    let confirm = with(order, "status", "CONFIRMED");
    let confirmed = stage.change(id, &confirm).order(200);
    assert_eq!(confirmed["version"], 2);
    let cancelled = stage.change(id, &with(confirmed, "status", "CANCELLED")).order(200);
    assert_eq!(stage.change(id, &cancelled).order(200), cancelled, "with its reason");
}

fn an_order_is_put_back_with_other_lines(stage: &Stage) {
    let order = read_back(stage);
    let lines = json!([with(line(9, 2, "1.50"), "lineTotal", "3.00")]);
    let changed = with(with(order.clone(), "items", lines), "totalAmount", "3.00");
    let put = stage.replace(id_of(&order), &changed).order(200);
    assert_eq!((&put["version"], &put["totalAmount"]), (&json!(2), &json!("3.00")));
    let old_total = with(with(put.clone(), "items", order["items"].clone()), "version", 2);
    stage.replace(id_of(&order), &old_total).problem(422, "total_mismatch");
    let late = stage.replace(id_of(&order), &changed);
    late.problem(422, "field_mismatch");
    assert!(late.pointers().contains(&"/version".to_owned()), "{late:?}");
}

fn each_field_that_is_not_so_is_named_and_nothing_changes(stage: &Stage) {
    let order = read_back(stage);
    let id = id_of(&order);
    for (field, other) in [
        ("id", json!(id + 1)),
        ("customerId", json!(1)),
        ("currency", json!("USD")),
        ("status", json!("DELIVERED")),
        ("allowedTransitions", json!([])),
        ("version", json!(7)),
        ("clientReference", json!("PO-8")),
        ("cancelReason", json!("OTHER")),
        ("createdAt", json!("2026-11-22T12:00:00Z")),
        ("updatedAt", json!("2026-11-22T12:00:00Z")),
    ] {
        let mut replies = vec![stage.replace(id, &with(order.clone(), field, other.clone()))];
        if field != "status" {
            replies.push(stage.change(id, &with(order.clone(), field, other)));
        }
        for reply in replies {
            let problem = reply.problem(422, "field_mismatch");
            assert_eq!(reply.pointers(), [format!("/{field}")]);
            assert_eq!(problem["errors"][0]["code"], "field_mismatch");
        }
    }
    assert_eq!(stage.order(id), order);
    stage.replace(id + 1_000_000, &order).problem(404, "order_not_found");
    let condition = [("if-match", "\"7\"")];
    let path = format!("/orders/{id}");
    let reply = stage.ask("PUT", &path, &condition, with(order, "version", 8).to_string());
    reply.problem(412, "version_mismatch");
}

fn a_repeated_request_is_not_compared_again(stage: &Stage) {
    let order = read_back(stage);
    let path = format!("/orders/{}", order["id"]);
    let key = fresh_key();
    let headers = [("idempotency-key", key.as_str())];
    let lines = json!([line(9, 2, "1.50")]);
    let whole = with(with(order, "items", lines.clone()), "totalAmount", "3.00");
    let first = stage.ask("PUT", &path, &headers, whole.to_string());
    assert_eq!(first.order(200)["version"], 2);
    let bare = json!({"items": lines, "totalAmount": 3});
    for body in [whole, bare] {
        let again = stage.ask("PUT", &path, &headers, body.to_string());
        assert_eq!(again.header("idempotency-replayed"), Some("true"), "{again:?}");
        assert_eq!(again.text, first.text);
    }
}
