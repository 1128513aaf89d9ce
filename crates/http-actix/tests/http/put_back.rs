//! What GET gives can be put back: fields that only answers need are accepted when they say what the
//! service knows, and refused by name when not.

use serde_json::{Value, json};

use crate::support::{LINES, Reply, Service};

/// A service with an order that has a reference, and the order as GET gives it.
async fn read_back() -> (Service, Value) {
    let service = Service::start();
    let body = format!(r#"{{"customerId":42,"clientReference":"PO-1","items":{LINES}}}"#);
    assert_eq!(service.write("POST", "/orders", &[], &body).await.status, 201);
    let order = service.call("GET", "/orders/1").await.json();
    (service, order)
}

fn with(order: &Value, changes: &[(&str, Value)]) -> String {
    let mut order = order.clone();
    for (pointer, value) in changes {
        *order.pointer_mut(pointer).unwrap() = value.clone();
    }
    order.to_string()
}

/// The pointers of a refusal in which every field has the code `field_mismatch`.
fn mismatches(reply: &Reply) -> Vec<String> {
    assert_eq!((reply.status, reply.code().as_str()), (422, "field_mismatch"), "{}", reply.text());
    let problem = reply.json();
    let errors = problem["errors"].as_array().unwrap();
    assert!(errors.iter().all(|error| error["code"] == "field_mismatch"), "{problem}");
    errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_put_back_as_it_was_read() {
    let (service, order) = read_back().await;
    let time = order["createdAt"].as_str().unwrap().replace('Z', "+00:00");
    for body in [
        order.to_string(),
        with(
            &order,
            &[
                ("/createdAt", json!(time)),
                ("/status", json!("pending")),
                ("/allowedTransitions", json!(["canceled", "confirmed"])),
                ("/items/0/lineTotal", json!(149.97)),
                ("/totalAmount", json!("149.9700")),
                ("/clientReference", Value::Null),
            ],
        ),
    ] {
        let reply = service.write("PUT", "/orders/1", &[], &body).await;
        assert_eq!((reply.status, reply.json()), (200, order.clone()), "{body}");
    }
    assert_eq!(service.call("GET", "/orders/1/events").await.json().as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_put_back_with_other_lines() {
    let (service, order) = read_back().await;
    let two = [
        ("/items/0/quantity", json!(2)),
        ("/items/0/lineTotal", json!("99.98")),
        ("/totalAmount", json!("99.98")),
    ];
    let changed = service.write("PUT", "/orders/1", &[], &with(&order, &two)).await;
    assert_eq!((changed.status, changed.header("etag")), (200, Some("\"2\"")));
    // The order has moved on: the same body is out of date, like an old `If-Match`.
    let late = service.write("PUT", "/orders/1", &[], &with(&order, &two)).await;
    assert_eq!(mismatches(&late), ["/version"], "the clock of the test stands still");
    let old_total = [("/items/0/quantity", json!(2))];
    let reply = service.write("PUT", "/orders/1", &[], &with(&order, &old_total)).await;
    assert_eq!(mismatches(&reply), ["/items/0/lineTotal"]);
    let old_sum = [("/items/0/quantity", json!(1)), ("/items/0/lineTotal", json!(49.99))];
    let body = with(&changed.json(), &old_sum);
    let reply = service.write("PUT", "/orders/1", &[], &body).await;
    assert_eq!((reply.status, reply.code().as_str()), (422, "total_mismatch"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_field_that_says_something_else_is_named() {
    let (service, order) = read_back().await;
    let others = [
        ("/id", json!(2)),
        ("/customerId", json!(43)),
        ("/currency", json!("EUR")),
        ("/status", json!("CONFIRMED")),
        ("/allowedTransitions", json!(["CONFIRMED"])),
        ("/version", json!(2)),
        ("/clientReference", json!("PO-2")),
        ("/createdAt", json!("2026-01-01T00:00:00Z")),
        ("/updatedAt", json!("2026-01-01T00:00:00.000001Z")),
    ];
    let pointers = others.clone().map(|(pointer, _)| pointer.to_owned());
    let reply = service.write("PUT", "/orders/1", &[], &with(&order, &others)).await;
    assert_eq!(mismatches(&reply), pointers);
    for other in others {
        let body = with(&order, std::slice::from_ref(&other));
        let reply = service.write("PUT", "/orders/1", &[], &body).await;
        assert_eq!(mismatches(&reply), [other.0]);
    }
    let reason = r#"{"items":[],"cancelReason":"OTHER"}"#.replace("[]", LINES);
    let reply = service.write("PUT", "/orders/1", &[], &reason).await;
    assert_eq!(mismatches(&reply), ["/cancelReason"]);
    assert_eq!(service.call("GET", "/orders/1").await.json(), order);
    // A value that could not be there at all is a wrong field, and all of these are told.
    let wrong = [("/id", json!("1")), ("/version", json!(0)), ("/createdAt", json!("today"))];
    let reply = service.write("PUT", "/orders/1", &[], &with(&order, &wrong)).await;
    assert_eq!(
        (reply.code().as_str(), reply.json()["errors"].as_array().unwrap().len()),
        ("validation_failed", 3)
    );
    let doubled = order.to_string().replace("\"version\":1", "\"version\":1,\"version\":1");
    let reply = service.write("PUT", "/orders/1", &[], &doubled).await;
    assert_eq!(reply.json()["errors"][0]["code"], "duplicate_field");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_order_says_only_what_every_new_order_is() {
    let service = Service::start();
    let post = |more: &str| {
        let body = format!(r#"{{"customerId":42,"items":{LINES}{more}}}"#);
        let service = &service;
        async move { service.write("POST", "/orders", &[], &body).await }
    };
    let so = r#","status":"PENDING","version":1,"allowedTransitions":["CONFIRMED","CANCELLED"]"#;
    assert_eq!(post(so).await.status, 201);
    let not_so = r#","status":"CONFIRMED","version":2,"allowedTransitions":[],"id":1,
        "createdAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:00Z","cancelReason":"OTHER""#;
    let mut told = mismatches(&post(not_so).await);
    told.sort_unstable();
    let all = [
        "/allowedTransitions",
        "/cancelReason",
        "/createdAt",
        "/id",
        "/status",
        "/updatedAt",
        "/version",
    ];
    assert_eq!(told, all);
    let nulls = r#","id":null,"status":null,"createdAt":null,"cancelReason":null"#;
    assert_eq!(post(nulls).await.status, 201);
    let line = r#"{"customerId":42,"items":[
        {"productId":1,"quantity":3,"unitPrice":"0.10","lineTotal":"0.3"},
        {"productId":2,"quantity":3,"unitPrice":"0.10","lineTotal":0.31},
        {"productId":3,"quantity":1,"unitPrice":"0.10","lineTotal":1e99}]}"#;
    let reply = service.write("POST", "/orders", &[], line).await;
    assert_eq!(mismatches(&reply), ["/items/1/lineTotal", "/items/2/lineTotal"]);
    assert_eq!(reply.json()["errors"][0]["message"], "must be 0.30, or be left out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_order_may_carry_its_next_status() {
    let (service, order) = read_back().await;
    let confirm = with(&order, &[("/status", json!("CONFIRMED"))]);
    let key = [("idempotency-key", "k")];
    let confirmed = service.write("PUT", "/orders/1/status", &key, &confirm).await;
    assert_eq!((confirmed.status, confirmed.header("etag")), (200, Some("\"2\"")));
    // The key stands for the change alone: a repetition is not compared again.
    for body in [confirm.as_str(), r#"{"status":"CONFIRMED"}"#] {
        let again = service.write("PUT", "/orders/1/status", &key, body).await;
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(again.text(), confirmed.text());
    }
    let stale = with(
        &order,
        &[
            ("/status", json!("IN_PROGRESS")),
            ("/items/0/productId", json!(2)),
            ("/totalAmount", json!("1.00")),
        ],
    );
    let reply = service.write("PUT", "/orders/1/status", &[], &stale).await;
    assert_eq!(mismatches(&reply), ["/items", "/totalAmount", "/allowedTransitions", "/version"]);
    assert_eq!(service.change_status(1, "CONFIRMED").await.header("etag"), Some("\"2\""));
}
