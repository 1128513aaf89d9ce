//! The table of errors, code by code, as far as they can be caused from outside. What every problem
//! must have, and must not tell, is checked with every answer (`wire.rs`).

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::stage::{Case, Stage, cases};
use crate::steps::{a_body, body_with, fresh, fresh_key, id_of, line, with};
use crate::support::{PATIENCE, Service};

/// The id of no order.
const MISSING: i64 = 9_007_199_254_740_990;
/// The largest body.
const LARGEST: usize = 256 * 1024;

pub(crate) fn cases() -> Vec<Case> {
    cases![
        malformed_json_is_what_is_no_json_object,
        unknown_field_is_a_field_that_is_not_documented,
        validation_failed_is_a_field_with_a_wrong_value,
        invalid_parameter_is_a_wrong_path_or_query,
        unknown_status_is_a_status_that_does_not_exist,
        invalid_cursor_is_a_cursor_we_never_gave,
        invalid_idempotency_key_is_not_1_to_255_visible_characters,
        order_not_found_is_an_order_that_does_not_exist,
        not_found_is_a_path_that_leads_nowhere,
        method_not_allowed_tells_what_is_allowed,
        unsupported_media_type_is_anything_but_json,
        payload_too_large_is_above_256_kib,
        request_timeout_is_a_body_that_stalls,
        invalid_transition_tells_the_way_out,
        duplicate_client_reference_names_the_existing_order,
        version_mismatch_is_another_version_than_wanted,
        total_mismatch_is_another_sum,
        duplicate_product_is_a_product_in_two_lines,
        currency_not_enabled_is_a_currency_not_accepted_here,
        amount_overflow_is_more_than_fits,
        idempotency_key_reused_is_a_key_with_another_body,
        hostile_text_is_only_text,
    ]
}

/// The three writes to an order, with a body each.
fn writes(service: &Service, body: &[u8]) -> Vec<crate::wire::Reply> {
    [("POST", "/orders".to_owned())]
        .into_iter()
        .chain(puts(MISSING).map(|path| ("PUT", path)))
        .map(|(method, path)| service.ask_plainly(method, &path, &[JSON], body))
        .collect()
}

const JSON: (&str, &str) = ("content-type", "application/json");

fn puts(id: i64) -> [String; 2] {
    [format!("/orders/{id}"), format!("/orders/{id}/status")]
}

fn malformed_json_is_what_is_no_json_object(stage: &Stage) {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in [
        &b""[..],
        b" ",
        b"null",
        b"[]",
        b"1",
        b"\"x\"",
        b"{",
        b"{}{}",
        b"{\"customerId\":1,}",
        b"{'customerId':1}",
        b"{\"customerId\":01}",
        b"{\"customerId\":NaN}",
        b"{\"customerId\":1} x",
        b"{\"customerId\"",
        b"{\"customerId\":\"\xff\"}",
        b"\xef\xbb\xbf{}",
        b"// a remark\n{}",
        deep.as_bytes(),
    ] {
        for reply in writes(stage, body) {
            reply.problem(400, "malformed_json");
        }
    }
    // Deep inside a value as well.
    let body = body_with("/clientReference", &deep);
    let reply = stage.ask("POST", "/orders", &[], body);
    assert_eq!(reply.status, 400);
}

fn unknown_field_is_a_field_that_is_not_documented(stage: &Stage) {
    let reply = stage.place(&with(a_body(), "coupon", "X"));
    let problem = reply.problem(400, "unknown_field");
    assert_eq!(problem["errors"][0]["pointer"], "/coupon");
}

