//! What one connection may hold, and how many there may be, over TCP as over TLS.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use http_actix::HttpSettings;
use order_testkit::{Gate, InMemoryStore};
use tokio::net::TcpStream;

use crate::support::{Connection, LINES, Service, head, held_at_commits};
use crate::tls::{Line, Over};

const JSON: (&str, &str) = ("content-type", "application/json");
const SHORT: Duration = Duration::from_millis(200);

macro_rules! over_both {
    ($($name:ident,)*) => {
        mod over_tcp {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(super::Over::Tcp).await;
            })*
        }
        mod over_tls {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(super::Over::Tls).await;
            })*
        }
    };
}

over_both! {
    every_head_on_a_connection_has_a_deadline,
    an_idle_connection_is_closed,
    a_client_that_reads_nothing_can_send_little_and_is_given_up,
    pipelined_requests_are_answered_one_after_the_other,
    a_body_of_framing_alone_is_given_up_at_once,
    the_idlest_connection_makes_room_for_a_new_one,
    probes_are_answered_when_all_connections_are_at_work,
    connections_beyond_all_bounds_are_closed_at_once,
    one_address_has_its_own_share,
    a_large_answer_comes_whole,
}

async fn every_head_on_a_connection_has_a_deadline(over: Over) {
    let service = Service::over(
        over,
        InMemoryStore::default(),
        HttpSettings { head_deadline: SHORT, ..HttpSettings::default() },
    );
    let mut connection = service.connect().await;
    for _ in 0..3 {
        connection.send(&head("GET", "/orders/9", &[])).await;
        assert_eq!(connection.reply("GET").await.status, 404);
    }
    connection.send("GET /orders/9 HTTP/1.1\r\nhost:").await;
    assert_eq!(connection.reply("GET").await.status, 408);
    connection.closed().await;

    // The half may come with the request before it.
    let mut connection = service.connect().await;
    let whole = head("GET", "/orders/9", &[]);
    connection.send(&format!("{whole}GET /orders")).await;
    assert_eq!(connection.reply("GET").await.status, 404);
    assert_eq!(connection.reply("GET").await.status, 408);
    connection.closed().await;
}

async fn an_idle_connection_is_closed(over: Over) {
    let service = Service::over(
        over,
        InMemoryStore::default(),
        HttpSettings { keep_alive: SHORT, ..HttpSettings::default() },
    );
    let mut connection = service.connect().await;
    connection.send(&head("GET", "/orders/9", &[])).await;
    assert_eq!(connection.reply("GET").await.status, 404);
    connection.closed().await;
}

async fn a_client_that_reads_nothing_can_send_little_and_is_given_up(over: Over) {
    let service = Service::over(
        over,
        InMemoryStore::default(),
        HttpSettings { answer_deadline: SHORT, ..HttpSettings::default() },
    );
    let mut connection = service.connect().await;
    let requests = head("GET", "/openapi.json", &[]).repeat(1_000);
    while connection.try_send(requests.as_bytes()).await {}
    // Others are served.
    assert_eq!(service.call("GET", "/orders/9").await.status, 404);
}

