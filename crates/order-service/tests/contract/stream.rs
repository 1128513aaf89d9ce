//! `GET /events` on two instances that share their database with the other cases: what is sent, and
//! that nothing is lost, however often a client connects again.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::listener::{Listener, Told};
use crate::stage::{Case, Stage, cases};
use crate::steps::{a_body, fresh, id_of, line, with};
use crate::support::eventually;

pub(crate) fn cases() -> Vec<Case> {
    cases![
        an_event_is_told_as_its_history_has_it,
        events_of_one_instance_are_told_by_the_other,
        a_client_that_connects_again_gets_the_rest_from_any_instance,
        the_header_goes_before_the_parameter,
        the_beginning_is_after_0,
        filters_are_kept,
        ids_grow_and_each_orders_events_come_in_sequence,
        a_storm_of_clients_that_come_back_loses_nothing,
        what_is_wrong_with_the_question_is_told,
        head_answers_without_a_stream,
    ]
}

/// An order of a customer, with everything that can happen to it on its way to delivery.
fn a_life(stage: &Stage, turn: usize, customer: i64) -> i64 {
    let service = stage.instance(turn);
    let id = id_of(&service.place(&with(a_body(), "customerId", customer)).order(201));
    for status in ["CONFIRMED", "IN_PROGRESS", "DELIVERED"] {
        service.change(id, &json!({"status": status})).order(200);
    }
    id
}

fn of_customer(customer: i64) -> String {
    format!("?customerId={customer}")
}

fn bodies(told: &[Told]) -> Vec<Value> {
    told.iter().map(|told| told.event.clone()).collect()
}

fn an_event_is_told_as_its_history_has_it(stage: &Stage) {
    let customer = fresh();
    let mut listener = Listener::to(stage, &of_customer(customer), None);
    let items = vec![with(line(7, 3, "49.99"), "name", "Désk\n\"lamp\"")];
    let body = with(with(a_body(), "customerId", customer), "items", items);
    // A line end in a name is refused, so the data is one line however it was sent.
    stage.place(&body).problem(400, "validation_failed");
    let id = a_life(stage, 0, customer);
    let told = listener.events(4);
    assert_eq!(bodies(&told), stage.history(id));
    for told in &told {
        assert_eq!(told.event["type"], told.kind);
    }
    assert!(listener.is_silent());
}

fn events_of_one_instance_are_told_by_the_other(stage: &Stage) {
    let customer = fresh();
    let mut listeners =
        [&stage.first, &stage.second].map(|one| Listener::to(one, &of_customer(customer), None));
    let ids = [a_life(stage, 0, customer), a_life(stage, 1, customer)];
    let told = listeners.each_mut().map(|listener| listener.events(8));
    assert_eq!(told[0], told[1], "the same ids, in the same order");
    for id in ids {
        let of_order = told[0].iter().filter(|told| told.event["data"]["orderId"] == id);
        let events: Vec<_> = of_order.map(|told| told.event.clone()).collect();
        assert_eq!(events, stage.history(id));
    }
}

fn a_client_that_connects_again_gets_the_rest_from_any_instance(stage: &Stage) {
    let customer = fresh();
    let start = Listener::to(stage, &of_customer(customer), None).last_id;
    a_life(stage, 0, customer);
    a_life(stage, 1, customer);
    let all = Listener::to(stage, &of_customer(customer), start).events(8);
    for turn in 0..8 {
        let after = all[turn].id;
        let mut by_header = Listener::to(stage.instance(turn), &of_customer(customer), Some(after));
        let query = format!("{}&lastEventId={after}", of_customer(customer));
        let mut by_query = Listener::to(stage.instance(turn + 1), &query, None);
        let rest = &all[turn + 1..];
        assert_eq!(by_header.events(rest.len()), rest);
        assert_eq!(by_query.events(rest.len()), rest);
        assert!(turn < 7 || by_header.is_silent());
    }
}

fn the_header_goes_before_the_parameter(stage: &Stage) {
    let customer = fresh();
    let start = Listener::to(stage, "", None).last_id;
    a_life(stage, 0, customer);
    let all = Listener::to(stage, &of_customer(customer), start).events(4);
    // Like a browser that was opened with the parameter and connects again.
    let query = format!("{}&lastEventId={}", of_customer(customer), all[0].id);
    let mut listener = Listener::to(stage, &query, Some(all[2].id));
    assert_eq!(listener.events(1), &all[3..]);
}

fn the_beginning_is_after_0(stage: &Stage) {
    let id = a_life(stage, 0, fresh());
    let query = format!("?orderId={id}&lastEventId=0");
    let mut listener = Listener::to(stage, &query, None);
    assert_eq!(bodies(&listener.events(4)), stage.history(id));
}

