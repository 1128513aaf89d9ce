//! Concurrent requests, on one instance and on two over one database: one effect for each key, one
//! linear history for each order.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::stage::{Case, Stage, cases};
use crate::steps::{a_body, fresh, fresh_key, id_of, line, together, with};
use crate::support::Service;
use crate::wire::Reply;

pub(crate) fn cases() -> Vec<Case> {
    cases![
        two_hundred_posts_with_one_key_make_one_order,
        two_hundred_posts_with_one_key_on_two_instances_make_one_order,
        fifty_changes_at_once_leave_one_linear_history,
        fifty_changes_at_once_on_two_instances_leave_one_linear_history,
        fifty_identical_changes_at_once_are_one_change,
        only_one_of_many_with_the_same_version_wins,
        only_one_of_many_with_the_same_reference_is_placed,
        orders_placed_at_once_have_ids_of_their_own,
    ]
}

fn two_hundred_posts_with_one_key_make_one_order(stage: &Stage) {
    one_order_for_one_key(|_| &stage.first);
}

fn two_hundred_posts_with_one_key_on_two_instances_make_one_order(stage: &Stage) {
    one_order_for_one_key(|turn| stage.instance(turn));
}

fn one_order_for_one_key<'a>(instance: impl Fn(usize) -> &'a Service + Sync) {
    let (key, body) = (fresh_key(), with(a_body(), "clientReference", "PO-1"));
    let headers = [("idempotency-key", key.as_str())];
    let post = |turn| instance(turn).ask("POST", "/orders", &headers, body.to_string());
    let replies = together(200, post);
    let (running, answered): (Vec<_>, Vec<_>) =
        replies.iter().partition(|reply| reply.status == 409);
    for reply in running {
        reply.problem(409, "idempotency_in_progress");
        assert!(reply.header("retry-after").is_some(), "{reply:?}");
    }
    let said = |reply: &Reply| {
        let header = |name| reply.header(name).map(str::to_owned);
        (reply.text.clone(), header("etag"), header("location"), header("content-type"))
    };
    let order = answered[0].order(201);
    assert!(answered.iter().all(|reply| said(reply) == said(answered[0])), "{answered:?}");
    let first = |reply: &&&Reply| reply.header("idempotency-replayed").is_none();
    assert_eq!(answered.iter().filter(first).count(), 1, "one made it, the others repeat it");
    let customer = body["customerId"].as_i64().unwrap();
    for turn in 0..2 {
        assert_eq!(instance(turn).orders_of(customer), std::slice::from_ref(&order));
        assert_eq!(instance(turn).history(id_of(&order)).len(), 1);
    }
    // A request that was told to wait gets the same answer when it is repeated.
    let later = post(0);
    assert_eq!(later.header("idempotency-replayed"), Some("true"));
    assert_eq!(said(&later), said(answered[0]));
}

fn fifty_changes_at_once_leave_one_linear_history(stage: &Stage) {
    one_history_for_one_order(stage, |_| &stage.first);
}

fn fifty_changes_at_once_on_two_instances_leave_one_linear_history(stage: &Stage) {
    one_history_for_one_order(stage, |turn| stage.instance(turn));
}

fn one_history_for_one_order<'a>(stage: &Stage, instance: impl Fn(usize) -> &'a Service + Sync) {
    let order = stage.new_order();
    let id = id_of(&order);
    let replies = together(50, |turn| {
        let service = instance(turn);
        match turn % 10 {
            // Half of them replace the lines, each with another quantity.
            0..5 => {
                let quantity = i64::try_from(turn).unwrap() + 10;
                service.replace(id, &json!({"items": [line(7, quantity, "1.00")]}))
            }
            5 | 6 => service.change(id, &json!({"status": "CONFIRMED"})),
            7 => service.change(id, &json!({"status": "IN_PROGRESS"})),
            8 => service.change(id, &json!({"status": "DELIVERED"})),
            _ => service.change(id, &json!({"status": "CANCELLED"})),
        }
    });
    let history = stage.history(id);
    check_history(&order, &history);
    let last = stage.order(id);
    assert_eq!(last["version"], history.len());
    assert_eq!(last, stage.second.order(id));
    let mut seen = HashSet::from([1]);
    for reply in &replies {
        if reply.status == 409 {
            let code = reply.json()["code"].clone();
            assert!(code == "invalid_transition" || code == "concurrent_update", "{reply:?}");
            continue;
        }
        // The answers agree with the history.
        let answered = reply.order(200);
        let version = answered["version"].as_i64().unwrap();
        let event = &history[usize::try_from(version).unwrap() - 1]["data"];
        for field in ["status", "items", "totalAmount"] {
            assert_eq!(answered[field], event[field], "{field} of version {version}");
        }
        assert_eq!(answered["updatedAt"], event["occurredAt"]);
        seen.insert(version);
    }
    assert_eq!(seen.len(), history.len(), "every change was the answer to one request");
}

