//! Who may do what with whose orders: authorities × routes × own, foreign and missing orders. The routes are those of the
//! documents and of the actuator's links, so that a new one fails here until it has a row.

use std::collections::BTreeSet;
use std::sync::Arc;

use http_actix::{Security, management_openapi_json};
use order_app::caller::Authority;
use order_app::ports::{OrderStore as _, SagaChange, Seen};
use order_app::saga::{Moment, SagaPolicy, begin};
use order_domain::OrderStatus;
use order_events::{saga, schema};
use order_testkit::examples::{
    a_change, a_change_placing, a_new_order, an_order_id, an_origin, moved, noon, soon,
};
use order_testkit::{InMemoryStore, SequentialEntropy};
use serde_json::{Value, json};

use crate::management::everything;
use crate::support::{LINES, Reply, Service};
use crate::tokens::{PlainTokens, text};

use OrderStatus::{Cancelled, Confirmed, Delivered, InProgress};

/// The customer that asks, and another one.
pub(crate) const OWN: i64 = 7;
pub(crate) const FOREIGN: i64 = 42;

pub(crate) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// What a route asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// No token.
    Nothing,
    /// A token, unless documents are open.
    Documents,
    /// A token with an authority, unless metrics are open.
    Metrics,
    /// A token with an authority.
    Authority(Authority),
}

use Needs::{Authority as With, Documents, Metrics, Nothing};