async fn pipelined_requests_are_answered_one_after_the_other(over: Over) {
    let service = Service::over(over, InMemoryStore::default(), HttpSettings::default());
    let mut connection = service.connect().await;
    // Empty lines in a body look like the ends of heads.
    let body = format!(r#"{{"customerId":42,{}"items":{LINES}}}"#, "\r\n\r\n".repeat(100));
    let length = body.len().to_string();
    let place = head("POST", "/orders", &[JSON, ("content-length", &length)]) + &body;
    let find = head("GET", "/orders/9", &[]);
    let all = format!("{}{place}{find}{place}", find.repeat(100));
    for part in all.as_bytes().chunks(7_001) {
        assert!(connection.try_send(part).await);
    }
    for _ in 0..100 {
        assert_eq!(connection.reply("GET").await.status, 404);
    }
    for expected in [201, 404, 201] {
        assert_eq!(connection.reply("POST").await.status, expected);
    }
}

async fn a_body_of_framing_alone_is_given_up_at_once(over: Over) {
    let service = Service::over(
        over,
        InMemoryStore::default(),
        HttpSettings { body_deadline: Duration::from_mins(5).into(), ..HttpSettings::default() },
    );
    for framing in ["1;", "0\r\ntrailer: "] {
        let mut connection = service.connect().await;
        let headers = [JSON, ("transfer-encoding", "chunked")];
        connection.send(&head("POST", "/orders", &headers)).await;
        connection.send(framing).await;
        while connection.try_send(&[b'x'; 8_192]).await {}
    }
    assert_eq!(service.call("GET", "/orders/9").await.status, 404);
}

async fn the_idlest_connection_makes_room_for_a_new_one(over: Over) {
    let service = Service::over(
        over,
        InMemoryStore::default(),
        HttpSettings { max_connections: 2, ..HttpSettings::default() },
    );
    let mut idle = service.connect().await;
    idle.send(&head("GET", "/orders/9", &[])).await;
    assert_eq!(idle.reply("GET").await.status, 404);
    let mut silent = service.connect().await;
    // Until they have waited for a while, probes alone are answered.
    let mut first = first_answer(&service).await;
    while first.0 == 503 {
        assert_eq!(first.1.as_deref(), Some("close"));
        first = first_answer(&service).await;
    }
    assert_eq!(first, (404, None));
    let closed = tokio::select! {
        () = idle.closed() => "idle",
        () = silent.closed() => "silent",
    };
    assert!(["idle", "silent"].contains(&closed));
}

/// The status of an answer on a new connection, and the header `connection`.
async fn first_answer(service: &Service) -> (u16, Option<String>) {
    let mut connection = service.connect().await;
    connection.send(&head("GET", "/orders/9", &[])).await;
    let reply = connection.reply("GET").await;
    (reply.status, reply.header("connection").map(str::to_owned))
}

async fn probes_are_answered_when_all_connections_are_at_work(over: Over) {
    let gate = Arc::new(Gate::default());
    let settings = HttpSettings { max_connections: 1, ..HttpSettings::default() };
    let service = Service::over(over, held_at_commits(&gate), settings);
    let mut busy = at_work(&service, &gate).await;
    for _ in 0..3 {
        let refused = service.call("GET", "/orders/9").await;
        assert_eq!((refused.status, refused.code().as_str()), (503, "overloaded"));
        let alive = service.call("GET", "/actuator/health/liveness").await;
        assert_eq!((alive.status, alive.header("connection")), (200, Some("close")));
    }
    gate.let_through(1);
    assert_eq!(busy.reply("POST").await.status, 201);
}

async fn connections_beyond_all_bounds_are_closed_at_once(over: Over) {
    let gate = Arc::new(Gate::default());
    // None of the others is gone before the last one comes.
    let head_deadline = Duration::from_hours(1);
    let settings = HttpSettings { max_connections: 1, head_deadline, ..HttpSettings::default() };
    let service = Service::over(over, held_at_commits(&gate), settings);
    let mut busy = at_work(&service, &gate).await;
    let mut others = Vec::new();
    // They say nothing, and come before the first of them has waited long enough to give way.
    for _ in 0..80 {
        others.push(TcpStream::connect(service.address).await.unwrap());
    }
    service.connect().await.closed().await;
    gate.let_through(1);
    assert_eq!(busy.reply("POST").await.status, 201);
}

async fn one_address_has_its_own_share(over: Over) {
    let settings = HttpSettings { max_connections_per_peer: Some(1), ..HttpSettings::default() };
    let service = Service::over(over, InMemoryStore::default(), settings);
    let first = service.connect().await;
    let mut second = service.connect().await;
    second.send(&head("GET", "/orders/9", &[])).await;
    assert_eq!(second.reply("GET").await.code(), "overloaded");
    second.closed().await;
    drop(first);
    while first_answer(&service).await.0 == 503 {}
}

/// A connection whose request waits at the gate.
async fn at_work(service: &Service, gate: &Gate) -> Connection {
    let mut connection = service.connect().await;
    let body = format!(r#"{{"customerId":42,"items":{LINES}}}"#);
    let length = body.len().to_string();
    connection.send(&head("POST", "/orders", &[JSON, ("content-length", &length)])).await;
    connection.send(&body).await;
    gate.arrival().await;
    if let Line::Plain(tcp) = &connection.0 {
        let waiting = tcp.try_read(&mut [0]);
        assert!(waiting.is_err_and(|error| error.kind() == ErrorKind::WouldBlock));
    }
    connection
}

async fn a_large_answer_comes_whole(over: Over) {
    let service = Service::over(over, InMemoryStore::default(), HttpSettings::default());
    let mut connection = service.connect().await;
    for _ in 0..2 {
        connection.send(&head("GET", "/docs/swagger-ui-bundle.js", &[])).await;
        let reply = connection.reply("GET").await;
        assert_eq!(reply.status, 200);
        assert!(reply.body.len() > 500_000, "{}", reply.body.len());
        assert_eq!(reply.header("content-length"), Some(reply.body.len().to_string().as_str()));
    }
}
