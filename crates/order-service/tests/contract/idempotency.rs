//! Idempotency keys: the first answer is repeated byte for byte, and there is only one effect.

use serde_json::{Value, json};

use crate::stage::{Case, Stage, cases};
use crate::steps::{a_body, fresh, fresh_key, id_of, line, with};
use crate::support::Service;
use crate::wire::Reply;

pub(crate) fn cases() -> Vec<Case> {
    cases![
        a_repeated_post_is_answered_as_the_first_byte_for_byte,
        a_repeated_change_of_lines_is_answered_as_the_first,
        a_repeated_change_of_status_is_answered_as_the_first,
        an_answer_is_repeated_by_another_instance,
        an_answer_is_repeated_after_the_order_has_changed,
        another_spelling_of_the_same_body_is_the_same,
        another_body_is_refused,
        another_order_under_the_same_key_is_refused,
        a_failed_attempt_leaves_nothing,
        a_change_that_changes_nothing_is_not_recorded,
        a_quoted_key_is_the_bare_one,
        keys_are_compared_letter_by_letter,
        a_key_has_1_to_255_visible_characters,
        a_key_counts_within_its_operation_only,
        a_repetition_does_not_mind_its_condition,
        without_a_key_every_request_counts,
    ]
}

/// A request under a key.
fn keyed(service: &Service, method: &str, path: &str, key: &str, body: &str) -> Reply {
    service.ask(method, path, &[("idempotency-key", key)], body)
}

fn post(service: &Service, key: &str, body: &str) -> Reply {
    keyed(service, "POST", "/orders", key, body)
}

/// Asserts that the second answer is the first one, marked as a repetition.
fn assert_repeated(first: &Reply, second: &Reply) {
    assert_eq!(first.header("idempotency-replayed"), None, "{first:?}");
    assert_eq!(second.header("idempotency-replayed"), Some("true"), "{second:?}");
    assert_eq!(second.status, first.status);
    assert_eq!(second.text, first.text);
    // The date and the ids of the request are not part of the recorded answer.
    let own = ["date", "x-request-id", "idempotency-replayed"];
    let said = |reply: &Reply| {
        let mut headers = reply.headers.clone();
        for name in own {
            headers.remove(name);
        }
        headers
    };
    assert_eq!(said(second), said(first));
}

fn a_repeated_post_is_answered_as_the_first_byte_for_byte(stage: &Stage) {
    let (key, body) = (fresh_key(), with(a_body(), "clientReference", "PO-1"));
    let first = post(stage, &key, &body.to_string());
    let order = first.order(201);
    for _ in 0..3 {
        assert_repeated(&first, &post(stage, &key, &body.to_string()));
    }
    assert_eq!(stage.orders_of(body["customerId"].as_i64().unwrap()), std::slice::from_ref(&order));
    assert_eq!(stage.history(id_of(&order)).len(), 1);
}

fn a_repeated_change_of_lines_is_answered_as_the_first(stage: &Stage) {
    let (key, id) = (fresh_key(), id_of(&stage.new_order()));
    let path = format!("/orders/{id}");
    let body = json!({"items": [line(1, 2, "2.50")]}).to_string();
    let first = keyed(stage, "PUT", &path, &key, &body);
    assert_eq!(first.order(200)["version"], 2);
    // Another change came in between: executed again, it would make version 4.
    stage.replace(id, &json!({"items": [line(3, 1, "9.00")]})).order(200);
    assert_repeated(&first, &keyed(stage, "PUT", &path, &key, &body));
    assert_eq!(stage.order(id)["version"], 3);
    assert_eq!(stage.order(id)["totalAmount"], "9.00");
}

fn a_repeated_change_of_status_is_answered_as_the_first(stage: &Stage) {
    let (key, id) = (fresh_key(), id_of(&stage.new_order()));
    let path = format!("/orders/{id}/status");
    let body = json!({"status": "CONFIRMED", "note": "paid"}).to_string();
    let first = keyed(stage, "PUT", &path, &key, &body);
    assert_eq!(first.order(200)["status"], "CONFIRMED");
    stage.change(id, &json!({"status": "IN_PROGRESS"})).order(200);
    // Executed again, it would be refused now.
    assert_repeated(&first, &keyed(stage, "PUT", &path, &key, &body));
    assert_eq!(stage.order(id)["status"], "IN_PROGRESS");
    assert_eq!(stage.history(id).len(), 3);
}

fn an_answer_is_repeated_by_another_instance(stage: &Stage) {
    let (key, body) = (fresh_key(), a_body().to_string());
    let first = post(&stage.first, &key, &body);
    let order = first.order(201);
    assert_repeated(&first, &post(&stage.second, &key, &body));
    let path = format!("/orders/{}/status", order["id"]);
    let change = json!({"status": "CANCELLED", "reason": "EXPIRED"}).to_string();
    let first = keyed(&stage.second, "PUT", &path, &key, &change);
    assert_repeated(&first, &keyed(&stage.first, "PUT", &path, &key, &change));
}

