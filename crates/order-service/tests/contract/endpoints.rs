//! The order endpoints, row by row: statuses, headers, conditions, HEAD, and the headers that join an
//! answer to its request.

use serde_json::json;

use crate::stage::{Case, Stage, cases};
use crate::steps::{a_body, fresh, id_of, line};
use crate::support::Service;
use crate::wire::Reply;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

pub(crate) fn cases() -> Vec<Case> {
    cases![
        placing_answers_201_with_the_orders_address,
        reading_answers_the_same_on_every_instance,
        an_unmodified_order_is_304,
        replacing_lines_answers_the_whole_order,
        changing_a_status_answers_the_whole_order,
        a_change_with_the_right_version_is_made,
        a_change_with_another_version_is_412,
        a_condition_that_cannot_be_read_is_refused,
        a_condition_comes_before_the_rules,
        head_answers_as_get_without_a_body,
        an_order_is_cached_by_its_version_only,
        a_request_id_is_taken_over,
        a_request_without_an_id_gets_one,
        a_trace_is_taken_over,
        a_broken_trace_is_as_good_as_none,
    ]
}

/// New lines, with headers.
fn replace_with(service: &Service, id: i64, headers: &[(&str, &str)]) -> Reply {
    let lines = json!({"items": [line(1, 1, "1.00")]}).to_string();
    service.ask("PUT", &format!("/orders/{id}"), headers, lines)
}

/// A confirmation, with headers.
fn confirm_with(service: &Service, id: i64, headers: &[(&str, &str)]) -> Reply {
    let status = json!({"status": "CONFIRMED"}).to_string();
    service.ask("PUT", &format!("/orders/{id}/status"), headers, status)
}

/// Both.
fn changes(service: &Service, id: i64, headers: &[(&str, &str)]) -> [Reply; 2] {
    [replace_with(service, id, headers), confirm_with(service, id, headers)]
}

fn placing_answers_201_with_the_orders_address(stage: &Stage) {
    let body = a_body();
    let reply = stage.place(&body);
    let order = reply.order(201);
    assert_eq!(reply.header("etag"), Some("\"1\""));
    let location = reply.header("location").unwrap();
    assert_eq!(location, format!("/orders/{}", order["id"]));
    assert_eq!(stage.read(location).order(200), order);
    assert_eq!(order["customerId"], body["customerId"]);
    assert_eq!(reply.header("idempotency-replayed"), None);
}

fn reading_answers_the_same_on_every_instance(stage: &Stage) {
    let order = stage.new_order();
    let path = format!("/orders/{}", order["id"]);
    let (first, second) = (stage.first.read(&path), stage.second.read(&path));
    assert_eq!(first.order(200), order);
    assert_eq!(first.text, second.text);
    assert_eq!(first.header("etag"), second.header("etag"));
    assert_eq!(first.header("location"), None);
}

fn an_unmodified_order_is_304(stage: &Stage) {
    let id = id_of(&stage.new_order());
    stage.change(id, &json!({"status": "CONFIRMED"})).order(200);
    let path = format!("/orders/{id}");
    for (condition, status) in [
        ("\"2\"", 304),
        ("W/\"2\"", 304),
        ("*", 304),
        ("\"1\", \"2\"", 304),
        ("\"1\",W/\"2\" , \"x\"", 304),
        ("\"1\"", 200),
        ("\"3\"", 200),
        ("\"02\"", 200),
        ("\"x,2\"", 200),
    ] {
        for method in ["GET", "HEAD"] {
            let reply = stage.ask(method, &path, &[("if-none-match", condition)], "");
            assert_eq!(reply.status, status, "{method} {condition}");
            assert_eq!(reply.header("etag"), Some("\"2\""), "{method} {condition}");
            assert_eq!(reply.text.is_empty(), status == 304 || method == "HEAD", "{condition}");
        }
    }
    // Two lines of the header are one list.
    let lines = [("if-none-match", "\"1\""), ("if-none-match", "\"2\"")];
    assert_eq!(stage.ask("GET", &path, &lines, "").status, 304);
}

