//! Bodies of requests: what is read, and that everything wrong is told at once, with a pointer and a
//! code for each error.

use http_actix::measured;
use order_app::currencies::Currencies;
use proptest::prelude::*;

use crate::support::{Reply, Service, head};

const PLAIN: &str =
    r#"{"customerId":42,"items":[{"productId":1,"quantity":2,"unitPrice":"2.50"}]}"#;

/// The pointers and codes of the errors of a problem.
fn errors(reply: &Reply) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let errors = reply.json()["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().map(|error| (text(&error["pointer"]), text(&error["code"]))).collect()
}

fn assert_errors(reply: &Reply, code: &str, expected: &[(&str, &str)]) {
    assert_eq!(reply.code(), code);
    let errors = errors(reply);
    let errors: Vec<_> = errors.iter().map(|(at, code)| (at.as_str(), code.as_str())).collect();
    assert_eq!(errors, expected);
}

async fn post(service: &Service, body: &str) -> Reply {
    service.write("POST", "/orders", &[], body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_wrong_is_told_at_once() {
    let service = Service::start();
    let body = r#"{"customerId":0,"items":[
        {"productId":"1","quantity":1.5,"unitPrice":1.234,"x":1},7],
        "clientReference":"a b","totalAmount":"x","colour":"red"}"#;
    let expected = [
        ("/customerId", "out_of_range"),
        ("/items/0/productId", "invalid_type"),
        ("/items/0/quantity", "invalid_type"),
        ("/items/0/unitPrice", "too_many_decimals"),
        ("/items/0/x", "unknown_field"),
        ("/items/1", "invalid_type"),
        ("/clientReference", "invalid_format"),
        ("/totalAmount", "invalid_format"),
        ("/colour", "unknown_field"),
    ];
    assert_errors(&post(&service, body).await, "validation_failed", &expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_are_missing_unknown_or_doubled_are_told() {
    let service = Service::start();
    let unknown = PLAIN.replace("{\"customerId\"", "{\"custmer\":1,\"customerId\"");
    assert_errors(
        &post(&service, &unknown).await,
        "unknown_field",
        &[("/custmer", "unknown_field")],
    );
    let odd = PLAIN.replace("\"items\"", r#""b":{"deep":[1]},"customerId":2,"c/d~e":null,"items""#);
    let expected = [
        ("/b", "unknown_field"),
        ("/customerId", "duplicate_field"),
        ("/c~1d~0e", "unknown_field"),
    ];
    assert_errors(&post(&service, &odd).await, "validation_failed", &expected);
    let missing = [("/customerId", "required"), ("/items", "required")];
    assert_errors(&post(&service, "{}").await, "validation_failed", &missing);
    // Null is the same as absent, and an escaped name is the same name.
    let null = PLAIN.replace("42", "null").replace("customerId", "\\u0063ustomerId");
    let expected = [("/customerId", "invalid_type")];
    assert_errors(&post(&service, &null).await, "validation_failed", &expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_whole_object_is_a_body() {
    let service = Service::start();
    for wrong in [
        &b""[..],
        b" ",
        b"null",
        b"[]",
        b"1",
        b"{",
        b"{}{}",
        b"{'a':1}",
        b"{\"a\":1,}",
        b"{\"a\":01}",
        b"{\"a\":NaN}",
        b"{\"\xff\":1}",
        b"\xef\xbb\xbf{}",
    ] {
        let length = wrong.len().to_string();
        let headers = [("content-type", "application/json"), ("content-length", &length)];
        let mut connection = service.connect().await;
        connection.send(&head("POST", "/orders", &headers)).await;
        assert!(connection.try_send(wrong).await);
        assert_eq!(connection.reply("POST").await.code(), "malformed_json", "{wrong:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_json_is_told_where_and_what_was_expected() {
    let service = Service::start();
    let ends = "but the body ends here";
    for (body, line, column, expected) in [
        (&b""[..], 1, 1, "expected a JSON object, but the body is empty"),
        (b" \n\t", 2, 2, "expected a JSON object, but the body is empty"),
        (b"\xef\xbb\xbf{}", 1, 1, "expected a JSON object without a byte order mark before it"),
        (b"\n [1]", 2, 2, "expected `{`: the body must be one JSON object"),
        (b"\"secret\"", 1, 1, "expected `{`: the body must be one JSON object"),
        (b"{}{}", 1, 3, "expected nothing after the object"),
        (b"{'a':1}", 1, 2, "expected a name in double quotes"),
        (b"{a:1}", 1, 2, "expected a name in double quotes"),
        (b"{\"a\" 1}", 1, 6, "expected `:` after a name"),
        (b"{\"a\":1 \"b\":2}", 1, 8, "expected `,` or `}`"),
        (b"{\"a\":[1 2]}", 1, 9, "expected `,` or `]`"),
        ("{\n\"ä\": 1,\n  \"ö\":,}".as_bytes(), 3, 7, "expected a value"),
        (b"{\"a\":nul}", 1, 9, "expected true, false or null"),
        (b"{\"a\":01}", 1, 7, "expected a number as JSON spells it"),
        (b"{\"a\":1,}", 1, 8, "expected no comma before the end"),
        (b"{\"a\":\"\\x\"}", 1, 8, "expected an escape of JSON, such as \\n or \\u00e4"),
        (
            b"{\"a\":\"\n\"}",
            1,
            7,
            "expected no bare control character in a string; write \\n or \\u000a",
        ),
        (b"{\"a\":\"\xff\"}", 1, 7, "expected UTF-8"),
        ("{\"ä\":\"ä".as_bytes(), 1, 8, &format!("expected the end of a string, {ends}")),
        (b"{", 1, 2, &format!("expected `,` or `}}`, {ends}")),
        (b"{\"a\":", 1, 6, &format!("expected a value, {ends}")),
        (b"{\"a\":[1", 1, 8, &format!("expected `,` or `]`, {ends}")),
        (b"{\"\\ud800\":1}", 1, 9, "expected the second half of a surrogate pair"),
    ] {
        let length = body.len().to_string();
        let headers = [("content-type", "application/json"), ("content-length", &length)];
        let mut connection = service.connect().await;
        connection.send(&head("POST", "/orders", &headers)).await;
        assert!(connection.try_send(body).await);
        let problem = connection.reply("POST").await.json();
        let text = String::from_utf8_lossy(body);
        assert_eq!(problem["code"], "malformed_json", "{text}");
        let detail = format!("Line {line}, column {column}: {expected}.");
        assert_eq!(problem["detail"], detail, "{text}");
        assert_eq!((&problem["line"], &problem["column"]), (&line.into(), &column.into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_body_costs_little() {
    let service = Service::start();
    let deep = format!("{{\"a\":{}{},", "[".repeat(100_000), "]".repeat(100_000));
    let reply = post(&service, &PLAIN.replacen('{', &deep, 1)).await;
    assert_errors(&reply, "unknown_field", &[("/a", "unknown_field")]);
    let many: Vec<_> = (0..5_000).map(|i| format!("\"f{i}\":1")).collect();
    assert_eq!(errors(&post(&service, &format!("{{{}}}", many.join(","))).await).len(), 1_000);
}

/// Places an order of one line; what comes of it is its id, or the code of the only error.
async fn with_line(service: &Service, line: &str) -> Result<serde_json::Value, String> {
    let body = format!(r#"{{"customerId":42,"items":[{line}]}}"#);
    let reply = post(service, &body).await;
    if reply.status == 201 {
        return Ok(reply.json()["items"][0].clone());
    }
    let mut errors = errors(&reply);
    assert_eq!(errors.len(), 1, "{line}: {errors:?}");
    Err(errors.remove(0).1)
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_read_from_their_text() {
    let service = Service::start();
    for (quantity, expected) in [
        ("1", Ok(1)),
        ("9999", Ok(9_999)),
        ("2.0", Ok(2)),
        ("0", Err("out_of_range")),
        ("10000", Err("out_of_range")),
        ("-1", Err("out_of_range")),
        ("99999999999999999999", Err("out_of_range")),
        ("1.5", Err("invalid_type")),
        ("1e2", Err("invalid_type")),
        ("\"2\"", Err("invalid_type")),
        ("true", Err("invalid_type")),
        ("null", Err("invalid_type")),
        ("[1]", Err("invalid_type")),
    ] {
        let line = format!(r#"{{"productId":1,"quantity":{quantity},"unitPrice":"0.01"}}"#);
        let read = with_line(&service, &line).await.map(|line| line["quantity"].as_i64().unwrap());
        assert_eq!(read, expected.map_err(str::to_owned), "{quantity}");
    }
    for (price, expected) in [
        ("49.99", Ok("49.99")),
        ("\"49.990\"", Ok("49.99")),
        ("0.1", Ok("0.10")),
        ("1e1", Ok("10.00")),
        ("9999999.9900", Ok("9999999.99")),
        ("9999999.9999", Err("too_many_decimals")),
        ("-0.01", Err("out_of_range")),
        ("10000000", Err("out_of_range")),
        ("0.00001", Err("too_many_decimals")),
        ("\"\"", Err("invalid_format")),
        ("\"1,5\"", Err("invalid_format")),
        ("true", Err("invalid_type")),
        ("{}", Err("invalid_type")),
    ] {
        let line = format!(r#"{{"productId":1,"quantity":1,"unitPrice":{price}}}"#);
        let read = with_line(&service, &line).await;
        let read = read.map(|line| line["unitPrice"].as_str().unwrap().to_owned());
        assert_eq!(read, expected.map(str::to_owned).map_err(str::to_owned), "{price}");
    }
    for (id, expected) in [
        ("9007199254740991", Ok(9_007_199_254_740_991)),
        ("9007199254740992", Err("out_of_range")),
        ("9007199254740991.5", Err("invalid_type")),
    ] {
        let line = format!(r#"{{"productId":{id},"quantity":1,"unitPrice":"1"}}"#);
        let read = with_line(&service, &line).await.map(|line| line["productId"].as_i64().unwrap());
        assert_eq!(read, expected.map_err(str::to_owned), "{id}");
    }
    let half_a_pair = r#"{"productId":1,"quantity":1,"unitPrice":"1","name":"\ud800"}"#;
    assert_eq!(with_line(&service, half_a_pair).await, Err("invalid_format".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_is_read_in_many_spellings() {
    let service = Service::start();
    let id = service.placed().await;
    for (body, status, code) in [
        (r#"{"status":"SHIPPED"}"#, 400, "unknown_status"),
        (r#"{"status":"SHIPPED","x":1}"#, 400, "validation_failed"),
        (r#"{"status":1}"#, 400, "validation_failed"),
        (r"{}", 400, "validation_failed"),
        (r#"{"status":"PENDING","x":1}"#, 400, "unknown_field"),
        (r#"{"status":"PENDING","reason":"OTHER"}"#, 400, "validation_failed"),
        (r#"{"status":"CANCELLED","reason":"BORED"}"#, 400, "validation_failed"),
        ("[]", 400, "malformed_json"),
        (r#"{"status":"confirmed"}"#, 200, ""),
        (r#"{"status":"IN_PROGRESS"}"#, 200, ""),
        (r#"{"status":"in progress"}"#, 200, ""),
        (r#"{"status":"In-Progress","note":null}"#, 200, ""),
    ] {
        let reply = service.write("PUT", &format!("/orders/{id}/status"), &[], body).await;
        assert_eq!(reply.status, status, "{body}: {}", reply.text());
        if status == 400 {
            assert_eq!(reply.code(), code, "{body}");
        }
    }
    let id = service.placed().await;
    let body = r#"{"status":"canceled","note":"too late"}"#;
    let cancelled = service.write("PUT", &format!("/orders/{id}/status"), &[], body).await;
    assert_eq!(cancelled.json()["cancelReason"], "OTHER");
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Err(status) = measured::read_place_order(&bytes, &Currencies::default()) {
            prop_assert!((400..500).contains(&status));
        }
    }

    #[test]
    fn no_damage_to_a_good_body_makes_the_reader_panic(
        at in 0..PLAIN.len(),
        with in "[\\x00-\\x7f]{0,5}",
        cut in 0..5_usize,
    ) {
        let end = at.saturating_add(cut).min(PLAIN.len());
        let body = format!("{}{with}{}", &PLAIN[..at], &PLAIN[end..]);
        if let Err(status) = measured::read_place_order(body.as_bytes(), &Currencies::default()) {
            prop_assert!((400..500).contains(&status));
        }
    }
}
