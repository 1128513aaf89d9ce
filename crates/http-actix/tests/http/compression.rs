//! Compressed answers.

use std::io::Read as _;

use flate2::read::GzDecoder;
use http_actix::{Compression, HttpSettings};

use crate::support::{LINES, Reply, Service, usual};

fn compressing(types: &[&str]) -> Service {
    let types = types.iter().map(|text| (*text).to_owned()).collect();
    let compression = Some(Compression { types, least: 1_024 });
    Service::at(usual(), HttpSettings { compression, ..HttpSettings::default() })
}

fn unpacked(reply: &Reply) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(&*reply.body).read_to_end(&mut plain).unwrap();
    plain
}

const GZIP: [(&str, &str); 1] = [("accept-encoding", "gzip, deflate, br")];

#[tokio::test(flavor = "multi_thread")]
async fn large_lists_are_compressed_for_clients_that_accept_it() {
    let service = compressing(&["application/json"]);
    let target = "/orders/customer/42";
    let small = service.call_with("GET", target, &GZIP).await;
    assert_eq!((small.header("content-encoding"), small.header("vary")), (None, None));
    for _ in 0..10 {
        service.placed().await;
    }
    let plain = service.call("GET", target).await;
    assert_eq!(
        (plain.header("content-encoding"), plain.header("vary")),
        (None, Some("accept-encoding"))
    );
    let packed = service.call_with("GET", target, &GZIP).await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(packed.header("vary"), Some("accept-encoding"));
    assert_eq!(packed.header("content-type"), plain.header("content-type"));
    assert!(packed.body.len() * 2 < plain.body.len());
    assert_eq!(unpacked(&packed), plain.body);
    let length = packed.body.len().to_string();
    let head = service.call_with("HEAD", target, &GZIP).await;
    assert_eq!(head.header("content-length"), Some(length.as_str()));
    assert_eq!(head.header("content-encoding"), Some("gzip"));
    let refused = [("accept-encoding", "gzip;q=0")];
    let reply = service.call_with("GET", target, &refused).await;
    assert_eq!((reply.header("content-encoding"), &reply.body), (None, &plain.body));
    let other = compressing(&["text/html"]).call_with("GET", "/openapi.json", &GZIP).await;
    assert_eq!((other.header("content-encoding"), other.header("vary")), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_an_entity_tag_stays_as_it_is_byte_for_byte() {
    let service = compressing(&["application/json"]);
    let lines: Vec<_> =
        (1..=50).map(|id| LINES[1..LINES.len() - 1].replace(":1,", &format!(":{id},"))).collect();
    let body = format!(r#"{{"customerId":42,"items":[{}]}}"#, lines.join(","));
    let headers = [("idempotency-key", "k"), GZIP[0]];
    let first = service.write("POST", "/orders", &headers, &body).await;
    assert_eq!((first.status, first.header("content-encoding")), (201, None));
    let again = service.write("POST", "/orders", &headers, &body).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(first.body, again.body);
    let read = service.call_with("GET", first.header("location").unwrap(), &GZIP).await;
    assert!(read.body.len() > 1_024);
    assert_eq!((read.header("content-encoding"), read.header("etag")), (None, Some("\"1\"")));
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_and_errors_are_not_compressed() {
    let service = compressing(&["text/event-stream", "application/problem+json"]);
    let stream = service.call_with("HEAD", "/events", &GZIP).await;
    assert_eq!((stream.status, stream.header("content-encoding")), (200, None));
    let mut connection = service.connect().await;
    connection.send(&crate::support::head("GET", "/events", &GZIP)).await;
    let head = connection.reply("HEAD").await;
    assert_eq!((head.status, head.header("content-encoding")), (200, None));
    let target = format!("/orders/1?{}", "x=1&".repeat(100));
    let error = service.call_with("GET", &target, &GZIP).await;
    assert!(error.status == 400 && error.body.len() > 1_024);
    assert_eq!(
        (error.header("content-encoding"), error.code().as_str()),
        (None, "invalid_parameter")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_compressed_by_default() {
    let reply = Service::start().call_with("GET", "/openapi.json", &GZIP).await;
    assert_eq!((reply.header("content-encoding"), reply.header("vary")), (None, None));
}
