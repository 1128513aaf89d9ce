//! Requests that no well-behaved client sends: what RFC 9110, RFC 9112 and the trace context of the W3C say of them holds.
//! The table in `docs/api.md` has the same rows.

use libtest_mimic::Trial;
use serde_json::Value;

use crate::raw::{self, Reply, send};
use crate::support::{Service, an_order, fresh_folder};
use crate::trial;

/// Names that must not come back.
const FOREIGN: &str = "<evil>";

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("sqlite::requests_on_the_wire_are_answered_as_the_standards_say", || {
        let service = service();
        let mut wrong = Vec::new();
        let rows = [hosts(), targets(), framing(), bodies(), versions()].concat();
        for (request, expected) in &rows {
            let Reply { status, head, body } = send(&service.base, request);
            if status != *expected || body.contains(FOREIGN) {
                wrong.push(format!("{request:?}: {expected} expected\n{head}{body}"));
            }
        }
        println!("{} requests, {} answered otherwise", rows.len(), wrong.len());
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        a_target_names_the_host_of_links(&service);
        answers_to_http_1_0_have_no_chunks(&service);
        a_refusal_of_the_head_does_not_wait_for_the_body(&service);
        an_offer_of_another_protocol_is_answered_at_once(&service);
        events_and_answers_have_no_control_characters(&service);
        // All of them have left it in good health.
        assert_eq!(send(&service.base, &get("/orders/1", "a")).status, 200);
    })]
}

fn service() -> Service {
    let url = format!("sqlite:{}", fresh_folder().join("orders.db").display());
    Service::on(&url)
}

