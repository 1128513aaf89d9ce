//! Headers and parameters of requests: content types, entity tags, idempotency keys, cursors, times.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_actix::{HttpSettings, StrictTransport};
use serde_json::Value;

use crate::support::{LINES, Service, head, usual};

fn body() -> String {
    format!(r#"{{"customerId":42,"items":{LINES}}}"#)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_plain_json_in_utf_8_is_read() {
    let service = Service::start();
    let (body, ok, refused) = (body(), 201, 415);
    let length = body.len().to_string();
    for (headers, status) in [
        (&[("content-type", "application/json")][..], ok),
        (&[("content-type", "Application/JSON")], ok),
        (&[("content-type", "application/json; charset=utf-8")], ok),
        (&[("content-type", "application/json;charset=\"UTF-8\"")], ok),
        (&[("content-type", "application/json;charset=utf8")], ok),
        (&[("content-type", "application/json; charset=US-ASCII")], ok),
        (&[("content-type", "application/vnd.orders.v1+json")], ok),
        (&[("content-type", "application/json; profile=x")], ok),
        (&[], refused),
        (&[("content-type", "")], refused),
        (&[("content-type", "text/plain")], refused),
        (&[("content-type", "text/json")], refused),
        (&[("content-type", "application/xml")], refused),
        (&[("content-type", "application/jsonp")], refused),
        (&[("content-type", "application/+json")], refused),
        (&[("content-type", "application/json; charset=latin1")], refused),
        (&[("content-type", "application/json"), ("content-type", "application/json")], refused),
        (&[("content-type", "application/json"), ("content-encoding", "gzip")], refused),
    ] {
        let headers = [headers, &[("content-length", &length)]].concat();
        let mut connection = service.connect().await;
        connection.send(&head("POST", "/orders", &headers)).await;
        connection.send(&body).await;
        assert_eq!(connection.reply("POST").await.status, status, "{headers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_medium_that_is_not_read_is_named() {
    let service = Service::start();
    for (headers, named) in [
        (&[("content-type", "text/plain;charset=utf-8")][..], "content type `text/plain`"),
        (&[("content-type", "application/json;charset=ISO-8859-1")], "charset `ISO-8859-1`"),
        (&[("content-type", "application/json; charset=\"utf-16\"")], "charset `utf-16`"),
        (&[("content-type", "application/json; charset=<b>")], "charset sent"),
        (&[("content-type", "application/json"), ("content-encoding", "gzip")], "encoding `gzip`"),
        (&[], "no content type"),
    ] {
        let headers = [headers, &[("content-length", "2")]].concat();
        let mut connection = service.connect().await;
        connection.send(&head("POST", "/orders", &headers)).await;
        connection.send("{}").await;
        let reply = connection.reply("POST").await;
        assert_eq!((reply.status, reply.code().as_str()), (415, "unsupported_media_type"));
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(named), "{detail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_entity_tags_are_read() {
    let service = Service::start();
    let target = format!("/orders/{}", service.placed().await);
    for (tags, status) in [
        (" * ", 304),
        ("\"3\", W/\"1\" ,,\"a,b\",\"\"", 304),
        ("", 200),
        (",", 200),
        (" , ", 200),
        ("\"01\"", 200),
        ("\"0\"", 200),
        ("\"-1\"", 200),
        ("\"+1\"", 200),
        ("\"99999999999999999999\"", 200),
        ("\"1", 400),
        ("w/\"1\"", 400),
        ("\"1\" \"2\"", 400),
        ("*,\"1\"", 400),
        ("\"a b\"", 400),
    ] {
        let reply = service.call_with("GET", &target, &[("if-none-match", tags)]).await;
        assert_eq!(reply.status, status, "{tags}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn idempotency_keys_are_bare_or_quoted() {
    let service = Service::start();
    let body = body();
    let (long, longer) = ("k".repeat(255), "k".repeat(256));
    for (key, answer) in [
        (r#""a\"b\\c""#, Ok(None)),
        (r#"a"b\c"#, Ok(Some("true"))),
        (&*long, Ok(None)),
        (&*longer, Err(400)),
        ("\"\"", Err(400)),
        ("\"", Err(400)),
        ("ä", Err(400)),
        ("\"a\"b\"", Err(400)),
        (r#""a\n""#, Err(400)),
        (r#""a\""#, Err(400)),
    ] {
        let reply = service.write("POST", "/orders", &[("idempotency-key", key)], &body).await;
        let replayed = reply.header("idempotency-replayed");
        let told = if reply.status == 201 { Ok(replayed) } else { Err(reply.status) };
        assert_eq!(told, answer, "{key}");
    }
}

/// The cursor of the first page of two orders, with these filters.
async fn cursor(service: &Service, filters: &str) -> (String, Value) {
    let page = service.call("GET", &format!("/orders/customer/42?limit=1{filters}")).await;
    let link = page.header("link").unwrap_or_default().to_owned();
    (link, page.json()["nextCursor"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_belongs_to_its_filters() {
    let service = Service::start();
    for _ in 0..2 {
        service.placed().await;
    }
    let filters = "&status=pending&status=confirmed";
    let (_, cursor) = cursor(&service, filters).await;
    let cursor = cursor.as_str().unwrap();
    assert_eq!(cursor.len(), 34);
    for (target, status) in [
        ("42?status=CONFIRMED&status=PENDING&limit=5", 200),
        ("43?status=PENDING&status=CONFIRMED", 400),
        ("42?", 400),
        ("42?status=PENDING&status=CONFIRMED&createdFrom=2026-11-22T12:00:00Z", 400),
        ("42?status=PENDING&status=CONFIRMED&createdTo=2027-11-22T12:00:00Z", 400),
    ] {
        let target = format!("/orders/customer/{target}&cursor={cursor}");
        let reply = service.call("GET", &target).await;
        assert_eq!(reply.status, status, "{target}");
        assert!(status == 200 || reply.code() == "invalid_cursor", "{target}");
    }
    // The time of the position is not in the digest, so any can be tried.
    let with_time = |micros: i64| {
        let mut bytes = URL_SAFE_NO_PAD.decode(cursor).unwrap();
        bytes[1..9].copy_from_slice(&micros.to_be_bytes());
        format!("/orders/customer/42?limit=1{filters}&cursor={}", URL_SAFE_NO_PAD.encode(bytes))
    };
    for (micros, status) in [
        (0, 200),
        (253_402_300_799_999_999, 200),
        (-1, 400),
        (253_402_300_800_000_000, 400),
        (i64::MAX, 400),
        (i64::MIN, 400),
    ] {
        assert_eq!(service.call("GET", &with_time(micros)).await.status, status, "{micros}");
    }
    for text in ["", "A", "%C3%A4", &"A".repeat(34), &"A".repeat(69), "=", &cursor[..33]] {
        let target = format!("/orders/customer/42?limit=1{filters}&cursor={text}");
        assert_eq!(service.call("GET", &target).await.code(), "invalid_cursor", "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn times_are_moved_to_where_databases_can_compare_them() {
    let service = Service::start();
    for _ in 0..2 {
        service.placed().await;
    }
    for (filter, expected) in [
        ("createdFrom=2026-11-22T12:00:00Z", "createdFrom=2026-11-22T12:00:00.000000Z"),
        (
            "createdFrom=2026-11-22T12:00:00.0000001%2B02:00",
            "createdFrom=2026-11-22T10:00:00.000001Z",
        ),
        ("createdFrom=0001-01-01T00:00:00Z", "createdFrom=1970-01-01T00:00:00.000000Z"),
        ("createdTo=9999-12-31T23:59:59-23:59", "createdTo=9999-12-31T00:00:00.000000Z"),
    ] {
        let (link, _) = cursor(&service, &format!("&{filter}")).await;
        assert!(link.contains(expected), "{filter}: {link}");
    }
    for wrong in ["", "2026-11-22", "2026-11-22T12:00:00", "2026-13-01T00:00:00Z", "now"] {
        let target = format!("/orders/customer/42?createdFrom={wrong}");
        assert_eq!(service.call("GET", &target).await.code(), "invalid_parameter", "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_with_tls_says_so_in_every_answer_and_no_other_port_does() {
    const NAME: &str = "strict-transport-security";
    for (transport, expected) in [
        (None, None),
        (Some(StrictTransport::Host), Some("max-age=31536000")),
        (Some(StrictTransport::SubDomains), Some("max-age=31536000; includeSubDomains")),
    ] {
        let site = transport.map_or_else(usual, |transport| usual().over_tls(transport));
        let service = Service::at(site, HttpSettings::default());
        let id = service.placed().await;
        let order = format!("/orders/{id}");
        let tag = service.call("GET", &order).await.header("etag").unwrap().to_owned();
        for (method, target, headers, status) in [
            ("GET", order.as_str(), &[][..], 200),
            ("GET", &order, &[("if-none-match", tag.as_str())][..], 304),
            ("GET", "/orders/99", &[], 404),
            ("DELETE", &order, &[], 405),
            ("GET", "/orders/x", &[], 400),
            ("GET", "/actuator/health/liveness", &[], 200),
            ("GET", "/openapi.json", &[], 200),
            ("GET", "/docs", &[], 308),
            ("GET", "/docs/", &[], 200),
        ] {
            // Each answer is also checked for `nosniff` and `no-store`.
            let reply = service.call_with(method, target, headers).await;
            assert_eq!((reply.status, reply.header(NAME)), (status, expected), "{target}");
        }
        let mut connection = service.connect().await;
        connection.send(&head("GET", "/events", &[])).await;
        let stream = connection.reply("HEAD").await;
        assert_eq!((stream.status, stream.header(NAME)), (200, expected));
        stream.check_edge();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_library_answers_by_itself_has_no_body_to_protect() {
    let service = Service::start();
    let mut connection = service.connect().await;
    connection.send("GET / HTTP/1.1\r\nbroken header\r\n\r\n").await;
    let reply = connection.reply("GET").await;
    assert_eq!((reply.status, reply.body.len(), reply.header("content-type")), (400, 0, None));
    connection.closed().await;
}
