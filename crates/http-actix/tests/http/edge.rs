//! What every request meets: methods, trace, panics, draining, malformed HTTP.

use http_actix::{HttpSettings, Phase};
use order_app::ports::StoreError;
use order_testkit::{InMemoryStore, Method};

use crate::support::{LINES, Service, head};

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_method_is_told_the_right_ones() {
    let service = Service::start();
    for (target, allow) in [
        ("/orders", "POST"),
        ("/orders/1", "GET, HEAD, PUT"),
        ("/orders/1/status", "PUT"),
        ("/orders/1/events", "GET, HEAD"),
        ("/orders/customer/1", "GET, HEAD"),
        ("/actuator/health", "GET, HEAD"),
        ("/openapi.json", "GET, HEAD"),
    ] {
        for method in ["DELETE", "OPTIONS", "TRACE", "PATCH", "INVENTED"] {
            let reply = service.call(method, target).await;
            assert_eq!(reply.status, 405, "{method} {target}");
            assert_eq!(reply.header("allow"), Some(allow), "{target}");
            assert_eq!(reply.code(), "method_not_allowed");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_path_is_not_found() {
    let service = Service::start();
    for target in
        ["//", "/nothing", "/orders/1/lines", "/orders/", "/actuator/env", "/docs/none.js"]
    {
        let reply = service.call("GET", target).await;
        assert_eq!((reply.status, reply.code().as_str()), (404, "not_found"), "{target}");
        assert_eq!(reply.json()["instance"], target);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn head_answers_as_get_without_the_body() {
    let service = Service::start();
    let id = service.placed().await;
    let order = format!("/orders/{id}");
    let targets = [
        order.as_str(),
        "/orders/customer/42",
        "/orders/99",
        "/actuator/health",
        "/openapi.json",
        "/docs/",
    ];
    for target in targets {
        let get = service.call("GET", target).await;
        // On one connection: a body that is sent by mistake would garble the second answer.
        let mut connection = service.connect().await;
        for _ in 0..2 {
            connection.send(&head("HEAD", target, &[])).await;
            let reply = connection.reply("HEAD").await;
            assert_eq!(reply.status, get.status, "{target}");
            for name in ["content-type", "content-length", "etag"] {
                assert_eq!(reply.header(name), get.header(name), "{name} of {target}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_and_a_request_id_are_taken_over_or_made_up() {
    let service = Service::start();
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let traceparent = format!("00-{trace}-b7ad6b7169203331-01");
    let sent = [("traceparent", traceparent.as_str()), ("x-request-id", "call-7")];
    let reply = service.call_with("GET", "/orders/9", &sent).await;
    assert_eq!(reply.json()["traceId"], trace);
    assert_eq!(reply.header("x-request-id"), Some("call-7"));

    let long = "x".repeat(129);
    for wrong in ["", "two words", &long] {
        let sent = [("traceparent", "00-0-0-0"), ("x-request-id", wrong)];
        let reply = service.call_with("GET", "/orders/9", &sent).await;
        let made_up = reply.json()["traceId"].as_str().unwrap().to_owned();
        assert_eq!(made_up.len(), 32);
        assert_eq!(reply.header("x-request-id"), Some(made_up.as_str()), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_answered_and_the_next_request_too() {
    let store = InMemoryStore::default();
    let defect = |_| -> std::future::Ready<_> { panic!("secret of the store") };
    store.faults().before_each().runs(defect);
    let service = Service::with(store, HttpSettings::default());
    for _ in 0..3 {
        let reply = service.call("GET", "/orders/1").await;
        assert_eq!((reply.status, reply.code().as_str()), (500, "internal_error"));
        assert!(!reply.text().contains("secret"));
        // A write panics in a task of its own.
        let body = format!(r#"{{"customerId":42,"items":{LINES}}}"#);
        let reply = service.write("POST", "/orders", &[], &body).await;
        assert_eq!((reply.status, reply.code().as_str()), (500, "internal_error"));
        assert!(!reply.text().contains("secret"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_of_the_store_have_their_problems() {
    let failures: [(fn() -> StoreError, _, _); 3] = [
        (|| StoreError::Unavailable("host db:5432".into()), 503, "unavailable"),
        (|| StoreError::Corrupt("SELECT secret".into()), 500, "internal_error"),
        (|| StoreError::OutcomeUnknown("lost".into()), 503, "outcome_unknown"),
    ];
    for (failure, status, code) in failures {
        let store = InMemoryStore::default();
        store.faults().before(Method::Stored).fails(failure);
        let service = Service::with(store, HttpSettings::default());
        let reply = service.call("GET", "/orders/1").await;
        assert_eq!((reply.status, reply.code().as_str()), (status, code));
        assert_eq!(reply.header("retry-after").is_some(), status == 503);
        assert!(!reply.text().contains("db:5432") && !reply.text().contains("SELECT"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_instance_refuses_orders_and_closes() {
    let service = Service::start();
    let mut connection = service.connect().await;
    connection.send(&head("GET", "/orders/9", &[])).await;
    assert_eq!(connection.reply("GET").await.status, 404);

    service.lifecycle.advance(Phase::Draining);
    connection.send(&head("GET", "/orders/9", &[])).await;
    let reply = connection.reply("GET").await;
    assert_eq!((reply.status, reply.code().as_str()), (503, "draining"));
    assert_eq!(reply.header("retry-after"), Some("1"));
    assert_eq!(reply.header("connection"), Some("close"));
    connection.closed().await;
    assert_eq!(service.call("GET", "/actuator/health/liveness").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_http_is_refused_and_the_server_lives_on() {
    let service = Service::start();
    for garbage in [
        "hello\r\n\r\n",
        "GET /orders/1 HTTP/1.1\r\nhost orders\r\n\r\n",
        "POST /orders HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n",
        "GET /orders/1 HTTP/1.1\r\n\r\n",
        "POST /orders HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
    ] {
        let mut connection = service.connect().await;
        connection.send(garbage).await;
        let reply = connection.reply("GET").await;
        assert_eq!(reply.status, 400, "{garbage:?}");
        connection.closed().await;
    }
    assert_eq!(service.call("GET", "/orders/9").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_of_another_protocol_is_declined() {
    let service = Service::start();
    let id = service.placed().await;
    let offers = [
        vec![
            ("connection", "Upgrade, HTTP2-Settings"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABkAAQAoAAA"),
        ],
        vec![("connection", "upgrade"), ("upgrade", "websocket")],
    ];
    for offer in offers {
        let mut connection = service.connect().await;
        connection.send(&head("GET", &format!("/orders/{id}"), &offer)).await;
        let reply = connection.reply("GET").await;
        assert_eq!((reply.status, reply.header("connection")), (200, Some("close")), "{offer:?}");
        connection.closed().await;
    }
}
