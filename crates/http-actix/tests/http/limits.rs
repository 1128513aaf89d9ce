//! Requests that are too long, too large, too slow or too many are answered early, and the connection
//! is closed in order.

use std::sync::Arc;
use std::time::Duration;

use http_actix::HttpSettings;
use order_app::live::Live;
use order_app::ports::StoreError;
use order_testkit::{Gate, Method};

use crate::support::{LINES, Service, head, held_at_commits};

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test(flavor = "multi_thread")]
async fn a_long_address_and_large_headers_are_refused() {
    let service = Service::start();
    let reply = service.call("GET", &format!("/orders/{}", "1".repeat(9_000))).await;
    assert_eq!((reply.status, reply.code().as_str()), (414, "uri_too_long"));

    let large = "x".repeat(3_000);
    let names: Vec<_> = (0..12).map(|i| format!("x-filler-{i}")).collect();
    let headers: Vec<_> = names.iter().map(|name| (name.as_str(), large.as_str())).collect();
    let reply = service.call_with("GET", "/orders/1", &headers).await;
    assert_eq!((reply.status, reply.code().as_str()), (431, "headers_too_large"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announced_large_body_is_refused_before_it_comes() {
    let service = Service::start();
    let mut connection = service.connect().await;
    let headers = [JSON, ("content-length", "300000")];
    connection.send(&head("POST", "/orders", &headers)).await;
    let reply = connection.reply("POST").await;
    assert_eq!((reply.status, reply.code().as_str()), (413, "payload_too_large"));
    assert_eq!(reply.header("connection"), Some("close"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_on_still_reads_the_refusal() {
    let service = Service::start();
    let mut connection = service.connect().await;
    let body = " ".repeat(400_000);
    let length = body.len().to_string();
    let headers = [JSON, ("content-length", length.as_str())];
    connection.send(&head("POST", "/orders", &headers)).await;
    // The whole body before reading the answer, as simple clients do.
    connection.send(&body).await;
    assert_eq!(connection.reply("POST").await.code(), "payload_too_large");
    connection.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_chunks_end_in_a_refusal_and_a_closed_connection() {
    let service = Service::start();
    for target in ["/orders", "/nothing"] {
        let mut connection = service.connect().await;
        let headers = [JSON, ("transfer-encoding", "chunked")];
        connection.send(&head("POST", target, &headers)).await;
        let chunk = format!("8000\r\n{}\r\n", " ".repeat(0x8000));
        let mut chunks = 0_u32;
        // The server must stop taking chunks, although the client never stops sending.
        while connection.try_send(chunk.as_bytes()).await {
            chunks += 1;
            assert!(chunks < 1_000_000, "the server reads on for ever");
        }
        assert!(chunks > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_in_chunks_is_as_good_as_any() {
    let service = Service::start();
    let mut connection = service.connect().await;
    let headers = [JSON, ("transfer-encoding", "chunked")];
    connection.send(&head("POST", "/orders", &headers)).await;
    connection.send("2\r\n{}\r\n0\r\n\r\n").await;
    assert_eq!(connection.reply("POST").await.code(), "validation_failed");
    // The connection stays open.
    connection.send(&head("GET", "/orders/9", &[])).await;
    assert_eq!(connection.reply("GET").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stalls_is_given_up() {
    let service = Service::with_settings(HttpSettings {
        body_deadline: Duration::from_millis(50).into(),
        ..HttpSettings::default()
    });
    let mut connection = service.connect().await;
    let headers = [JSON, ("content-length", "100")];
    connection.send(&head("POST", "/orders", &headers)).await;
    connection.send("{").await;
    let reply = connection.reply("POST").await;
    assert_eq!((reply.status, reply.code().as_str()), (408, "request_timeout"));
    assert_eq!(reply.header("connection"), Some("close"));
    connection.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_stalls_is_given_up() {
    let service = Service::with_settings(HttpSettings {
        head_deadline: Duration::from_millis(50),
        ..HttpSettings::default()
    });
    let mut connection = service.connect().await;
    connection.send("GET /orders/1 HTTP/1.1\r\nhost:").await;
    assert_eq!(connection.reply("GET").await.status, 408);
    connection.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_requests_than_may_be_worked_on_are_shed() {
    let gate = Arc::new(Gate::default());
    let store = held_at_commits(&gate);
    store.faults().before(Method::Commit).fails(|| StoreError::Unavailable("down".into()));
    let permits = Live::new(1);
    let settings = HttpSettings { max_in_flight: permits.clone(), ..HttpSettings::default() };
    let service = Service::with(store, settings);
    let body = format!(r#"{{"customerId":42,"items":{LINES}}}"#);
    let length = body.len().to_string();
    let mut first = service.connect().await;
    let headers = [JSON, ("content-length", length.as_str())];
    first.send(&head("POST", "/orders", &headers)).await;
    first.send(&body).await;
    gate.arrival().await;
    let shed = service.call("GET", "/orders/9").await;
    assert_eq!((shed.status, shed.code().as_str()), (503, "overloaded"));
    assert_eq!(shed.header("retry-after"), Some("1"));
    let write = service.write("POST", "/orders", &[], &body).await;
    assert_eq!(write.code(), "overloaded");
    assert_eq!(service.call("GET", "/actuator/info").await.status, 200);
    // Another limit counts from the next request on.
    permits.set(2);
    assert_eq!(service.call("GET", "/orders/9").await.code(), "order_not_found");
    permits.set(1);
    assert_eq!(service.call("GET", "/orders/9").await.code(), "overloaded");

    gate.let_through(1);
    assert_eq!(first.reply("POST").await.code(), "unavailable");
    assert_eq!(service.call("GET", "/orders/9").await.code(), "order_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_take_no_places() {
    let service =
        Service::with_settings(HttpSettings { max_in_flight: 1.into(), ..HttpSettings::default() });
    let headers = [JSON, ("content-length", "100"), ("expect", "100-continue")];
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut connection = service.connect().await;
        connection.send(&head("POST", "/orders", &headers)).await;
        // The server asks for the body, so it is waiting for it.
        assert_eq!(connection.reply("POST").await.status, 100);
        slow.push(connection);
    }
    assert_eq!(service.call("GET", "/orders/9").await.status, 404);
    service.placed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_json_is_read() {
    let service = Service::start();
    for headers in [
        vec![("content-length", "2")],
        vec![("content-length", "2"), ("content-type", "text/plain")],
        vec![("content-length", "2"), JSON, ("content-encoding", "gzip")],
    ] {
        let mut connection = service.connect().await;
        connection.send(&head("POST", "/orders", &headers)).await;
        connection.send("{}").await;
        let reply = connection.reply("POST").await;
        assert_eq!((reply.status, reply.code().as_str()), (415, "unsupported_media_type"));
    }
    let mut connection = service.connect().await;
    connection.send(&head("POST", "/orders", &[JSON])).await;
    assert_eq!(connection.reply("POST").await.code(), "malformed_json");
}
