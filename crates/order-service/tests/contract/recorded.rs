//! Recorded answers across releases. The rows below are those of release 0e19b21: this release repeats
//! them byte for byte, and records answers in the same form.

use order_testkit::databases::{self, Database};
use reqwest::header::{CONTENT_TYPE, ETAG, LOCATION};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::stage::{Case, Stage, cases};
use crate::steps::{a_body, fresh_key, id_of, line};
use crate::streams::execute;
use crate::wire::Reply;

pub(crate) fn cases() -> Vec<Case> {
    cases![
        answers_that_an_earlier_release_recorded_are_repeated_byte_for_byte,
        answers_are_recorded_as_an_earlier_release_reads_them,
    ]
}

/// A request, and the row that release 0e19b21 made of it.
struct Recorded {
    request: (&'static str, &'static str, &'static str),
    operation: &'static str,
    fingerprint: &'static str,
    status: u16,
    headers: &'static str,
    body: &'static str,
}

const RECORDED: [Recorded; 3] = [
    Recorded {
        request: (
            "POST",
            "/orders",
            r#"{"customerId":42,"currency":"EUR","items":[{"productId":1,"name":"Desk \"lamp\" é","quantity":3,"unitPrice":"49.99"},{"productId":8,"quantity":1,"unitPrice":0.1}],"clientReference":"PO-7","totalAmount":"150.07"}"#,
        ),
        operation: "place",
        fingerprint: "A6FDAAB00D38A81BE93082823CF26E5FD0002AE90C35E15259E27246EAAD967A",
        status: 201,
        headers: r#"[["content-type","application/json"],["etag","\"1\""],["location","/orders/1"]]"#,
        body: r#"{"id":1,"customerId":42,"items":[{"productId":1,"name":"Desk \"lamp\" é","quantity":3,"unitPrice":"49.99","lineTotal":"149.97"},{"productId":8,"quantity":1,"unitPrice":"0.10","lineTotal":"0.10"}],"currency":"EUR","totalAmount":"150.07","status":"PENDING","allowedTransitions":["CONFIRMED","CANCELLED"],"version":1,"clientReference":"PO-7","createdAt":"2026-11-29T09:31:34.577597Z","updatedAt":"2026-11-29T09:31:34.577597Z"}"#,
    },
    Recorded {
        request: (
            "PUT",
            "/orders/1",
            r#"{"items":[{"productId":3,"quantity":2,"unitPrice":"2.5"}]}"#,
        ),
        operation: "replace_lines",
        fingerprint: "C23FF0C3FA6178DD9E2FD7DBB3F6701452BE8EB825C68E14BE5A4B753C0327E2",
        status: 200,
        headers: r#"[["content-type","application/json"],["etag","\"2\""]]"#,
        body: r#"{"id":1,"customerId":42,"items":[{"productId":3,"quantity":2,"unitPrice":"2.50","lineTotal":"5.00"}],"currency":"EUR","totalAmount":"5.00","status":"PENDING","allowedTransitions":["CONFIRMED","CANCELLED"],"version":2,"clientReference":"PO-7","createdAt":"2026-11-29T09:31:34.577597Z","updatedAt":"2026-11-29T09:31:34.613632Z"}"#,
    },
    Recorded {
        request: (
            "PUT",
            "/orders/1/status",
            r#"{"status":"CANCELLED","reason":"CUSTOMER_REQUEST","note":"changed her mind"}"#,
        ),
        operation: "change_status",
        fingerprint: "3E6B1288590CD81F302AE8EA8CB17533D46C27806850FBCCC22A5EEE8F630063",
        status: 200,
        headers: r#"[["content-type","application/json"],["etag","\"3\""]]"#,
        body: r#"{"id":1,"customerId":42,"items":[{"productId":3,"quantity":2,"unitPrice":"2.50","lineTotal":"5.00"}],"currency":"EUR","totalAmount":"5.00","status":"CANCELLED","allowedTransitions":[],"version":3,"clientReference":"PO-7","cancelReason":"CUSTOMER_REQUEST","createdAt":"2026-11-29T09:31:34.577597Z","updatedAt":"2026-11-29T09:31:34.641031Z"}"#,
    },
];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02X}"))
}