fn replacing_lines_answers_the_whole_order(stage: &Stage) {
    let order = stage.new_order();
    let lines = json!({"items": [line(8, 2, "1.25"), line(9, 1, "0.01")], "totalAmount": "2.51"});
    let reply = stage.replace(id_of(&order), &lines);
    let replaced = reply.order(200);
    assert_eq!(reply.header("etag"), Some("\"2\""));
    assert_eq!(replaced["totalAmount"], "2.51");
    assert_eq!(replaced["items"].as_array().unwrap().len(), 2, "all lines, not some more");
    assert_eq!(replaced["createdAt"], order["createdAt"]);
    assert_eq!(replaced["customerId"], order["customerId"]);
    assert_eq!(stage.second.order(id_of(&order)), replaced);
}

fn changing_a_status_answers_the_whole_order(stage: &Stage) {
    let order = stage.new_order();
    let reply = stage.change(id_of(&order), &json!({"status": "CONFIRMED"}));
    let confirmed = reply.order(200);
    assert_eq!(reply.header("etag"), Some("\"2\""));
    assert_eq!(confirmed["items"], order["items"]);
    assert_eq!(stage.second.order(id_of(&order)), confirmed);
}

fn a_change_with_the_right_version_is_made(stage: &Stage) {
    for (first, second) in [
        ("\"1\"", "\"2\""),
        ("*", "*"),
        ("\"7\", \"1\"", "\"1\",\"2\",\"3\""),
        (" \"1\" ", "W/\"2\", \"2\""),
    ] {
        let id = id_of(&stage.new_order());
        let replaced = replace_with(stage, id, &[("if-match", first)]);
        assert_eq!(replaced.order(200)["version"], 2, "{first}");
        let confirmed = confirm_with(stage, id, &[("if-match", second)]);
        assert_eq!(confirmed.order(200)["version"], 3, "{second}");
    }
}

fn a_change_with_another_version_is_412(stage: &Stage) {
    let id = id_of(&stage.new_order());
    let order = replace_with(stage, id, &[]).order(200);
    assert_eq!(order["version"], 2);
    // Weak tags (RFC 9110, section 13.1.1), tags that are not versions, and empty lists never match.
    for wrong in
        [",", " ", "\"1\"", "\"3\"", "W/\"2\"", "\"02\"", "\"x\"", "\"\"", "\"1\", W/\"2\""]
    {
        for reply in changes(stage, id, &[("if-match", wrong)]) {
            reply.problem(412, "version_mismatch");
        }
    }
    assert_eq!(stage.order(id), order);
    assert_eq!(stage.history(id).len(), 2);
}

fn a_condition_that_cannot_be_read_is_refused(stage: &Stage) {
    let order = stage.new_order();
    let id = id_of(&order);
    for broken in ["1", "\"1", "1\"", "'1'", "w/\"1\"", "*, \"1\"", "\"1\" \"2\""] {
        for reply in changes(stage, id, &[("if-match", broken)]) {
            reply.problem(400, "invalid_parameter");
            assert_eq!(reply.places("header"), ["If-Match"], "{broken}");
        }
        let path = format!("/orders/{id}");
        let reply = stage.ask("GET", &path, &[("if-none-match", broken)], "");
        reply.problem(400, "invalid_parameter");
    }
    assert_eq!(stage.order(id), order);
}

fn a_condition_comes_before_the_rules(stage: &Stage) {
    let order = stage.order_at("DELIVERED");
    for reply in changes(stage, id_of(&order), &[("if-match", "\"1\"")]) {
        reply.problem(412, "version_mismatch");
    }
    for reply in changes(stage, id_of(&order), &[("if-match", "\"4\"")]) {
        reply.problem(409, "invalid_transition");
    }
    for reply in changes(stage, 9_007_199_254_740_990, &[("if-match", "\"4\"")]) {
        reply.problem(404, "order_not_found");
    }
}

