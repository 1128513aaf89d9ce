//! An order's events as they are read back: CloudEvents, complete, gapless, and never different.

use std::collections::HashSet;

use chrono::DateTime;
use serde_json::{Value, json};

use crate::stage::{Case, Stage, cases};
use crate::steps::{a_body, id_of, line, next_link, together, with};

pub(crate) fn cases() -> Vec<Case> {
    cases![
        a_history_tells_everything_that_happened_in_sequence,
        an_event_is_a_complete_cloud_event,
        every_events_data_is_the_order_right_after_it,
        ids_are_unique_and_uuids_of_version_7,
        a_history_has_the_same_bytes_whenever_it_is_read,
        events_after_a_sequence_close_a_gap,
        a_long_history_is_read_page_by_page,
        a_place_in_a_history_is_a_whole_number,
        an_order_that_does_not_exist_has_no_history,
        what_was_refused_leaves_no_event,
    ]
}

/// An order with all fields that goes through every status to its last; returns the answer at each
/// version.
fn a_life(stage: &Stage, end: &str) -> (i64, Vec<Value>) {
    let items = vec![with(line(7, 3, "49.99"), "name", "Désk \"lamp\""), line(8, 1, "0.5")];
    let body = with(with(a_body(), "items", items), "clientReference", "PO-1");
    let mut states = vec![stage.place(&body).order(201)];
    let id = id_of(&states[0]);
    let lines = json!({"items": [line(9, 9_999, "9999999.99")]});
    states.push(stage.replace(id, &lines).order(200));
    states.push(stage.change(id, &json!({"status": "CONFIRMED"})).order(200));
    if end == "CANCELLED" {
        let change = json!({"status": "CANCELLED", "reason": "OUT_OF_STOCK"});
        states.push(stage.change(id, &change).order(200));
    } else {
        for status in ["IN_PROGRESS", "DELIVERED"] {
            states.push(stage.change(id, &json!({"status": status})).order(200));
        }
    }
    (id, states)
}

fn texts<'a>(events: &'a [Value], pointer: &str) -> Vec<&'a str> {
    let text = |event: &'a Value| event.pointer(pointer).and_then(Value::as_str);
    events.iter().map(|event| text(event).unwrap_or_else(|| panic!("{pointer}: {event}"))).collect()
}

fn a_history_tells_everything_that_happened_in_sequence(stage: &Stage) {
    for (end, kinds) in [
        ("DELIVERED", &["order.in_progress", "order.delivered"][..]),
        ("CANCELLED", &["order.cancelled"][..]),
    ] {
        let (id, _) = a_life(stage, end);
        let history = stage.history(id);
        let begin = ["order.created", "order.updated", "order.confirmed"];
        assert_eq!(texts(&history, "/type"), [&begin[..], kinds].concat());
        let sequence: Vec<_> = (1..=history.len()).map(|n| n.to_string()).collect();
        assert_eq!(texts(&history, "/sequence"), sequence);
        assert_eq!(stage.order(id)["version"], history.len());
    }
}

fn an_event_is_a_complete_cloud_event(stage: &Stage) {
    let (id, states) = a_life(stage, "CANCELLED");
    let reply = stage.read(&format!("/orders/{id}/events"));
    assert_eq!(reply.header("content-type"), Some("application/cloudevents-batch+json"));
    for (event, state) in reply.json().as_array().unwrap().iter().zip(states) {
        for (attribute, value) in [
            ("specversion", "1.0"),
            ("source", "/order-service"),
            ("subject", &id.to_string()),
            ("partitionkey", &id.to_string()),
            ("datacontenttype", "application/json"),
            ("time", state["updatedAt"].as_str().unwrap()),
        ] {
            assert_eq!(event[attribute], value, "{attribute}");
        }
        for attribute in ["id", "type", "sequence", "dataschema", "correlationid", "causationid"] {
            let text = event[attribute].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{attribute} of {event}");
        }
        // CloudEvents 1.0, section 3.1: names of attributes.
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        assert!(event.as_object().unwrap().keys().all(|name| name.bytes().all(plain)), "{event}");
    }
}

fn every_events_data_is_the_order_right_after_it(stage: &Stage) {
    for end in ["DELIVERED", "CANCELLED"] {
        let (id, states) = a_life(stage, end);
        let history = stage.history(id);
        assert_eq!(history.len(), states.len());
        let mut previous = Value::Null;
        for (event, state) in history.iter().zip(&states) {
            let mut expected = json!({
                "orderId": state["id"], "customerId": state["customerId"],
                "sequence": state["version"], "status": state["status"],
                "previousStatus": previous, "currency": "USD",
                "totalAmount": state["totalAmount"], "items": state["items"],
                "clientReference": "PO-1", "occurredAt": state["updatedAt"],
            });
            if state["status"] == "CANCELLED" {
                expected = with(expected, "cancelReason", "OUT_OF_STOCK");
            }
            assert_eq!(event["data"], expected);
            previous = state["status"].clone();
        }
    }
    let plain = &stage.history(id_of(&stage.new_order()))[0];
    assert!(plain["data"].get("clientReference").is_none(), "{plain}");
}