/// A fingerprint, a text, and bytes, as literals of a database.
fn literals(database: Database, fingerprint: &str, text: &str, bytes: &str) -> [String; 3] {
    let text = hex(text.as_bytes());
    match database {
        Database::Postgres => [
            format!("decode('{fingerprint}', 'hex')"),
            format!("convert_from(decode('{text}', 'hex'), 'UTF8')"),
            format!("decode('{bytes}', 'hex')"),
        ],
        Database::Sqlite => {
            [format!("X'{fingerprint}'"), format!("CAST(X'{text}' AS TEXT)"), format!("X'{bytes}'")]
        }
        Database::Mariadb | Database::Mysql => [
            format!("X'{fingerprint}'"),
            format!("CONVERT(X'{text}' USING utf8mb4)"),
            format!("X'{bytes}'"),
        ],
    }
}

fn answers_that_an_earlier_release_recorded_are_repeated_byte_for_byte(stage: &Stage) {
    for recorded in &RECORDED {
        let (key, scope) = under_fresh_key(recorded.operation);
        let [fingerprint, headers, body] = literals(
            stage.kind,
            recorded.fingerprint,
            recorded.headers,
            &hex(recorded.body.as_bytes()),
        );
        let row = format!(
            "INSERT INTO idempotency_keys (scope, fingerprint, status, headers, body, recorded_at) \
             VALUES ('{scope}', {fingerprint}, {}, {headers}, {body}, '2037-01-01 00:00:00')",
            recorded.status
        );
        execute(&stage.database, &row);
        let (method, path, request) = recorded.request;
        let reply = stage.ask(method, path, &[("idempotency-key", key.as_str())], request);
        assert_eq!(reply.header("idempotency-replayed"), Some("true"), "{reply:?}");
        assert_eq!((reply.status, reply.text.as_str()), (recorded.status, recorded.body));
        assert_eq!(headers_of(&reply), recorded.headers);
    }
}

fn answers_are_recorded_as_an_earlier_release_reads_them(stage: &Stage) {
    let runtime = Runtime::new().unwrap();
    let order = id_of(&stage.new_order());
    let (lines, confirmed) =
        (json!({"items": [line(1, 2, "2.50")]}), json!({"status": "CONFIRMED"}));
    for (operation, method, path, body) in [
        ("place", "POST", "/orders".to_owned(), a_body()),
        ("replace_lines", "PUT", format!("/orders/{order}"), lines),
        ("change_status", "PUT", format!("/orders/{order}/status"), confirmed),
    ] {
        let (key, scope) = under_fresh_key(operation);
        let headers = [("idempotency-key", key.as_str())];
        let reply = stage.ask(method, &path, &headers, body.to_string());
        let bytes = hex(reply.text.as_bytes());
        let [_, headers, body] = literals(stage.kind, "", &headers_of(&reply), &bytes);
        let row = format!(
            "idempotency_keys WHERE scope = '{scope}' AND status = {} AND headers = {headers} \
             AND body = {body}",
            reply.status
        );
        let count = runtime.block_on(databases::count(&stage.database.url, &row));
        assert_eq!(count.unwrap(), 1, "{row}");
    }
}

/// A key that no other request has, and its scope in the database.
fn under_fresh_key(operation: &str) -> (String, String) {
    let key = fresh_key();
    let scope = format!("anonymous {operation} {key}");
    (key, scope)
}

/// The headers of a reply that are recorded, as they stand in the database.
fn headers_of(reply: &Reply) -> String {
    let header = |name: &str| Some([name.to_owned(), reply.header(name)?.to_owned()]);
    let names = [CONTENT_TYPE, ETAG, LOCATION];
    let headers: Vec<_> = names.iter().filter_map(|name| header(name.as_str())).collect();
    serde_json::to_string(&headers).unwrap()
}