fn an_answer_is_repeated_after_the_order_has_changed(stage: &Stage) {
    let (key, body) = (fresh_key(), a_body().to_string());
    let first = post(stage, &key, &body);
    let id = id_of(&first.order(201));
    stage.replace(id, &json!({"items": [line(1, 1, "1.00")]})).order(200);
    stage.change(id, &json!({"status": "CANCELLED"})).order(200);
    assert_repeated(&first, &post(stage, &key, &body));
    assert_eq!(stage.order(id)["status"], "CANCELLED");
}

fn another_spelling_of_the_same_body_is_the_same(stage: &Stage) {
    let (key, customer) = (fresh_key(), fresh());
    let body = format!(
        r#"{{"customerId":{customer},"currency":"USD","totalAmount":"5.00","items":[{{"productId":7,"name":"Lamp","quantity":2,"unitPrice":"2.50"}}]}}"#
    );
    let first = post(stage, &key, &body);
    first.order(201);
    for same in [
        format!(
            r#"{{"items":[{{"unitPrice":"2.50","quantity":2,"name":"Lamp","productId":7}}],"totalAmount":"5.00","currency":"USD","customerId":{customer}}}"#
        ),
        body.replace([':'], " : ").replace(',', "\n,\t"),
        body.replace("\"2.50\"", "2.5"),
        body.replace("\"2.50\"", "25e-1").replace("\"5.00\"", "5"),
        body.replace("Lamp", r"\u004camp"),
        body.replace("{\"customerId\"", "{\"clientReference\":null,\"customerId\""),
    ] {
        assert_repeated(&first, &post(stage, &key, &same));
    }
    assert_eq!(stage.orders_of(customer).len(), 1);
}

fn another_body_is_refused(stage: &Stage) {
    let (key, body) = (fresh_key(), with(a_body(), "clientReference", "PO-1"));
    let first = post(stage, &key, &body.to_string());
    let order = first.order(201);
    for other in [
        with(body.clone(), "items", vec![line(7, 3, "49.98")]),
        with(body.clone(), "items", vec![line(7, 2, "49.99")]),
        with(body.clone(), "items", vec![line(8, 3, "49.99")]),
        with(body.clone(), "items", vec![with(line(7, 3, "49.99"), "name", "x")]),
        with(body.clone(), "items", vec![line(7, 3, "49.99"), line(8, 1, "0.00")]),
        with(body.clone(), "customerId", fresh()),
        with(body.clone(), "clientReference", "PO-2"),
        with(body.clone(), "currency", "EUR"),
    ] {
        post(stage, &key, &other.to_string()).problem(422, "idempotency_key_reused");
    }
    assert_repeated(&first, &post(stage, &key, &body.to_string()));
    assert_eq!(stage.orders_of(body["customerId"].as_i64().unwrap()), [order]);
}

fn another_order_under_the_same_key_is_refused(stage: &Stage) {
    let orders = [id_of(&stage.new_order()), id_of(&stage.new_order())];
    let lines = json!({"items": [line(1, 1, "1.00")]}).to_string();
    let status = json!({"status": "CONFIRMED"}).to_string();
    for (suffix, body) in [("", lines), ("/status", status)] {
        let key = fresh_key();
        let path = |id| format!("/orders/{id}{suffix}");
        keyed(stage, "PUT", &path(orders[0]), &key, &body).order(200);
        let reply = keyed(stage, "PUT", &path(orders[1]), &key, &body);
        reply.problem(422, "idempotency_key_reused");
    }
    assert_eq!(stage.order(orders[1])["version"], 1);
}

fn a_failed_attempt_leaves_nothing(stage: &Stage) {
    let (key, body) = (fresh_key(), a_body());
    let doubled = vec![line(1, 1, "1.00"), line(1, 1, "1.00")];
    let taken = with(a_body(), "clientReference", "PO-1");
    stage.place(&taken).order(201);
    for (failing, code) in [
        (with(body.clone(), "customerId", 0), "validation_failed"),
        (with(body.clone(), "colour", "red"), "unknown_field"),
        (with(body.clone(), "items", doubled), "duplicate_product"),
        (with(body.clone(), "totalAmount", "1.00"), "total_mismatch"),
        (with(body.clone(), "currency", "GBP"), "currency_not_enabled"),
        (taken, "duplicate_client_reference"),
    ] {
        let reply = post(stage, &key, &failing.to_string());
        let status = reply.status;
        reply.problem(status, code);
        assert_eq!(reply.header("idempotency-replayed"), None);
    }
    let corrected = post(stage, &key, &body.to_string());
    assert_eq!(corrected.header("idempotency-replayed"), None);
    let id = id_of(&corrected.order(201));

    let path = format!("/orders/{id}/status");
    let progress = json!({"status": "IN_PROGRESS"}).to_string();
    keyed(stage, "PUT", &path, &key, &progress).problem(409, "invalid_transition");
    stage.change(id, &json!({"status": "CONFIRMED"})).order(200);
    let now = keyed(stage, "PUT", &path, &key, &progress);
    assert_eq!(now.order(200)["status"], "IN_PROGRESS", "refused then, allowed now");
    assert_eq!(now.header("idempotency-replayed"), None);
}