fn head_answers_as_get_without_a_body(stage: &Stage) {
    let order = stage.new_order();
    let (id, customer) = (&order["id"], &order["customerId"]);
    for path in [
        format!("/orders/{id}"),
        format!("/orders/{id}/events"),
        format!("/orders/customer/{customer}"),
        "/orders/9007199254740990".to_owned(),
        "/orders/x".to_owned(),
        "/nothing".to_owned(),
        "/openapi.json".to_owned(),
        "/docs/".to_owned(),
        "/actuator/health".to_owned(),
        "/actuator/health/liveness".to_owned(),
        "/actuator/health/readiness".to_owned(),
        "/actuator/info".to_owned(),
    ] {
        let (get, head) = (stage.read(&path), stage.ask("HEAD", &path, &[], ""));
        assert_eq!(head.text, "", "{path}");
        assert_eq!(head.status, get.status, "{path}");
        for name in ["content-type", "content-length", "etag", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {path}");
        }
    }
    let metrics = stage.ask("HEAD", "/actuator/prometheus", &[], "");
    assert_eq!((metrics.status, metrics.text.as_str()), (200, ""));
}

fn an_order_is_cached_by_its_version_only(stage: &Stage) {
    let order = stage.new_order();
    let reply = stage.read(&format!("/orders/{}", order["id"]));
    assert_eq!(reply.header("etag"), Some("\"1\""));
    assert!(!reply.header("cache-control").is_some_and(|value| value.contains("max-age")));
    for path in [
        format!("/orders/{}/events", order["id"]),
        format!("/orders/customer/{}", order["customerId"]),
        "/orders/x".to_owned(),
        "/actuator/health".to_owned(),
    ] {
        let reply = stage.read(&path);
        assert_eq!(reply.header("etag"), None, "{path}");
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{path}");
    }
}

fn a_request_id_is_taken_over(stage: &Stage) {
    let request = format!("req/{}.a:b=c", fresh());
    let headers = [("x-request-id", request.as_str())];
    let reply = stage.ask("POST", "/orders", &headers, a_body().to_string());
    assert_eq!(reply.header("x-request-id"), Some(request.as_str()));
    let events = stage.history(id_of(&reply.order(201)));
    assert_eq!(events[0]["correlationid"], request);
    let refused = stage.ask("GET", "/orders/x", &headers, "");
    assert_eq!(refused.header("x-request-id"), Some(request.as_str()));
}

fn a_request_without_an_id_gets_one(stage: &Stage) {
    let long = "x".repeat(1_000);
    let mut given = Vec::new();
    for headers in [&[][..], &[("x-request-id", "a b")], &[("x-request-id", &long)]] {
        let reply = stage.ask("POST", "/orders", headers, a_body().to_string());
        let id = reply.header("x-request-id").expect("an id").to_owned();
        assert!((1..=128).contains(&id.len()) && !id.contains(' '), "{id}");
        let events = stage.history(id_of(&reply.order(201)));
        assert_eq!(events[0]["correlationid"], id);
        given.push(id);
    }
    given.sort_unstable();
    given.dedup();
    assert_eq!(given.len(), 3, "each its own");
}

fn a_trace_is_taken_over(stage: &Stage) {
    let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
    let headers = [("traceparent", parent.as_str())];
    for path in ["/orders/x", "/nothing", "/orders/9007199254740990"] {
        let problem = stage.ask("GET", path, &headers, "").json();
        assert_eq!(problem["traceId"], TRACE, "{path}");
    }
    let reply = stage.ask("POST", "/orders", &headers, "{");
    assert_eq!(reply.problem(400, "malformed_json")["traceId"], TRACE);
    let placed = stage.ask("POST", "/orders", &headers, a_body().to_string()).order(201);
    let event = &stage.history(id_of(&placed))[0];
    let traced = event["traceparent"].as_str().expect("the event knows its trace");
    assert!(traced.starts_with(&format!("00-{TRACE}-")), "{traced}");
}

fn a_broken_trace_is_as_good_as_none(stage: &Stage) {
    let zeros = "0".repeat(32);
    let mut seen = Vec::new();
    for broken in [
        "x".to_owned(),
        format!("00-{TRACE}"),
        format!("ff-{TRACE}-b7ad6b7169203331-01"),
        format!("00-{zeros}-b7ad6b7169203331-01"),
        format!("00-{TRACE}-0000000000000000-01"),
        format!("00-{}-b7ad6b7169203331-01", TRACE.to_uppercase()),
    ] {
        let problem = stage.ask("GET", "/orders/x", &[("traceparent", &broken)], "").json();
        let trace = problem["traceId"].as_str().unwrap().to_owned();
        assert!(trace != TRACE && trace != zeros, "{broken}");
        seen.push(trace);
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 6, "each request has its own");
}
