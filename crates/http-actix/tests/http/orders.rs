//! Orders over HTTP: headers, conditions, repetition, pages. The rules of orders are tested in
//! `order-domain`.

use serde_json::json;

use crate::support::{LINES, Service};

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_placed_read_and_moved() {
    let service = Service::start();
    let body = format!(r#"{{"customerId":42,"clientReference":"PO-1","items":{LINES}}}"#);
    let placed = service.write("POST", "/orders", &[], &body).await;
    assert_eq!(placed.status, 201);
    assert_eq!(placed.header("etag"), Some("\"1\""));
    let order = placed.json();
    let id = order["id"].as_i64().unwrap();
    assert_eq!(placed.header("location"), Some(format!("/orders/{id}").as_str()));
    assert_eq!(
        order,
        json!({
            "id": id, "customerId": 42, "currency": "USD", "totalAmount": "149.97",
            "items": [{"productId": 1, "quantity": 3, "unitPrice": "49.99", "lineTotal": "149.97"}],
            "status": "PENDING", "allowedTransitions": ["CONFIRMED", "CANCELLED"], "version": 1,
            "clientReference": "PO-1",
            "createdAt": order["createdAt"], "updatedAt": order["createdAt"],
        })
    );
    let target = format!("/orders/{id}");
    assert_eq!(service.call("GET", &target).await.json(), order);

    let taken = service.write("POST", "/orders", &[], &body).await;
    assert_eq!((taken.status, taken.code().as_str()), (409, "duplicate_client_reference"));
    assert_eq!(taken.json()["existingOrderId"], id);

    let confirmed = service.change_status(id, "confirmed").await;
    assert_eq!((confirmed.status, confirmed.header("etag")), (200, Some("\"2\"")));
    assert_eq!(service.change_status(id, "CONFIRMED").await.header("etag"), Some("\"2\""));
    let refused = service.change_status(id, "DELIVERED").await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "invalid_transition"));
    let problem = refused.json();
    assert_eq!(problem["currentStatus"], "CONFIRMED");
    assert_eq!(problem["requestedStatus"], "DELIVERED");
    assert_eq!(problem["allowedTransitions"], json!(["IN_PROGRESS", "CANCELLED"]));

    let lines = format!(r#"{{"items":{LINES}}}"#);
    let late = service.write("PUT", &target, &[], &lines).await;
    assert_eq!((late.status, late.code().as_str()), (409, "invalid_transition"));
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_compare_versions() {
    let service = Service::start();
    let id = service.placed().await;
    let target = format!("/orders/{id}");
    for (condition, status) in [
        ("\"1\"", 304),
        ("W/\"1\"", 304),
        ("\"7\", \"1\"", 304),
        ("*", 304),
        ("\"2\"", 200),
        ("\"abc\"", 200),
        ("1", 400),
    ] {
        let sent = [("if-none-match", condition)];
        let reply = service.call_with("GET", &target, &sent).await;
        assert_eq!(reply.status, status, "{condition}");
    }
    let status = format!("{target}/status");
    for (condition, expected) in [
        ("\"2\"", 412),
        ("W/\"1\"", 412),
        ("", 412),
        ("\"abc\"", 412),
        ("1", 400),
        ("\"9\",\"1\"", 200),
        ("*", 200),
    ] {
        let sent = [("if-match", condition)];
        let body = r#"{"status":"CONFIRMED"}"#;
        let reply = service.write("PUT", &status, &sent, body).await;
        assert_eq!(reply.status, expected, "{condition}: {}", reply.text());
        if expected == 412 {
            assert_eq!(reply.code(), "version_mismatch");
            assert_eq!(reply.json()["currentVersion"], 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_gets_the_first_answer_byte_for_byte() {
    let service = Service::start();
    let body = format!(r#"{{"customerId":42,"items":{LINES}}}"#);
    let key = [("idempotency-key", "abc")];
    let first = service.write("POST", "/orders", &key, &body).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (201, None));

    let spelled = body.replace(':', " : ").replace("\"49.99\"", "49.990");
    let quoted = [("idempotency-key", "\"abc\"")];
    let again = service.write("POST", "/orders", &quoted, &spelled).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    for name in ["location", "etag", "content-type"] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }

    let other = service.write("POST", "/orders", &key, &body.replace("42", "43")).await;
    assert_eq!((other.status, other.code().as_str()), (422, "idempotency_key_reused"));
    for wrong in ["", "a b", "\"a"] {
        let key = [("idempotency-key", wrong)];
        let reply = service.write("POST", "/orders", &key, &body).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "invalid_idempotency_key"));
    }
    let twice = [("idempotency-key", "a"), ("idempotency-key", "a")];
    let reply = service.write("POST", "/orders", &twice, &body).await;
    assert_eq!(reply.code(), "invalid_idempotency_key");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_lead_from_one_to_the_next() {
    let service = Service::start();
    let mut placed = Vec::new();
    for _ in 0..5 {
        placed.push(service.placed().await);
    }
    placed.reverse();
    let mut seen = Vec::new();
    let mut next = Some("/orders/customer/42?limit=2&status=pending".to_owned());
    while let Some(target) = next {
        let page = service.call("GET", &target).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let body = page.json();
        let ids = body["orders"].as_array().unwrap().iter();
        seen.extend(ids.map(|order| order["id"].as_i64().unwrap()));
        next = page.header("link").map(|link| {
            let target = link.strip_prefix('<').unwrap().split('>').next().unwrap();
            assert!(target.contains("status=PENDING&limit=2&cursor="), "{target}");
            assert!(target.contains(body["nextCursor"].as_str().unwrap()));
            target.to_owned()
        });
        assert_eq!(next.is_none(), body["nextCursor"].is_null());
    }
    assert_eq!(seen, placed);
    let empty = service.call("GET", "/orders/customer/7").await;
    assert_eq!(empty.json(), json!({"orders": [], "nextCursor": null}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_words_may_have_commas_or_be_repeated() {
    let service = Service::start();
    for _ in 0..3 {
        service.placed().await;
    }
    service.change_status(2, "CONFIRMED").await;
    service.change_status(3, "CANCELLED").await;
    for query in [
        "status=PENDING,CONFIRMED",
        "status=confirmed%2C%20pending",
        "status=PENDING&status=CONFIRMED,PENDING",
    ] {
        let page = service.call("GET", &format!("/orders/customer/42?limit=1&{query}")).await;
        assert_eq!(page.json()["orders"][0]["id"], 2, "{query}");
        let link = page.header("link").unwrap();
        let next = link.strip_prefix('<').unwrap().split('>').next().unwrap();
        assert_eq!(service.call("GET", next).await.json()["orders"][0]["id"], 1, "{query}");
    }
    let types = "/events?type=order.created,order.confirmed";
    assert_eq!(service.call("HEAD", types).await.status, 200);
    assert_eq!(service.call("HEAD", "/events?type=order.created,x").await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_parameters_are_named() {
    let service = Service::start();
    let id = service.placed().await;
    for (target, parameter) in [
        ("/orders/abc", "id"),
        ("/orders/0", "id"),
        ("/orders/9007199254740992", "id"),
        ("/orders/1?expand=1", "expand"),
        ("/orders/customer/x", "customerId"),
        ("/orders/customer/1?limit=0", "limit"),
        ("/orders/customer/1?limit=101", "limit"),
        ("/orders/customer/1?limit=1&limit=2", "limit"),
        ("/orders/customer/1?Limit=1", "Limit"),
        ("/orders/customer/1?createdFrom=today", "createdFrom"),
        ("/orders/1/events?after=-1", "after"),
        ("/orders/1/events?limit=1001", "limit"),
    ] {
        let reply = service.call("GET", target).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "invalid_parameter"), "{target}");
        assert_eq!(reply.json()["errors"][0]["parameter"], parameter, "{target}");
    }
    let reply = service.call("GET", "/orders/customer/1?status=PENDING,GONE").await;
    assert_eq!(reply.code(), "unknown_status");
    let reply = service.call("GET", "/orders/customer/1?status=GONE").await;
    assert_eq!(reply.code(), "unknown_status");
    let reply = service.call("GET", "/orders/customer/1?cursor=abc").await;
    assert_eq!(reply.code(), "invalid_cursor");
    assert_eq!(service.call("GET", &format!("/orders/{id}")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_read_page_by_page() {
    let service = Service::start();
    let id = service.placed().await;
    service.change_status(id, "CONFIRMED").await;
    service.change_status(id, "IN_PROGRESS").await;
    let first = service.call("GET", &format!("/orders/{id}/events?limit=2")).await;
    assert_eq!(first.header("content-type"), Some("application/cloudevents-batch+json"));
    let next = format!("/orders/{id}/events?after=2&limit=2");
    assert_eq!(first.header("link"), Some(format!("<{next}>; rel=\"next\"").as_str()));
    let second = service.call("GET", &next).await;
    assert_eq!(second.header("link"), None);
    let types: Vec<_> = [first.json(), second.json()]
        .iter()
        .flat_map(|page| page.as_array().unwrap().clone())
        .map(|event| event["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(types, ["order.created", "order.confirmed", "order.in_progress"]);
    assert_eq!(service.call("GET", "/orders/99/events").await.code(), "order_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_rules_have_their_codes() {
    let service = Service::start();
    let line = r#"{"productId":1,"quantity":1,"unitPrice":"1.00"}"#;
    for (body, status, code) in [
        (format!(r#"{{"customerId":1,"items":[{line},{line}]}}"#), 422, "duplicate_product"),
        (
            format!(r#"{{"customerId":1,"currency":"EUR","items":[{line}]}}"#),
            422,
            "currency_not_enabled",
        ),
        (
            format!(r#"{{"customerId":1,"currency":"ABC","items":[{line}]}}"#),
            400,
            "validation_failed",
        ),
        (
            format!(r#"{{"customerId":1,"totalAmount":"1.01","items":[{line}]}}"#),
            422,
            "total_mismatch",
        ),
        (
            format!(r#"{{"customerId":1,"totalAmount":1e15,"items":[{line}]}}"#),
            422,
            "amount_overflow",
        ),
        (r#"{"customerId":1,"items":[]}"#.to_owned(), 400, "validation_failed"),
        ("{".to_owned(), 400, "malformed_json"),
    ] {
        let reply = service.write("POST", "/orders", &[], &body).await;
        assert_eq!((reply.status, reply.code().as_str()), (status, code), "{body}");
    }
}