fn filters_are_kept(stage: &Stage) {
    let (customer, other) = (fresh(), fresh());
    let start = Listener::to(stage, "", None).last_id;
    let ids = [a_life(stage, 0, customer), a_life(stage, 1, customer), a_life(stage, 0, other)];
    let kinds = "type=order.delivered&type=order.created";
    for (query, expected) in [
        (format!("?customerId={customer}"), 8),
        (format!("?orderId={}", ids[1]), 4),
        (format!("?orderId={}&customerId={other}", ids[2]), 4),
        (format!("?{kinds}&customerId={customer}"), 4),
        (format!("?type=order.confirmed&orderId={}", ids[0]), 1),
    ] {
        let mut listener = Listener::to(stage, &query, start);
        for told in listener.events(expected) {
            let data = &told.event["data"];
            assert!(!query.contains("orderId") || ids.iter().any(|id| data["orderId"] == *id));
            assert!(!query.contains("type=") || query.contains(&told.kind), "{told:?}");
            let owner = format!("customerId={}", data["customerId"]);
            assert!(!query.contains("customerId") || query.contains(&owner), "{told:?}");
        }
        assert!(listener.is_silent(), "{query}");
    }
    let nothing = format!("?orderId={}&customerId={other}", ids[0]);
    assert!(Listener::to(stage, &nothing, start).is_silent());
}

fn ids_grow_and_each_orders_events_come_in_sequence(stage: &Stage) {
    let start = Listener::to(stage, "", None).last_id;
    for turn in 0..10 {
        a_life(stage, turn, fresh());
    }
    // Other trials place orders at the same time.
    let told = Listener::to(stage, "", start).events(40);
    assert!(told.is_sorted_by(|one, next| one.id < next.id), "{told:?}");
    let mut seen = std::collections::HashMap::new();
    for told in told {
        let order = told.event["data"]["orderId"].as_i64().unwrap();
        let sequence = told.event["data"]["sequence"].as_i64().unwrap();
        if let Some(before) = seen.insert(order, sequence) {
            assert_eq!(sequence, before + 1, "order {order}");
        }
    }
}

/// Clients that hang up after a few events and connect again to the other instance, while orders are
/// placed on both.
fn a_storm_of_clients_that_come_back_loses_nothing(stage: &Stage) {
    const CLIENTS: usize = 24;
    const ORDERS: usize = 30;
    let customer = fresh();
    let start = Listener::to(stage, "", None).last_id;
    let written = AtomicBool::new(false);
    let (all, heard) = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let written = &written;
                scope.spawn(move || {
                    let (mut heard, mut last, mut turn) = (Vec::<Told>::new(), start, client);
                    while heard.len() < ORDERS * 4 {
                        let service = stage.instance(turn);
                        let mut listener = Listener::to(service, &of_customer(customer), last);
                        let some = 1 + (client + turn) % 7;
                        heard.extend(listener.events(some.min(ORDERS * 4 - heard.len())));
                        last = listener.last_id;
                        turn += 1;
                        // Half of them connect again at once, the others after everything is written.
                        let late = client % 2 == 1 && !written.load(Ordering::Relaxed);
                        if late && turn > client + 2 {
                            let written = || written.load(Ordering::Relaxed);
                            assert!(eventually(written), "everything is written");
                        }
                    }
                    heard
                })
            })
            .collect();
        for turn in 0..ORDERS {
            a_life(stage, turn, customer);
        }
        written.store(true, Ordering::Relaxed);
        let all = Listener::to(stage, &of_customer(customer), start).events(ORDERS * 4);
        let heard: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();
        (all, heard)
    });
    for heard in heard {
        assert_eq!(heard.len(), all.len());
        for (heard, expected) in heard.iter().zip(&all) {
            assert_eq!(heard, expected);
        }
    }
}

fn what_is_wrong_with_the_question_is_told(stage: &Stage) {
    for (query, parameter) in [
        ("lastEventId=-1", "lastEventId"),
        ("lastEventId=", "lastEventId"),
        ("lastEventId=x", "lastEventId"),
        ("lastEventId=9007199254740992", "lastEventId"),
        ("lastEventId=1&lastEventId=2", "lastEventId"),
        ("type=order.lost", "type"),
        ("type=created", "type"),
        ("customerId=0", "customerId"),
        ("orderId=1.0", "orderId"),
        ("order=1", "order"),
    ] {
        let reply = stage.read(&format!("/events?{query}"));
        reply.problem(400, "invalid_parameter");
        assert_eq!(reply.places("parameter"), [parameter], "{query}");
    }
    for value in ["", "-1", "x", "1.0", "01x", "9007199254740992"] {
        let reply = stage.ask("GET", "/events", &[("last-event-id", value)], "");
        reply.problem(400, "invalid_parameter");
        assert_eq!(reply.places("header"), ["Last-Event-ID"], "{value}");
    }
    let twice = [("last-event-id", "1"), ("last-event-id", "1")];
    stage.ask("GET", "/events", &twice, "").problem(400, "invalid_parameter");
    // Nothing has this id yet: waiting for it would lose what comes before.
    let ahead = stage.read("/events?lastEventId=9007199254740991");
    ahead.problem(400, "invalid_parameter");
    stage.ask("POST", "/events", &[], "{}").problem(405, "method_not_allowed");
    stage.read("/events/").problem(404, "not_found");
}

fn head_answers_without_a_stream(stage: &Stage) {
    for query in ["", "?lastEventId=0", "?type=order.created"] {
        let reply = stage.ask("HEAD", &format!("/events{query}"), &[], "");
        assert_eq!((reply.status, reply.text.as_str()), (200, ""));
        assert_eq!(reply.header("content-type"), Some("text/event-stream"));
        assert_eq!(reply.header("x-accel-buffering"), Some("no"));
        assert_eq!(reply.header("content-length"), None, "a stream has no length");
    }
    let reply = stage.ask("HEAD", "/events?lastEventId=x", &[], "");
    assert_eq!(reply.status, 400);
}
