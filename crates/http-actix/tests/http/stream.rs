//! `GET /events` on one server: what is sent before there is an event, and how a stream ends.

use std::time::{Duration, Instant};

use http_actix::{HttpSettings, Phase};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Connection, Service, head};

/// Reads until a text has come.
async fn read_until(connection: &mut Connection, text: &str) -> String {
    let mut read = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&read).contains(text) {
            read.push(connection.0.read_u8().await.expect("the stream goes on"));
        }
    };
    let patience = Duration::from_secs(30);
    tokio::time::timeout(patience, reading).await.expect("it comes");
    String::from_utf8(read).unwrap()
}

async fn listen(service: &Service, target: &str) -> Connection {
    let mut connection = service.connect().await;
    connection.send(&head("GET", target, &[])).await;
    connection
}

#[tokio::test]
async fn a_stream_begins_with_where_it_starts() {
    let service = Service::start();
    let mut connection = listen(&service, "/events").await;
    let begin = read_until(&mut connection, "id: 0\n\n").await;
    let (head, body) = begin.split_once("\r\n\r\n").unwrap();
    let head = head.to_lowercase();
    for line in [
        "http/1.1 200 ok",
        "content-type: text/event-stream",
        "cache-control: no-store",
        "x-accel-buffering: no",
        "x-content-type-options: nosniff",
        "connection: close",
    ] {
        assert!(head.lines().any(|found| found == line), "{line} in {head}");
    }
    assert!(body.contains("retry: 1000\nid: 0\n\n"), "{body}");
}

#[tokio::test]
async fn a_stream_ends_when_the_instance_is_draining_and_not_before() {
    let service = Service::start();
    let mut connection = listen(&service, "/events?type=order.created").await;
    read_until(&mut connection, "id: 0\n\n").await;
    service.lifecycle.advance(Phase::OutOfService);
    let mut later = listen(&service, "/events").await;
    read_until(&mut later, "id: 0\n\n").await;
    service.lifecycle.advance(Phase::Draining);
    for mut connection in [connection, later] {
        read_until(&mut connection, "\r\n0\r\n\r\n").await;
        connection.closed().await;
    }
    let refused = service.call("GET", "/events").await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "draining"));
}

#[tokio::test]
async fn a_stream_ends_when_its_client_hangs_up() {
    let service = Service::start();
    let mut connection = listen(&service, "/events").await;
    read_until(&mut connection, "id: 0\n\n\r\n").await;
    let begin = Instant::now();
    connection.0.shutdown().await.unwrap();
    connection.closed().await;
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(5), "no sign of life was needed: {took:?}");
}

#[tokio::test]
async fn a_stream_holds_no_place_among_the_requests() {
    let settings = HttpSettings { max_in_flight: 1.into(), ..HttpSettings::default() };
    let service = Service::with_settings(settings);
    let mut streams = Vec::new();
    for _ in 0..5 {
        let mut connection = listen(&service, "/events").await;
        read_until(&mut connection, "id: 0\n\n").await;
        streams.push(connection);
    }
    assert_eq!(service.call("GET", "/orders/1").await.status, 404);
}

#[tokio::test]
async fn head_has_no_stream() {
    let service = Service::start();
    let reply = service.call("HEAD", "/events").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/event-stream")));
    assert_eq!(reply.header("content-length"), None, "a stream has no length");
    let reply = service.call("HEAD", "/events?lastEventId=7").await;
    assert_eq!(reply.status, 400);
}