/// Asserts that each event continues from the state after the one before it.
fn check_history(order: &Value, history: &[Value]) {
    assert_eq!(history[0]["data"]["items"], order["items"]);
    for (at, event) in history.iter().enumerate() {
        assert_eq!(event["sequence"], (at + 1).to_string(), "no gap");
        assert_eq!(event["data"]["sequence"], at + 1);
    }
    for pair in history.windows(2) {
        let (before, after) = (&pair[0]["data"], &pair[1]["data"]);
        let status = |data: &Value| data["status"].as_str().unwrap().to_owned();
        let (from, to) = (status(before), status(after));
        assert_eq!(after["previousStatus"], from, "no branch: {after}");
        assert!(after["occurredAt"].as_str() >= before["occurredAt"].as_str(), "{after}");
        let expected = match (from.as_str(), to.as_str()) {
            ("PENDING", "PENDING") => "order.updated",
            ("PENDING", "CONFIRMED") => "order.confirmed",
            ("CONFIRMED", "IN_PROGRESS") => "order.in_progress",
            ("IN_PROGRESS", "DELIVERED") => "order.delivered",
            ("PENDING" | "CONFIRMED", "CANCELLED") => "order.cancelled",
            _ => panic!("{after} cannot follow {before}"),
        };
        assert_eq!(pair[1]["type"], expected);
        assert_eq!(after["items"] == before["items"], expected != "order.updated", "{after}");
    }
}

fn fifty_identical_changes_at_once_are_one_change(stage: &Stage) {
    let id = id_of(&stage.new_order());
    let change = json!({"status": "CONFIRMED"});
    let replies = together(50, |turn| stage.instance(turn).change(id, &change));
    for reply in replies.iter().filter(|reply| reply.status != 409) {
        assert_eq!(reply.order(200)["version"], 2);
        assert_eq!(reply.text, replies.iter().find(|reply| reply.status == 200).unwrap().text);
    }
    let history = stage.history(id);
    assert_eq!(history.len(), 2);
    assert_eq!(history[1]["type"], "order.confirmed");
}

fn only_one_of_many_with_the_same_version_wins(stage: &Stage) {
    let id = id_of(&stage.new_order());
    let replies = together(30, |turn| {
        let quantity = i64::try_from(turn).unwrap() + 10;
        let body = json!({"items": [line(7, quantity, "1.00")]}).to_string();
        let headers = [("if-match", "\"1\"")];
        stage.instance(turn).ask("PUT", &format!("/orders/{id}"), &headers, body)
    });
    let (won, lost): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert_eq!(won.len(), 1, "{won:?}");
    for reply in lost {
        reply.problem(412, "version_mismatch");
    }
    assert_eq!(stage.order(id), won[0].order(200));
    assert_eq!(stage.history(id).len(), 2);
}

fn only_one_of_many_with_the_same_reference_is_placed(stage: &Stage) {
    let body = with(a_body(), "clientReference", "PO-1");
    let replies = together(30, |turn| stage.instance(turn).place(&body));
    let (placed, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 201);
    assert_eq!(placed.len(), 1, "{placed:?}");
    let order = placed[0].order(201);
    for reply in refused {
        let problem = reply.problem(409, "duplicate_client_reference");
        assert_eq!(problem["existingOrderId"], order["id"]);
    }
    assert_eq!(stage.orders_of(body["customerId"].as_i64().unwrap()), [order]);
}

fn orders_placed_at_once_have_ids_of_their_own(stage: &Stage) {
    let customer = fresh();
    let body = with(a_body(), "customerId", customer);
    let orders = together(60, |turn| stage.instance(turn).place(&body).order(201));
    let ids: HashSet<_> = orders.iter().map(id_of).collect();
    assert_eq!(ids.len(), 60);
    let listed = stage.orders_of(customer);
    assert_eq!(listed.iter().map(id_of).collect::<HashSet<_>>(), ids);
    let key = |order: &Value| (order["createdAt"].as_str().unwrap().to_owned(), id_of(order));
    assert!(listed.windows(2).all(|pair| key(&pair[0]) > key(&pair[1])), "newest first");
}