type Row = (&'static str, &'static str, &'static str, Needs);

/// Every route of the main port, with a body.
fn main_rows() -> Vec<Row> {
    let read = With(Authority::Read);
    let write = With(Authority::Write);
    let fulfil = With(Authority::Fulfil);
    let lines = r#"{"items":[{"productId":1,"quantity":3,"unitPrice":"49.99"}]}"#;
    let order = r#"{"customerId":7,"items":[{"productId":1,"quantity":3,"unitPrice":"49.99"}]}"#;
    let mut rows = vec![
        ("POST", "/orders", order, write),
        ("GET", "/orders/{id}", "", read),
        ("PUT", "/orders/{id}", lines, write),
        ("PUT", "/orders/{id}/status", r#"{"status":"PENDING"}"#, write),
        ("PUT", "/orders/{id}/status", r#"{"status":"CONFIRMED"}"#, fulfil),
        ("PUT", "/orders/{id}/status", r#"{"status":"IN_PROGRESS"}"#, fulfil),
        ("PUT", "/orders/{id}/status", r#"{"status":"DELIVERED"}"#, fulfil),
        ("PUT", "/orders/{id}/status", r#"{"status":"CANCELLED"}"#, write),
        ("GET", "/orders/customer/{customerId}", "", read),
        ("GET", "/orders/{id}/events", "", read),
        ("GET", "/orders/{id}/saga", "", read),
        // Its answer has no end.
        ("HEAD", "/events", "", read),
    ];
    rows.extend(rows_of_both());
    rows
}

/// Every route of the management port, with a body.
fn management_rows() -> Vec<Row> {
    let admin = With(Authority::Admin);
    let mut rows = vec![
        ("POST", "/actuator/refresh", "", admin),
        ("GET", "/actuator/loggers", "", admin),
        ("GET", "/actuator/loggers/{name}", "", admin),
        ("POST", "/actuator/loggers/{name}", "{}", admin),
        ("GET", "/actuator/metrics", "", admin),
        ("GET", "/actuator/metrics/{name}", "", admin),
        ("GET", "/actuator/events", "", admin),
        ("GET", "/actuator/events/parked", "", admin),
        ("POST", "/actuator/events/parked/redrive", "", admin),
        ("GET", "/actuator/events/parked/{orderId}", "", admin),
        ("POST", "/actuator/events/parked/{orderId}/redrive", "", admin),
        ("POST", "/actuator/events/parked/{orderId}/skip", r#"{"reason":"x"}"#, admin),
        ("GET", "/actuator/events/skipped", "", admin),
        ("GET", "/actuator/events/replays", "", admin),
        ("POST", "/actuator/events/replays", r#"{"dryRun":true}"#, admin),
        ("GET", "/actuator/events/replays/{replayId}", "", admin),
        ("DELETE", "/actuator/events/replays/{replayId}", "", admin),
        ("GET", "/actuator/sagas", "", admin),
        ("GET", "/actuator/sagas/{orderId}", "", admin),
        ("POST", "/actuator/sagas/{orderId}/retry", r#"{"reason":"x"}"#, admin),
        ("POST", "/actuator/sagas/{orderId}/skip", r#"{"step":"reserve","reason":"x"}"#, admin),
        ("POST", "/actuator/sagas/{orderId}/confirm", r#"{"reason":"x"}"#, admin),
    ];
    rows.extend(rows_of_both());
    rows
}

fn rows_of_both() -> Vec<Row> {
    vec![
        ("GET", "/", "", Nothing),
        ("GET", "/actuator", "", With(Authority::Admin)),
        ("GET", "/actuator/health", "", Nothing),
        ("GET", "/actuator/health/dependencies", "", Nothing),
        ("GET", "/actuator/health/liveness", "", Nothing),
        ("GET", "/actuator/health/readiness", "", Nothing),
        ("GET", "/actuator/health/{component}", "", Nothing),
        ("GET", "/actuator/info", "", Metrics),
        ("GET", "/actuator/prometheus", "", Metrics),
        ("GET", "/openapi.json", "", Documents),
        ("GET", "/asyncapi.json", "", Documents),
        ("GET", schema::EVENT_SCHEMA_PATH, "", Nothing),
        ("GET", schema::CLOUD_EVENT_SCHEMA_PATH, "", Nothing),
        ("GET", saga::COMMAND_SCHEMA_PATH, "", Nothing),
        ("GET", saga::REPLY_SCHEMA_PATH, "", Nothing),
        ("GET", "/docs", "", Documents),
        ("GET", "/docs/index.html", "", Documents),
        ("GET", "/nothing/here", "", With(Authority::Any)),
    ]
}

/// A path with something in the parts that are left open.
fn filled(path: &str) -> String {
    let mut filled = path.to_owned();
    for (part, value) in [
        ("{id}", "999"),
        ("{orderId}", "999"),
        ("{customerId}", "7"),
        ("{name}", "ROOT"),
        ("{component}", "db"),
        ("{replayId}", "none"),
    ] {
        filled = filled.replace(part, value);
    }
    filled
}

/// The operations of a document and the links of an actuator.
async fn routes(document: &Value, service: &Service) -> BTreeSet<(String, String)> {
    let mut routes = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let method = if path == "/events" { "HEAD".to_owned() } else { method.to_uppercase() };
            routes.insert((method, path.clone()));
        }
    }
    let admin = bearer("root.any.admin");
    let links = service.call_with("GET", "/actuator", &[("authorization", &admin)]).await;
    for link in links.json()["_links"].as_object().unwrap().values() {
        let path = link["href"].as_str().unwrap().split_once("//orders").unwrap().1.to_owned();
        if !routes.iter().any(|(_, known)| *known == path) {
            routes.insert(("GET".to_owned(), path));
        }
    }
    routes
}

async fn ask(service: &Service, (method, path, body, _): Row, headers: &[(&str, &str)]) -> Reply {
    let path = filled(path);
    if body.is_empty() {
        service.call_with(method, &path, headers).await
    } else {
        service.write(method, &path, headers, body).await
    }
}

/// Asks a route with tokens of all kinds, and demands the answer that what it needs leads to.
async fn check(service: &Service, row: Row, security: &Security) {
    let needs = match row.3 {
        Documents if security.open_documents => Nothing,
        Metrics if security.open_metrics => Nothing,
        Documents => With(Authority::Any),
        Metrics => With(Authority::Metrics),
        needs => needs,
    };
    let headers: [&[(&str, &str)]; 4] = [
        &[],
        &[("authorization", "Basic YTpi")],
        &[("authorization", "Bearer bad")],
        &[("authorization", "Bearer")],
    ];
    for headers in headers {
        let reply = ask(service, row, headers).await;
        assert_eq!(reply.status == 401, needs != Nothing, "{row:?} {headers:?} {reply:?}");
        if reply.status == 401 {
            let challenge = reply.header("www-authenticate").unwrap();
            assert!(challenge.starts_with("Bearer"), "{challenge}");
            assert!(row.0 == "HEAD" || reply.code() == "unauthenticated");
        }
    }
    for has in Authority::ALL {
        let authorization = bearer(&format!("ann.any.{}", text(has)));
        let reply = ask(service, row, &[("authorization", &authorization)]).await;
        // Any token may ask for documents, and for what is not there.
        let lacks = matches!(needs, With(one) if one != has && one != Authority::Any);
        assert_eq!(reply.status == 403, lacks, "{row:?} {has:?} {reply:?}");
        assert_ne!(reply.status, 401, "{row:?}");
        if let With(one) = needs
            && lacks
        {
            let error = "The request requires higher privileges than provided by the access token.";
            let error = challenge("insufficient_scope", error);
            let expected = format!("{error}, scope=\"{}\"", text(one));
            assert_eq!(reply.header("www-authenticate"), Some(&*expected), "{row:?}");
            assert!(row.0 == "HEAD" || reply.code() == "forbidden");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_the_main_port_asks_for_its_authority() {
    for (open_metrics, open_documents) in [(false, true), (true, false)] {
        let security = Security { open_metrics, open_documents, ..PlainTokens::security() };
        let service = Service::secured(Arc::default(), security.clone());
        let document = serde_json::from_str(&http_actix::openapi_json()).unwrap();
        let known = main_rows().iter().map(|row| (row.0.to_owned(), row.1.to_owned())).collect();
        let unknown: Vec<_> =
            routes(&document, &service).await.difference(&known).cloned().collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        for row in main_rows() {
            check(&service, row, &security).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_the_management_port_asks_for_its_authority() {
    for (open_metrics, open_documents) in [(false, true), (true, false)] {
        let security = Security { open_metrics, open_documents, ..PlainTokens::security() };
        let service = Service::secured_management(everything(), security.clone());
        let document = serde_json::from_str(&management_openapi_json()).unwrap();
        let known =
            management_rows().iter().map(|row| (row.0.to_owned(), row.1.to_owned())).collect();
        let unknown: Vec<_> =
            routes(&document, &service).await.difference(&known).cloned().collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        for row in management_rows() {
            check(&service, row, &security).await;
        }
    }
}

/// Moves order `id` of the foreign customer to a status. It has a saga.
pub(crate) async fn put(store: &InMemoryStore, id: i64, path: &[OrderStatus]) {
    let placed = a_change_placing(a_new_order(id, FOREIGN));
    let mut order = placed.order.clone();
    store.commit(placed.into(), soon()).await.unwrap();
    for to in path {
        let event = moved(&order, *to, noon());
        order = event.order.clone();
        store.commit(a_change(event).into(), soon()).await.unwrap();
    }
    let entropy = SequentialEntropy::default();
    let times = &SagaPolicy::default().times;
    let at = Moment { now: noon(), entropy: &entropy, times, cause: None };
    let saga = begin(&order, &an_origin(), &at).saga.unwrap().to_write().unwrap();
    let seen = Seen { version: order.version(), saga_revision: 0 };
    store.commit(SagaChange { id: order.id(), seen, saga }.into(), soon()).await.unwrap();
}

/// The routes on one order, with bodies that would be right, and wrong, for a pending one.
fn rows_on_one() -> Vec<Row> {
    let mut rows: Vec<_> =
        main_rows().into_iter().filter(|(_, path, ..)| path.contains("{id}")).collect();
    for body in [
        r#"{"items":[{"productId":1,"quantity":3,"unitPrice":"49.99"}],"version":1}"#,
        r#"{"items":[{"productId":1,"quantity":3,"unitPrice":"49.99"}],"customerId":42}"#,
        r#"{"items":[{"productId":1,"quantity":3,"unitPrice":"49.99"}],"totalAmount":"1"}"#,
    ] {
        rows.push(("PUT", "/orders/{id}", body, With(Authority::Write)));
    }
    rows
}

/// Everything of an answer but the time at which it was sent.
pub(crate) fn bytes(reply: &Reply) -> String {
    let headers = reply.headers.iter().filter(|(name, _)| name != "date");
    format!("{} {:?} {}", reply.status, headers.collect::<Vec<_>>(), reply.text())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_order_is_byte_for_byte_as_if_it_did_not_exist() {
    let paths: [&[OrderStatus]; 5] = [
        &[],
        &[Confirmed],
        &[Confirmed, InProgress],
        &[Confirmed, InProgress, Delivered],
        &[Cancelled],
    ];
    let preconditions: [&[(&str, &str)]; 6] = [
        &[],
        &[("if-match", "*")],
        &[("if-match", "\"1\"")],
        &[("if-match", "\"99\"")],
        &[("if-none-match", "\"1\"")],
        &[("idempotency-key", "k")],
    ];
    let mut compared = 0;
    for path in paths {
        let store = Arc::new(InMemoryStore::default());
        let service = Service::secured(store.clone(), PlainTokens::security());
        let own = bearer(&format!("ann.{OWN}.read-write-fulfil"));
        let mut all: Vec<(Row, Vec<(&str, &str)>)> = vec![];
        for row in rows_on_one() {
            for precondition in preconditions {
                let mut headers = vec![
                    ("authorization", own.as_str()),
                    ("x-request-id", "r-1"),
                    ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
                ];
                headers.extend_from_slice(precondition);
                all.push((row, headers));
            }
        }
        let mut before = vec![];
        for (row, headers) in &all {
            let reply = ask(&service, *row, headers).await;
            assert_eq!((reply.status, &*reply.code()), (404, "order_not_found"), "{row:?}");
            before.push(bytes(&reply));
        }
        put(&store, 999, path).await;
        for ((row, headers), before) in all.iter().zip(before) {
            let reply = ask(&service, *row, headers).await;
            assert_eq!(bytes(&reply), before, "{row:?} {headers:?} {path:?}");
            compared += 1;
        }
    }
    assert!(compared > 250, "{compared}");
}

#[tokio::test(flavor = "multi_thread")]
async fn own_orders_are_there_and_so_are_those_of_all_customers_for_who_may_see_them() {
    let store = Arc::new(InMemoryStore::default());
    let service = Service::secured(store.clone(), PlainTokens::security());
    put(&store, 999, &[]).await;
    for token in
        [format!("eve.{FOREIGN}.read-write-fulfil"), "shop.any.read-write-fulfil".to_owned()]
    {
        let authorization = bearer(&token);
        for row in rows_on_one().into_iter().filter(|row| row.0 == "GET") {
            let reply = ask(&service, row, &[("authorization", &authorization)]).await;
            assert_eq!(reply.status, 200, "{row:?}");
        }
        let row = ("GET", "/orders/customer/42", "", With(Authority::Read));
        let list = ask(&service, row, &[("authorization", &authorization)]).await;
        assert_eq!(list.json()["orders"].as_array().unwrap().len(), 1);
    }
    // Access to no orders is a lack of authority, whatever is asked for.
    let nothing = bearer("bob.none.read-write-fulfil");
    for row in main_rows().into_iter().filter(|row| row.1.starts_with("/orders")) {
        let reply = ask(&service, row, &[("authorization", &nothing)]).await;
        assert_eq!((reply.status, &*reply.code()), (403, "forbidden"), "{row:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_another_customer_is_empty_and_an_order_for_one_is_forbidden() {
    let store = Arc::new(InMemoryStore::default());
    let service = Service::secured(store.clone(), PlainTokens::security());
    put(&store, 999, &[]).await;
    let own = bearer(&format!("ann.{OWN}.read-write"));
    let headers = [("authorization", own.as_str())];
    for customer in [OWN, FOREIGN, 12_345] {
        let list =
            service.call_with("GET", &format!("/orders/customer/{customer}"), &headers).await;
        assert_eq!(
            (list.status, list.json()),
            (200, json!({"nextCursor": null, "orders": []})),
            "{customer}"
        );
    }
    for (customer, status) in [(OWN, 201), (FOREIGN, 403), (12_345, 403)] {
        let body = format!(r#"{{"customerId":{customer},"items":{LINES}}}"#);
        let reply = service.write("POST", "/orders", &headers, &body).await;
        assert_eq!(reply.status, status, "{customer}");
    }
    // Nothing but the one for itself was placed.
    let all = async |id| store.order(an_order_id(id), soon()).await.unwrap();
    let placed = all(1).await.expect("its own");
    assert_eq!((placed.snapshot().customer_id.get(), all(2).await), (OWN, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn idempotency_keys_belong_to_their_callers() {
    let service = Service::secured(Arc::default(), PlainTokens::security());
    let body = format!(r#"{{"customerId":{OWN},"items":{LINES}}}"#);
    let mut ids = BTreeSet::new();
    for token in ["ann.7.write", "ann.7.write", "bob.7.write", "shop.any.write"] {
        let authorization = bearer(token);
        let headers = [("authorization", &*authorization), ("idempotency-key", "k")];
        let reply = service.write("POST", "/orders", &headers, &body).await;
        assert_eq!(reply.status, 201);
        ids.insert(reply.json()["id"].as_i64().unwrap());
    }
    assert_eq!(ids.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_recorded_before_login_is_on_are_not_those_of_a_caller() {
    let store = Arc::new(InMemoryStore::default());
    let body = format!(r#"{{"customerId":{OWN},"items":{LINES}}}"#);
    let key = ("idempotency-key", "k");
    let before = Service::on(store.clone()).write("POST", "/orders", &[key], &body).await;
    let authorization = bearer("ann.7.write");
    let secured = Service::secured(store.clone(), PlainTokens::security());
    let headers = [key, ("authorization", authorization.as_str())];
    let after = secured.write("POST", "/orders", &headers, &body).await;
    assert_eq!((before.status, after.status), (201, 201));
    assert_eq!(after.header("idempotency-replayed"), None);
    assert_ne!(before.json()["id"], after.json()["id"]);
    // Switched off again, the first answer is there.
    let again = Service::on(store).write("POST", "/orders", &[key], &body).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.body, before.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_counts_in_the_header_alone_and_once() {
    let service = Service::secured(Arc::default(), PlainTokens::security());
    let own = bearer("ann.7.read");
    let status = async |target: &str, headers: &[(&str, &str)]| {
        service.call_with("GET", target, headers).await.status
    };
    assert_eq!(status("/orders/customer/7", &[("authorization", &own)]).await, 200);
    assert_eq!(status("/orders/customer/7", &[("authorization", "bEARER ann.7.read")]).await, 200);
    assert_eq!(status("/orders/customer/7?access_token=ann.7.read", &[]).await, 401);
    let twice = [("authorization", own.as_str()), ("authorization", own.as_str())];
    let reply = service.call_with("GET", "/orders/customer/7", &twice).await;
    let expected = challenge("invalid_request", "Found multiple bearer tokens in the request");
    assert_eq!((reply.status, reply.header("www-authenticate")), (400, Some(&*expected)));
    let long = format!("Bearer ann.7.{}", "r".repeat(8 << 10));
    let expected = challenge("invalid_token", "Bearer token is malformed");
    let others = ["Bearer", "Bearer  ann.7.read", "Bearer\tann.7.read", "Bearerann.7.read"];
    for malformed in ["Bearer a b", "Bearer ann.7.read,", "Bearer =", &long].iter().chain(&others) {
        let reply =
            service.call_with("GET", "/orders/customer/7", &[("authorization", malformed)]).await;
        assert_eq!(reply.header("www-authenticate"), Some(&*expected), "{malformed}");
    }
}

fn challenge(error: &str, description: &str) -> String {
    let more = "https://tools.ietf.org/html/rfc6750#section-3.1";
    format!("Bearer error=\"{error}\", error_description=\"{description}\", error_uri=\"{more}\"")
}