fn ids_are_unique_and_uuids_of_version_7(stage: &Stage) {
    let orders = together(20, |turn| {
        let order = stage.instance(turn).new_order();
        stage.instance(turn + 1).change(id_of(&order), &json!({"status": "CONFIRMED"})).order(200);
        order
    });
    let mut seen = HashSet::new();
    for event in orders.iter().flat_map(|order| stage.history(id_of(order))) {
        let id = event["id"].as_str().unwrap().to_owned();
        let shape: String =
            id.chars().map(|c| if "0123456789abcdef".contains(c) { 'h' } else { c }).collect();
        assert_eq!(shape, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh");
        assert_eq!(&id[14..15], "7", "the version of {id}");
        assert!("89ab".contains(&id[19..20]), "the variant of {id}");
        let millis = i64::from_str_radix(&id[..13].replace('-', ""), 16).unwrap();
        let time = DateTime::parse_from_rfc3339(event["time"].as_str().unwrap()).unwrap();
        assert!((time.timestamp_millis() - millis).abs() < 1_000, "the time of {event}");
        assert!(seen.insert(id), "twice: {event}");
    }
    assert_eq!(seen.len(), 40);
}

fn a_history_has_the_same_bytes_whenever_it_is_read(stage: &Stage) {
    let (id, _) = a_life(stage, "DELIVERED");
    let path = format!("/orders/{id}/events");
    let first = stage.first.read(&path);
    assert_eq!(first.text, stage.first.read(&path).text);
    assert_eq!(first.text, stage.second.read(&path).text);
    // The first events stay the same when more happens.
    let order = stage.new_order();
    let path = format!("/orders/{}/events", order["id"]);
    let before = stage.read(&path).text;
    stage.change(id_of(&order), &json!({"status": "CANCELLED"})).order(200);
    let after = stage.read(&path).text;
    let common = before.strip_suffix(']').unwrap();
    assert!(after.starts_with(&format!("{common},")), "{before} and {after}");
}

fn events_after_a_sequence_close_a_gap(stage: &Stage) {
    let (id, _) = a_life(stage, "DELIVERED");
    let history = stage.history(id);
    assert_eq!(history.len(), 5);
    for after in 0..=5_usize {
        let reply = stage.read(&format!("/orders/{id}/events?after={after}"));
        assert_eq!(reply.status, 200);
        assert_eq!(reply.json(), json!(history[after..]), "after {after}");
    }
    let beyond = stage.read(&format!("/orders/{id}/events?after=9007199254740991"));
    assert_eq!((beyond.status, beyond.json()), (200, json!([])));
}

fn a_long_history_is_read_page_by_page(stage: &Stage) {
    let id = id_of(&stage.new_order());
    // More events than the usual page.
    for quantity in 1..=104 {
        stage.replace(id, &json!({"items": [line(1, quantity, "1.00")]})).order(200);
    }
    let history = stage.history(id);
    let sequence: Vec<_> = (1..=105).map(|n: i32| n.to_string()).collect();
    assert_eq!(texts(&history, "/sequence"), sequence);
    let mut next = Some(format!("/orders/{id}/events?after=3&limit=40"));
    let mut found = Vec::new();
    while let Some(path) = next {
        let page = stage.read(&path);
        let events = page.json().as_array().unwrap().clone();
        assert!((1..=40).contains(&events.len()), "{path}");
        found.extend(events);
        next = next_link(&page);
    }
    assert_eq!(found, history[3..]);
}

fn a_place_in_a_history_is_a_whole_number(stage: &Stage) {
    let id = id_of(&stage.new_order());
    for after in ["-1", "", "x", "1.0", "99999999999999999999"] {
        let reply = stage.read(&format!("/orders/{id}/events?after={after}"));
        reply.problem(400, "invalid_parameter");
        assert_eq!(reply.places("parameter"), ["after"], "{after}");
    }
    let reply = stage.read(&format!("/orders/{id}/events?since=1"));
    reply.problem(400, "invalid_parameter");
}

fn an_order_that_does_not_exist_has_no_history(stage: &Stage) {
    for query in ["", "?after=5"] {
        let reply = stage.read(&format!("/orders/9007199254740990/events{query}"));
        reply.problem(404, "order_not_found");
    }
    stage.read("/orders/0/events").problem(400, "invalid_parameter");
}

fn what_was_refused_leaves_no_event(stage: &Stage) {
    let order = stage.new_order();
    let id = id_of(&order);
    let history = stage.history(id);
    stage.change(id, &json!({"status": "DELIVERED"})).problem(409, "invalid_transition");
    stage.change(id, &json!({"status": "SHIPPED"})).problem(400, "unknown_status");
    let lines = vec![line(1, 1, "1.00"), line(1, 1, "1.00")];
    stage.replace(id, &json!({"items": lines})).problem(422, "duplicate_product");
    let lines = json!({"items": [line(1, 1, "1.00")], "totalAmount": "2.00"});
    stage.replace(id, &lines).problem(422, "total_mismatch");
    let old = [("if-match", "\"9\"")];
    let change = json!({"status": "CONFIRMED"}).to_string();
    let reply = stage.ask("PUT", &format!("/orders/{id}/status"), &old, change);
    reply.problem(412, "version_mismatch");
    assert_eq!(stage.history(id), history);
    assert_eq!(stage.order(id), order);
}
