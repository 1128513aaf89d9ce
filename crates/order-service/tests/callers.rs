//! The real service asks for tokens: of an issuer that it does not wait for, and by a key in a file. It signs nothing, but
//! what it checks was signed here, so the one provider of cryptography that it was built with is there.

#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a broken expectation ends a test"
)]

mod support;

use std::io::{BufRead as _, BufReader};
use std::time::SystemTime;

use order_testkit::tokens::{Answer, Issuer, Signer};
use reqwest::Method;
use reqwest::blocking::Response;
use serde_json::{Value, json};

use support::{Service, an_order, client, eventually, fresh_folder};

const JWT: &str = "--spring.security.oauth2.resourceserver.jwt";

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the process has the clock of the machine")]
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

fn claims(scope: &str, customer: Option<i64>) -> Value {
    json!({"sub": "ann", "aud": "shop", "exp": now() + 600, "scope": scope, "customer_id": customer})
}

fn ask(service: &Service, method: Method, path: &str, token: &str, body: &Value) -> Response {
    let request = client().request(method, service.url(path)).bearer_auth(token);
    let request = if body.is_null() { request } else { request.json(body) };
    request.send().unwrap()
}

fn get(service: &Service, path: &str, token: &str) -> Response {
    ask(service, Method::GET, path, token, &Value::Null)
}

fn challenge(answer: &Response) -> String {
    answer.headers()["www-authenticate"].to_str().unwrap().to_owned()
}

/// What differs from one answer to the next, taken out.
fn lasting(answer: Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    let mut body: Value = answer.json().unwrap();
    for member in ["instance", "requestId", "traceId"] {
        body.as_object_mut().unwrap().remove(member);
    }
    (status, body)
}

/// A service that has the keys of the issuer.
fn service(issuer: &Issuer) -> Service {
    let keys = format!("{JWT}.jwk-set-uri={}", issuer.keys());
    let service = Service::start(&[
        &keys,
        &format!("{JWT}.audiences=shop"),
        &format!("{JWT}.jws-algorithms=RS256,ES256"),
        "--order.security.open-metrics=true",
    ]);
    service.wait_until_ready();
    service
}

fn has_keys(service: &Service) -> bool {
    service.metric("order_token_keys").is_some_and(|keys| keys > 0.0)
}

#[test]
fn a_service_that_starts_before_its_issuer_asks_for_tokens_from_the_first_request_on() {
    let (signer, other) = (Signer::rsa("one"), Signer::p256("two"));
    let issuer = Issuer::start(Answer::Full(503, Vec::new()));
    let service = service(&issuer);
    let admin = signer.token(&claims("orders:read orders:write orders:any", None));
    let clerk = signer.token(&claims("orders:read orders:write", Some(42)));
    let answer = get(&service, "/orders/1", &admin);
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    let answer = service.get("/orders/1");
    assert_eq!((answer.status().as_u16(), &*challenge(&answer)), (401, "Bearer"));
    assert_eq!(get(&service, "/actuator/health/readiness", "").status(), 200);

    issuer.answer(Answer::keys(&[&signer]));
    assert!(eventually(|| has_keys(&service)), "{}", service.log());
    let place = |token: &str, customer: i64| {
        ask(&service, Method::POST, "/orders", token, &an_order(customer))
    };
    assert_eq!(place(&clerk, 42).status(), 201);
    assert_eq!(place(&clerk, 7).status(), 403, "an order for somebody else");
    assert_eq!(place(&admin, 7).status(), 201);
    assert_eq!(get(&service, "/orders/1", &clerk).status(), 200);
    let (foreign, missing) =
        (get(&service, "/orders/2", &clerk), get(&service, "/orders/999", &clerk));
    let (foreign, missing) = (lasting(foreign), lasting(missing));
    let said =
        |id: &str, (status, body): &(u16, Value)| (*status, body.to_string().replace(id, "ID"));
    assert_eq!((foreign.0, said("2", &foreign)), (404, said("999", &missing)));
    assert_eq!(get(&service, "/orders/2", &admin).status(), 200);

    let reader = signer.token(&claims("orders:read", Some(42)));
    let answer = ask(&service, Method::POST, "/orders", &reader, &an_order(42));
    let said = challenge(&answer);
    let (starts, ends) = (r#"Bearer error="insufficient_scope", "#, r#", scope="orders:write""#);
    assert!(said.starts_with(starts) && said.ends_with(ends), "{said}");
    assert_eq!(answer.status(), 403);
    let mut late = claims("orders:read", Some(42));
    late["exp"] = (now() - 62).into();
    let answer = get(&service, "/orders/1", &signer.token(&late));
    assert!(challenge(&answer).contains(r#"error="invalid_token""#), "{answer:?}");
    assert_eq!(answer.status(), 401);
    // A new key is seen with the first token of it.
    issuer.answer(Answer::keys(&[&signer, &other]));
    let of_other = other.token(&claims("orders:read", Some(42)));
    assert_eq!(get(&service, "/orders/1", &of_other).status(), 200);
    let health: Value = service.get("/actuator/health").json().unwrap();
    assert_eq!(health["components"]["issuer"]["status"], "UP", "{health}");
    let log = service.log();
    assert!(log.contains(r#""login":"on""#), "{log}");
    assert!(service.metric("order_tokens_accepted_total").unwrap() >= 8.0);
    assert_eq!(service.metric(r#"order_tokens_refused_total{reason="expired"}"#), Some(1.0));
}

#[test]
fn a_stream_of_events_ends_with_its_token() {
    let signer = Signer::p256("one");
    let issuer = Issuer::start(Answer::keys(&[&signer]));
    let service = service(&issuer);
    assert!(eventually(|| has_keys(&service)), "{}", service.log());
    // Of the minute of skew, three seconds are left.
    let mut ending = claims("orders:read", Some(42));
    ending["exp"] = (now() - 57).into();
    let stream = get(&service, "/events", &signer.token(&ending));
    assert_eq!(stream.status(), 200);
    // An end, and not the client's time-out.
    assert!(BufReader::new(stream).lines().all(|line| line.is_ok()));
}

/// A service with a file `key.pem` of this content, that takes its key from a file.
fn with_file(content: &str, file: &str) -> Service {
    let folder = fresh_folder();
    std::fs::write(folder.join("key.pem"), content).unwrap();
    let file = format!("{JWT}.public-key-location={file}");
    Service::start_in(&folder, &[&file, "--order.security.any-audience=true"], &[])
}

#[test]
fn a_key_in_a_file_checks_tokens_and_a_wrong_file_stops_the_start() {
    let (signer, forger) = (Signer::rsa("one"), Signer::rsa("one"));
    let service = with_file(&signer.pem(), "file:key.pem");
    service.wait_until_ready();
    let claims = claims("orders:read orders:any", None);
    assert_eq!(get(&service, "/orders/1", &signer.token(&claims)).status(), 404);
    assert_eq!(get(&service, "/orders/1", &forger.token(&claims)).status(), 401);
    for (file, said) in [("key.pem", "BEGIN PUBLIC KEY"), ("gone.pem", "gone.pem"), (".", "file")] {
        let service = with_file("no key", file);
        assert!(eventually(|| service.ended().is_some()), "{}", service.log());
        assert!(service.ended().is_some_and(|status| !status.success()));
        let log = service.log();
        assert!(log.contains(said) && log.contains("resourceserver.jwt"), "{log}");
    }
}