fn get(target: &str, host: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

/// A right order with these header lines.
fn post(headers: &str) -> String {
    let body = an_order(7).to_string();
    let length = body.len();
    format!(
        "POST /orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: \
         {length}\r\n{headers}\r\n{body}"
    )
}

/// The same with headers alone, as they stand.
fn bare(headers: &str, body: &str) -> String {
    format!(
        "POST /orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nConnection: \
         close\r\n{headers}\r\n{body}"
    )
}

/// RFC 9112, section 3.2.
fn hosts() -> Vec<(String, u16)> {
    let mut rows: Vec<_> = [
        "<evil>", "a b", "a/b", "u@h", "a:b", "a:70000", "a:0", "a,b", "[::1", "::1", "\u{e4}", "",
    ]
    .map(|host| (get("/", host), 400))
    .into();
    rows.extend(
        ["a", "a:", "A-b.example.:8082", "127.0.0.1", "[::1]:80"].map(|h| (get("/", h), 200)),
    );
    rows.push((get("/", "a\r\nHost: a"), 400));
    rows.push(("GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(), 400));
    rows.push(("GET / HTTP/1.0\r\n\r\n".to_owned(), 200));
    rows
}

/// RFC 9112, section 3.2; RFC 9110, sections 4.2.4 and 7.4.
fn targets() -> Vec<(String, u16)> {
    let mut rows: Vec<_> = [
        "https://a/",
        "ftp://a/",
        "http://u@a/",
        "http://u:p@a/",
        "http://",
        "a",
        "a:80",
        "*",
        "orders/1",
        "?x",
        "/\u{e4}",
        "/\u{1}",
    ]
    .map(|target| (get(target, "a"), 400))
    .into();
    rows.push((get("http://b:81/", "<evil>"), 400));
    rows.extend(["/", "http://a", "HTTP://b:81/"].map(|target| (get(target, "a"), 200)));
    rows.push(("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n".to_owned(), 400));
    rows
}

/// Fields: RFC 9110, section 5.5; RFC 9112, sections 2.2, 5.1 and 5.2.
fn framing() -> Vec<(String, u16)> {
    let with =
        |line: &str| format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{line}\r\n\r\n");
    let mut rows: Vec<_> =
        ["X : a", "X: a\r\n b", "X: a\rb", "X: a\0b", "X: a\u{1}b", "X: a\u{7f}b", "X", ": a"]
            .map(|line| (with(line), 400))
            .into();
    rows.push(("GET / HTTP/1.1\r\n Host: a\r\n\r\n".to_owned(), 400));
    rows.push(("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400));
    rows.push(("GET / HTTP/1.1\nHost: a\nConnection: close\n\n".to_owned(), 200));
    rows.push((with("X: a\tb"), 200));
    rows
}

/// Lengths: RFC 9112, sections 6.1 to 6.3 and 7.1.
fn bodies() -> Vec<(String, u16)> {
    let chunked = |body: &str| bare("Transfer-Encoding: chunked\r\n", body);
    let mut rows: Vec<_> = [
        "Content-Length: 2\r\nContent-Length: 2\r\n",
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Content-Length: 2, 2\r\n",
        "Content-Length: +2\r\n",
        "Content-Length: -2\r\n",
        "Content-Length: 0x2\r\n",
        "Content-Length:\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
    ]
    .map(|headers| (bare(headers, "{}"), 400))
    .into();
    rows.push((bare("Transfer-Encoding: chunked\r\n", "0\r\n\r\n").replace("1.1", "1.0"), 400));
    let bodies = [
        " 2\r\n{}\r\n0\r\n\r\n",
        "0x2\r\n{}\r\n0\r\n\r\n",
        "2\n{}\n0\n\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        "10000000000000002\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}0\r\n\r\n",
    ];
    rows.extend(bodies.map(|body| (chunked(body), 400)));
    let whole = an_order(7).to_string();
    let size = whole.len();
    rows.push((chunked(&format!("{size:X};a=b\r\n{whole}\r\n0\r\nx: y\r\n\r\n")), 201));
    rows.push((post("Connection: close\r\n"), 201));
    rows
}

/// RFC 9112, section 2.3.
fn versions() -> Vec<(String, u16)> {
    ["GET / HTTP/2.0\r\nHost: a\r\n\r\n", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", "GET /\r\n\r\n"]
        .map(|request| (request.to_owned(), 400))
        .into()
}

/// RFC 9112, section 3.2.2.
fn a_target_names_the_host_of_links(service: &Service) {
    let home = send(&service.base, &get("http://other.example:81/", "a"));
    assert!(
        home.body.contains("http://other.example:81/") && !home.body.contains("http://a"),
        "{home:?}"
    );
}

/// RFC 9112, section 6.1.
fn answers_to_http_1_0_have_no_chunks(service: &Service) {
    for headers in ["", "Connection: keep-alive\r\n", "Accept-Encoding: gzip\r\n"] {
        for target in ["/events", "/orders/customer/7", "/openapi.json", "/docs/"] {
            let reply = send(&service.base, &format!("GET {target} HTTP/1.0\r\n{headers}\r\n"));
            assert_eq!((reply.status, reply.header("transfer-encoding")), (200, None), "{reply:?}");
            if target == "/events" {
                assert!(reply.body.starts_with("retry:"), "{reply:?}");
                // What ends with the connection must say so.
                assert_ne!(reply.header("connection"), Some("keep-alive"), "{reply:?}");
            }
        }
    }
}

/// RFC 9110, section 10.1.1.
fn a_refusal_of_the_head_does_not_wait_for_the_body(service: &Service) {
    const JSON: &str = "Content-Type: application/json\r\n";
    for (method, target, headers, status) in [
        ("POST", "/nothing", JSON.to_owned(), 404),
        ("DELETE", "/orders", JSON.to_owned(), 405),
        ("POST", "/orders", format!("{JSON}Host: <evil>\r\n"), 400),
        ("POST", "/orders", "Content-Type: text/plain\r\n".to_owned(), 415),
        ("POST", "/orders", format!("{JSON}Content-Encoding: gzip\r\n"), 415),
        ("POST", "/orders?a=b", JSON.to_owned(), 400),
        ("POST", "/orders", format!("{JSON}Idempotency-Key: a b\r\n"), 400),
        ("PUT", "/orders/x", JSON.to_owned(), 400),
        ("PUT", "/orders/1/status", format!("{JSON}If-Match: 1\r\n"), 400),
        ("POST", "/orders", format!("{JSON}Content-Length: 300000\r\n"), 413),
    ] {
        let host = if headers.contains("Host") { "" } else { "Host: a\r\n" };
        let length = if headers.contains("Content-Length") { "" } else { "Content-Length: 9\r\n" };
        let head = format!(
            "{method} {target} HTTP/1.1\r\n{host}{headers}{length}Expect: 100-continue\r\n\r\n"
        );
        let reply = send(&service.base, &head);
        assert_eq!(
            (reply.status, reply.header("connection")),
            (status, Some("close")),
            "{head}{reply:?}"
        );
    }
    // And the body of a right head is asked for.
    let head = post("Expect: 100-continue\r\n");
    let (head, _) = head.split_once("\r\n\r\n").unwrap();
    assert!(raw::is_continued(&service.base, &format!("{head}\r\n\r\n")));
}

/// RFC 9110, section 7.8: what follows is the request's own body, and nothing else.
fn an_offer_of_another_protocol_is_answered_at_once(service: &Service) {
    for offer in [
        "Connection: Upgrade\r\nUpgrade: websocket\r\n",
        "Upgrade: WebSocket\r\n",
        "Upgrade: h2c\r\n",
    ] {
        let reply = send(&service.base, &post(offer));
        assert_eq!(reply.status, 201, "{offer}: {reply:?}");
        let behind = post(offer) + &get("/orders/1", "a");
        assert_eq!(send(&service.base, &behind).status, 201, "{offer}");
        let stream = format!("GET /events HTTP/1.1\r\nHost: a\r\n{offer}\r\n");
        let stream = send(&service.base, &stream);
        let is_chunked = stream.header("transfer-encoding").is_some();
        assert_eq!(is_chunked, !stream.body.starts_with("retry"), "{stream:?}");
    }
    let empty = "POST /orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(send(&service.base, empty).status, 400);
}

/// W3C Trace Context, section 3.2; `X-Request-Id` is ours.
fn events_and_answers_have_no_control_characters(service: &Service) {
    let ids = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";
    let upper = ids.to_uppercase();
    for (sent, expected) in [
        (format!("00-{ids}-01"), Some(format!("00-{ids}-01"))),
        (format!("01-{ids}-01-a\tb"), Some(format!("00-{ids}-01"))),
        (format!("00-{ids}-01-a"), None),
        (format!("00-{ids}-01\ta"), None),
        (format!("ff-{ids}-01"), None),
        (format!("00-{upper}-01"), None),
        (format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)), None),
        (format!("00-0af7651916cd43dd8448eb211c80319c-{}-01", "0".repeat(16)), None),
        (format!("00-{ids}-1"), None),
        (format!("00-{ids}-01\r\ntraceparent: 00-{ids}-01"), None),
    ] {
        let headers = format!(
            "Connection: close\r\ntraceparent: {sent}\r\ntracestate: a=\tb\r\nX-Request-Id: a\tb\r\n"
        );
        let placed = send(&service.base, &post(&headers));
        assert_eq!(placed.status, 201, "{sent:?}: {placed:?}");
        let order: Value = serde_json::from_str(&placed.body).unwrap();
        let history = service.get(&format!("/orders/{}/events", order["id"])).text().unwrap();
        let events: Value = serde_json::from_str(&history).unwrap();
        assert_eq!(events[0]["traceparent"].as_str(), expected.as_deref(), "{sent:?}");
        for text in [&placed.head, &placed.body, &history, &service.log()] {
            assert!(!text.contains("\\t") && !text.contains('\t'), "{sent:?}: {text}");
        }
    }
}