fn a_change_that_changes_nothing_is_not_recorded(stage: &Stage) {
    let (key, order) = (fresh_key(), stage.new_order());
    let path = format!("/orders/{}/status", order["id"]);
    for _ in 0..2 {
        let reply = keyed(stage, "PUT", &path, &key, &json!({"status": "PENDING"}).to_string());
        assert_eq!(reply.order(200), order);
        assert_eq!(reply.header("idempotency-replayed"), None);
    }
    let reply = keyed(stage, "PUT", &path, &key, &json!({"status": "CONFIRMED"}).to_string());
    assert_eq!(reply.order(200)["version"], 2);
}

fn a_quoted_key_is_the_bare_one(stage: &Stage) {
    let (key, body) = (fresh_key(), a_body().to_string());
    let first = post(stage, &format!("\"{key}\""), &body);
    first.order(201);
    assert_repeated(&first, &post(stage, &key, &body));
    assert_repeated(&first, &post(stage, &format!("\"{key}\""), &body));
}

fn keys_are_compared_letter_by_letter(stage: &Stage) {
    let (key, body) = (format!("Key-{}", fresh()), a_body());
    post(stage, &key, &body.to_string()).order(201);
    for other in [key.to_lowercase(), key.to_uppercase(), format!("{key}."), format!("{key}%")] {
        let reply = post(stage, &other, &body.to_string());
        reply.order(201);
        assert_eq!(reply.header("idempotency-replayed"), None, "{other}");
    }
    assert_eq!(stage.orders_of(body["customerId"].as_i64().unwrap()).len(), 5);
}

fn a_key_has_1_to_255_visible_characters(stage: &Stage) {
    let number = fresh().to_string();
    let visible: String = ('!'..='~').filter(|c| *c != '"').collect();
    let longest = format!("{number}{}", "k".repeat(255 - number.len()));
    for key in [format!("{visible}{number}"), longest] {
        let body = a_body().to_string();
        let first = post(stage, &key, &body);
        first.order(201);
        assert_repeated(&first, &post(stage, &key, &body));
    }
    // A key may be one character; no other trial on this database uses this one.
    let body = a_body().to_string();
    post(stage, "~", &body).order(201);
}

fn a_key_counts_within_its_operation_only(stage: &Stage) {
    let (key, body) = (fresh_key(), a_body().to_string());
    let placed = post(stage, &key, &body);
    let id = id_of(&placed.order(201));
    let lines = json!({"items": [line(1, 1, "1.00")]}).to_string();
    let status = json!({"status": "CONFIRMED"}).to_string();
    let replaced = keyed(stage, "PUT", &format!("/orders/{id}"), &key, &lines);
    assert_eq!(replaced.order(200)["version"], 2);
    let changed = keyed(stage, "PUT", &format!("/orders/{id}/status"), &key, &status);
    assert_eq!(changed.order(200)["version"], 3);
    assert_repeated(&placed, &post(stage, &key, &body));
    assert_repeated(&replaced, &keyed(stage, "PUT", &format!("/orders/{id}"), &key, &lines));
    let again = keyed(stage, "PUT", &format!("/orders/{id}/status"), &key, &status);
    assert_repeated(&changed, &again);
}

fn a_repetition_does_not_mind_its_condition(stage: &Stage) {
    let (key, id) = (fresh_key(), id_of(&stage.new_order()));
    let path = format!("/orders/{id}/status");
    let body = json!({"status": "CONFIRMED"}).to_string();
    let headers = [("idempotency-key", key.as_str()), ("if-match", "\"1\"")];
    let first = stage.ask("PUT", &path, &headers, body.clone());
    assert_eq!(first.order(200)["version"], 2);
    // The version has changed since, by this same request.
    assert_repeated(&first, &stage.ask("PUT", &path, &headers, body));
}

fn without_a_key_every_request_counts(stage: &Stage) {
    let body = a_body();
    let ids: Vec<Value> = (0..3).map(|_| stage.place(&body).order(201)["id"].clone()).collect();
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2], "{ids:?}");
    assert_eq!(stage.orders_of(body["customerId"].as_i64().unwrap()).len(), 3);
}
