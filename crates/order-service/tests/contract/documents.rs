//! The OpenAPI document and its page, both from the binary.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::stage::{Case, Stage, cases};
use crate::steps::id_of;

pub(crate) fn cases() -> Vec<Case> {
    cases![
        the_document_describes_every_endpoint,
        the_document_names_no_address_outside,
        the_document_knows_every_error_code,
        an_order_is_what_the_document_says,
        the_page_is_served_with_all_that_it_loads,
        the_page_may_load_nothing_from_outside,
    ]
}

fn document(stage: &Stage) -> Value {
    let reply = stage.read("/openapi.json");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    reply.json()
}

fn the_document_describes_every_endpoint(stage: &Stage) {
    let document = document(stage);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{}", document["openapi"]);
    for (path, methods) in [
        ("/orders", &["post"][..]),
        ("/orders/{id}", &["get", "put"]),
        ("/orders/{id}/status", &["put"]),
        ("/orders/customer/{customerId}", &["get"]),
        ("/orders/{id}/events", &["get"]),
        ("/events", &["get"]),
    ] {
        for method in methods {
            let operation = &document["paths"][path][method];
            assert!(operation["responses"].is_object(), "{method} {path}");
        }
    }
}

fn the_document_names_no_address_outside(stage: &Stage) {
    for server in document(stage)["servers"].as_array().into_iter().flatten() {
        let url = server["url"].as_str().unwrap();
        assert!(url.starts_with('/') && !url.starts_with("//"), "{url}");
    }
}

fn the_document_knows_every_error_code(stage: &Stage) {
    let text = stage.read("/openapi.json").text;
    for code in [
        "malformed_json",
        "unknown_field",
        "validation_failed",
        "invalid_parameter",
        "unknown_status",
        "invalid_cursor",
        "invalid_idempotency_key",
        "order_not_found",
        "cross_site_request",
        "method_not_allowed",
        "unsupported_media_type",
        "payload_too_large",
        "request_timeout",
        "invalid_transition",
        "concurrent_update",
        "idempotency_in_progress",
        "duplicate_client_reference",
        "events_purged",
        "version_mismatch",
        "total_mismatch",
        "field_mismatch",
        "duplicate_product",
        "currency_not_enabled",
        "amount_overflow",
        "idempotency_key_reused",
        "rate_limited",
        "unavailable",
        "overloaded",
        "draining",
        "outcome_unknown",
        "internal_error",
    ] {
        assert!(text.contains(code), "{code}");
    }
}

fn an_order_is_what_the_document_says(stage: &Stage) {
    let document = document(stage);
    let order = stage.order(id_of(&stage.order_at("CANCELLED")));
    let schema = &document["components"]["schemas"]["Order"];
    let described: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().collect();
    for field in order.as_object().unwrap().keys() {
        assert!(described.contains(field), "{field}");
    }
    for required in schema["required"].as_array().unwrap() {
        assert!(order.get(required.as_str().unwrap()).is_some(), "{required}");
    }
}

fn the_page_is_served_with_all_that_it_loads(stage: &Stage) {
    // The addresses in the page are relative to the target of the redirect.
    let redirect = stage.read("/docs");
    assert_eq!((redirect.status, redirect.header("location")), (308, Some("/docs/")));
    let page = stage.read("/docs/");
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let mut loaded = 0;
    for attribute in ["src=\"", "href=\""] {
        for reference in page.text.split(attribute).skip(1) {
            let reference = reference.split('"').next().unwrap();
            assert!(!reference.contains("//"), "outside: {reference}");
            let path = match reference.strip_prefix('/') {
                Some(absolute) => format!("/{absolute}"),
                None => format!("/docs/{}", reference.trim_start_matches("./")),
            };
            let file = stage.read(&path);
            assert_eq!(file.status, 200, "{path}");
            let kind = file.header("content-type").unwrap();
            assert!(!kind.starts_with("text/html"), "{path}");
            let css = kind.starts_with("text/css");
            assert!(!css || !file.text.contains("url(http"), "{path} loads something");
            assert!(!css || !file.text.contains("@import"), "{path} loads something");
            loaded += 1;
        }
    }
    assert!(loaded >= 2, "a page has scripts and styles");
    stage.read("/docs/no-such-file.js").problem(404, "not_found");
    stage.read("/docs/..%2f..%2fCargo.toml").problem(404, "not_found");
}

fn the_page_may_load_nothing_from_outside(stage: &Stage) {
    let page = stage.read("/docs/");
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'self'"), "{policy}");
    for source in policy.split([' ', ';']) {
        assert!(!source.contains("://") && !source.contains('*'), "{policy}");
    }
}