fn validation_failed_is_a_field_with_a_wrong_value(stage: &Stage) {
    for reply in writes(stage, b"{}") {
        reply.problem(400, "validation_failed");
    }
    let half = body_with("/items/0/name", r#""\ud800""#);
    stage.ask("POST", "/orders", &[], half).problem(400, "validation_failed");
}

fn invalid_parameter_is_a_wrong_path_or_query(stage: &Stage) {
    for id in ["0", "-1", "abc", "1.0", "01", "%2B1", "9007199254740992", "99999999999999999999"] {
        for path in [format!("/orders/{id}"), format!("/orders/{id}/events")] {
            let reply = stage.read(&path);
            reply.problem(400, "invalid_parameter");
            assert_eq!(reply.places("parameter"), ["id"], "{path}");
        }
        let reply = stage.read(&format!("/orders/customer/{id}"));
        reply.problem(400, "invalid_parameter");
        assert_eq!(reply.places("parameter"), ["customerId"], "{id}");
        let lines = json!({"items": [line(1, 1, "1.00")]}).to_string();
        let reply = stage.ask("PUT", &format!("/orders/{id}"), &[], lines);
        reply.problem(400, "invalid_parameter");
        let status = json!({"status": "PENDING"}).to_string();
        let reply = stage.ask("PUT", &format!("/orders/{id}/status"), &[], status);
        reply.problem(400, "invalid_parameter");
    }
    let reply = stage.ask("POST", "/orders?dryRun=true", &[], a_body().to_string());
    reply.problem(400, "invalid_parameter");
    assert_eq!(reply.places("parameter"), ["dryRun"]);
}

fn unknown_status_is_a_status_that_does_not_exist(stage: &Stage) {
    let order = stage.new_order();
    let reply = stage.change(id_of(&order), &json!({"status": "SHIPPED"}));
    reply.problem(400, "unknown_status");
    let customer = &order["customerId"];
    let reply = stage.read(&format!("/orders/customer/{customer}?status=SHIPPED"));
    reply.problem(400, "unknown_status");
}

fn invalid_cursor_is_a_cursor_we_never_gave(stage: &Stage) {
    let reply = stage.read(&format!("/orders/customer/{}?cursor=abc", fresh()));
    reply.problem(400, "invalid_cursor");
}

fn invalid_idempotency_key_is_not_1_to_255_visible_characters(stage: &Stage) {
    let (long, quoted) = ("k".repeat(256), format!("\"{}\"", "k".repeat(256)));
    for key in ["", "\"\"", "a b", "\"a b\"", "\"abc", "\"a\"b\"", "ключ", &long, &quoted] {
        let customer = fresh();
        let body = with(a_body(), "customerId", customer).to_string();
        let reply = stage.ask("POST", "/orders", &[("idempotency-key", key)], body);
        reply.problem(400, "invalid_idempotency_key");
        assert_eq!(reply.places("header"), ["Idempotency-Key"], "{key}");
        assert!(stage.orders_of(customer).is_empty(), "{key}");
    }
    let twice = [("idempotency-key", "a"), ("idempotency-key", "a")];
    let reply = stage.ask("POST", "/orders", &twice, a_body().to_string());
    reply.problem(400, "invalid_idempotency_key");
    let id = id_of(&stage.new_order());
    let status = json!({"status": "CONFIRMED"}).to_string();
    for (path, body) in
        puts(id).iter().zip([json!({"items": [line(1, 1, "1")]}).to_string(), status])
    {
        let reply = stage.ask("PUT", path, &[("idempotency-key", "a b")], body);
        reply.problem(400, "invalid_idempotency_key");
    }
    assert_eq!(stage.order(id)["version"], 1);
}

fn order_not_found_is_an_order_that_does_not_exist(stage: &Stage) {
    for id in [MISSING, MISSING + 1] {
        stage.read(&format!("/orders/{id}")).problem(404, "order_not_found");
        stage.read(&format!("/orders/{id}/events")).problem(404, "order_not_found");
        let lines = json!({"items": [line(1, 1, "1.00")]});
        stage.replace(id, &lines).problem(404, "order_not_found");
        stage.change(id, &json!({"status": "PENDING"})).problem(404, "order_not_found");
    }
}

fn not_found_is_a_path_that_leads_nowhere(stage: &Stage) {
    for path in ["/order", "/orders/1/items", "/orders/customer/1/x", "/v1/orders"] {
        stage.read(path).problem(404, "not_found");
        assert_eq!(stage.ask("HEAD", path, &[], "").status, 404, "{path}");
    }
    // `customer` is taken for an id here.
    stage.read("/orders/customer").problem(400, "invalid_parameter");
    stage.ask("POST", "/nothing", &[], "{}").problem(404, "not_found");
}

fn method_not_allowed_tells_what_is_allowed(stage: &Stage) {
    for (path, allowed) in [
        ("/orders", &["POST"][..]),
        ("/orders/1", &["GET", "HEAD", "PUT"]),
        ("/orders/1/status", &["PUT"]),
        ("/orders/1/events", &["GET", "HEAD"]),
        ("/orders/customer/1", &["GET", "HEAD"]),
        ("/actuator/health", &["GET", "HEAD"]),
        ("/openapi.json", &["GET", "HEAD"]),
    ] {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            if allowed.contains(&method) {
                continue;
            }
            let reply = stage.ask(method, path, &[], "");
            reply.problem(405, "method_not_allowed");
            let told = reply.header("allow").unwrap();
            let mut told: Vec<_> = told.split(',').map(str::trim).collect();
            told.sort_unstable();
            assert_eq!(told, allowed, "{method} {path}");
        }
    }
}

fn unsupported_media_type_is_anything_but_json(stage: &Stage) {
    let customer = fresh();
    let body = with(a_body(), "customerId", customer).to_string();
    for headers in [
        &[][..],
        &[("content-type", "text/plain")],
        &[("content-type", "application/xml")],
        &[("content-type", "application/x-www-form-urlencoded")],
        &[("content-type", "application/json; charset=iso-8859-1")],
        &[JSON, ("content-encoding", "gzip")],
    ] {
        let reply = stage.ask_plainly("POST", "/orders", headers, body.clone());
        reply.problem(415, "unsupported_media_type");
        for path in puts(MISSING) {
            let reply = stage.ask_plainly("PUT", &path, headers, body.clone());
            reply.problem(415, "unsupported_media_type");
        }
    }
    assert!(stage.orders_of(customer).is_empty());
    for taken in ["application/json; charset=utf-8", "Application/JSON", "application/vnd.x+json"] {
        let reply = stage.ask_plainly("POST", "/orders", &[("content-type", taken)], body.clone());
        reply.order(201);
    }
}

fn payload_too_large_is_above_256_kib(stage: &Stage) {
    let padded = |body: Value, length: usize| {
        let text = body.to_string();
        format!("{text}{}", " ".repeat(length - text.len()))
    };
    stage.ask("POST", "/orders", &[], padded(a_body(), LARGEST)).order(201);
    let customer = fresh();
    let larger = padded(with(a_body(), "customerId", customer), LARGEST + 1);
    stage.ask("POST", "/orders", &[], larger.clone()).problem(413, "payload_too_large");
    for path in puts(MISSING) {
        stage.ask("PUT", &path, &[], larger.clone()).problem(413, "payload_too_large");
    }
    assert!(stage.orders_of(customer).is_empty());
}

fn request_timeout_is_a_body_that_stalls(stage: &Stage) {
    for path in ["/orders".to_owned(), format!("/orders/{MISSING}")] {
        let method = if path == "/orders" { "POST" } else { "PUT" };
        let address = stage.second.base.strip_prefix("http://").unwrap();
        let mut connection = TcpStream::connect(address).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\n");
        let body = "content-type: application/json\r\ncontent-length: 100\r\n\r\n{\"customerId\"";
        connection.write_all(format!("{head}{body}").as_bytes()).unwrap();
        // The body never ends: the service answers, and closes the connection.
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 408 "), "{answer}");
        let head = head.to_lowercase();
        assert!(head.contains("content-type: application/problem+json"), "{answer}");
        assert!(head.contains("x-content-type-options: nosniff"), "{answer}");
        assert!(head.contains("cache-control: no-store"), "{answer}");
        let problem: Value = serde_json::from_str(body).unwrap();
        assert_eq!(problem["code"], "request_timeout");
        assert_eq!(problem["status"], 408);
        assert_eq!(problem["instance"], path);
    }
}

fn invalid_transition_tells_the_way_out(stage: &Stage) {
    let order = stage.order_at("CONFIRMED");
    let reply = stage.change(id_of(&order), &json!({"status": "delivered"}));
    let problem = reply.problem(409, "invalid_transition");
    assert_eq!(problem["currentStatus"], "CONFIRMED");
    assert_eq!(problem["requestedStatus"], "DELIVERED");
    assert_eq!(problem["allowedTransitions"], order["allowedTransitions"]);
}

fn duplicate_client_reference_names_the_existing_order(stage: &Stage) {
    let body = with(a_body(), "clientReference", "PO-1");
    let order = stage.place(&body).order(201);
    let problem = stage.place(&body).problem(409, "duplicate_client_reference");
    assert_eq!(problem["existingOrderId"], order["id"]);
    assert!(problem["detail"].as_str().unwrap().contains(&order["id"].to_string()), "{problem}");
    assert_eq!(stage.orders_of(body["customerId"].as_i64().unwrap()), [order]);
}

fn version_mismatch_is_another_version_than_wanted(stage: &Stage) {
    let order = stage.order_at("CONFIRMED");
    let old = [("if-match", "\"1\"")];
    let status = json!({"status": "IN_PROGRESS"}).to_string();
    let reply = stage.ask("PUT", &format!("/orders/{}/status", order["id"]), &old, status);
    reply.problem(412, "version_mismatch");
    assert_eq!(stage.order(id_of(&order)), order);
}

fn total_mismatch_is_another_sum(stage: &Stage) {
    let reply = stage.place(&with(a_body(), "totalAmount", "149.96"));
    let problem = reply.problem(422, "total_mismatch");
    assert_eq!(problem["errors"][0]["pointer"], "/totalAmount");
    assert!(reply.text.contains("149.97"), "it tells the right one: {problem}");
}

fn duplicate_product_is_a_product_in_two_lines(stage: &Stage) {
    let lines =
        vec![line(1, 1, "1.00"), line(2, 1, "1.00"), line(1, 1, "1.00"), line(2, 1, "1.00")];
    let reply = stage.place(&with(a_body(), "items", lines));
    reply.problem(422, "duplicate_product");
    assert_eq!(reply.pointers(), ["/items/2/productId", "/items/3/productId"]);
}

fn currency_not_enabled_is_a_currency_not_accepted_here(stage: &Stage) {
    let reply = stage.place(&with(a_body(), "currency", "GBP"));
    reply.problem(422, "currency_not_enabled");
}

fn amount_overflow_is_more_than_fits(stage: &Stage) {
    let reply = stage.place(&with(a_body(), "totalAmount", "1000000000000000"));
    reply.problem(422, "amount_overflow");
}

fn idempotency_key_reused_is_a_key_with_another_body(stage: &Stage) {
    let key = fresh_key();
    let headers = [("idempotency-key", key.as_str())];
    let body = a_body();
    let order = stage.ask("POST", "/orders", &headers, body.to_string()).order(201);
    let other = with(body, "items", vec![line(7, 4, "49.99")]);
    let reply = stage.ask("POST", "/orders", &headers, other.to_string());
    reply.problem(422, "idempotency_key_reused");
    assert_eq!(stage.orders_of(order["customerId"].as_i64().unwrap()), [order]);
}

fn hostile_text_is_only_text(stage: &Stage) {
    for path in [
        "/orders/1%27%20OR%20%271%27=%271",
        "/orders/1;DROP%20TABLE%20orders",
        "/orders/%00",
        "/orders/%ff",
        "/orders/..%2f..%2fetc%2fpasswd",
        "/orders/customer/1?status=%27--",
        "/orders/customer/1?createdFrom=%00",
        "/orders/customer/1?cursor=%27%3B--",
        "/orders/1/events?after=1%3BSELECT%201",
    ] {
        assert_eq!(stage.read(path).status, 400, "{path}");
    }
    for name in ["'; DROP TABLE orders; --", "${jndi:ldap://x}", "%s%n", "<script>", "\u{202e}"] {
        let body = with(a_body(), "items", vec![with(line(1, 1, "1.00"), "name", name)]);
        let order = stage.place(&body).order(201);
        assert_eq!(stage.order(id_of(&order))["items"][0]["name"], name);
    }
    // Not every database stores a NUL, so the service refuses it on each.
    let reply = stage.ask("POST", "/orders", &[], body_with("/items/0/name", r#""a\u0000b""#));
    reply.problem(400, "validation_failed");
}
