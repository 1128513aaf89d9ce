//! Secrets and personal data stay out of logs, metrics, traces, health and problems: each is planted
//! with a marker of its own in the settings and in requests good and bad, and no marker comes out.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends a test")]

#[path = "support/collector.rs"]
mod collector;
mod support;

use std::fmt::Write as _;
use std::process::Command;

use order_testkit::tokens::{Answer, Issuer, Signer};
use reqwest::Method;
use serde_json::{Value, json};

use crate::collector::{Collector, attribute};
use crate::support::{Service, client, eventually, free_port, fresh_folder};

/// Every marker begins like this.
const MARK: &str = "pl4nted";
/// The marker of a customer, which has to be a number.
const CUSTOMER: i64 = 414_243_444_546;

/// Sends requests and collects the problems that come back.
struct Caller<'a> {
    service: &'a Service,
    problems: String,
}

impl Caller<'_> {
    fn send(&mut self, method: &Method, path: &str, key: &str, body: &Value) -> Value {
        let request = client().request(method.clone(), self.service.url(path));
        let request = request.header("idempotency-key", key).header("cookie", mark("cookie"));
        let request = request.header("authorization", format!("Bearer {}", mark("bearer")));
        let answer = request.json(body).send().unwrap();
        let (status, text) = (answer.status(), answer.text().unwrap());
        if !status.is_success() {
            self.problems.push_str(&text);
        }
        serde_json::from_str(&text).unwrap_or_default()
    }
}

fn mark(what: &str) -> String {
    format!("{MARK}-{what}")
}

fn order(more: &Value) -> Value {
    let mut order = json!({
        "customerId": CUSTOMER,
        "clientReference": mark("reference"),
        "items": [
            {"productId": 7, "name": mark("product"), "quantity": 3, "unitPrice": "49.99"},
        ],
    });
    let (all, more) = (order.as_object_mut().unwrap(), more.as_object().unwrap());
    all.extend(more.clone());
    order
}

/// Good requests and bad ones.
fn ask_everything(caller: &mut Caller<'_>) {
    let key = mark("key");
    let placed = caller.send(&Method::POST, "/orders", &key, &order(&json!({})));
    let id = placed.get("id").and_then(Value::as_i64).unwrap();
    for (key, more) in [
        (mark("other"), json!({})),
        (key, json!({"totalAmount": "1.00"})),
        (mark("third"), json!({"totalAmount": "1.00"})),
        (mark("fourth"), json!({"currency": "EUR"})),
    ] {
        caller.send(&Method::POST, "/orders", &key, &order(&more));
    }
    let change = json!({
        "status": "CANCELLED", "reason": "CUSTOMER_REQUEST", "note": mark("note"),
    });
    let path = format!("/orders/{id}/status");
    caller.send(&Method::PUT, &path, &mark("fifth"), &change);
    caller.send(&Method::PUT, &path, &mark("sixth"), &json!({"status": "CONFIRMED"}));
    let list = format!("/orders/customer/{CUSTOMER}");
    caller.send(&Method::GET, &list, "", &json!(null));
    let query = format!("{list}?cursor={}", mark("cursor"));
    caller.send(&Method::GET, &query, "", &json!(null));
    // The `instance` of a problem repeats the path to its sender, and only to its sender.
    let before = caller.problems.len();
    caller.send(&Method::GET, &format!("/orders/{}", mark("path")), "", &json!(null));
    caller.send(&Method::GET, &format!("/{}", mark("nowhere")), "", &json!(null));
    caller.problems.truncate(before);
}

fn settings(collector: &Collector) -> Vec<String> {
    let closed = || format!("http://{}:{}@127.0.0.1:{}", mark("user"), mark("pass"), free_port());
    vec![
        format!("--spring.datasource.url=sqlite:orders.db?password={}", mark("url")),
        format!("--spring.datasource.password={}", mark("database")),
        format!("--eureka.client.service-url.defaultZone={}/eureka", closed()),
        format!("--spring.config.import=optional:configserver:{}", closed()),
        format!("--spring.cloud.config.password={}", mark("config")),
        format!("--spring.cloud.config.token={}", mark("token")),
        format!("--spring.kafka.bootstrap-servers=127.0.0.1:{}", free_port()),
        format!("--spring.kafka.properties.ssl.key.password={}", mark("kafka")),
        format!("--management.otlp.tracing.endpoint={}", collector.endpoint()),
        format!("--management.otlp.tracing.headers.authorization={}", mark("collector")),
        "--management.tracing.sampling.probability=1.0".to_owned(),
        "--logging.level.root=debug".to_owned(),
        "--order.config.refresh-interval=1s".to_owned(),
    ]
}

/// All spans that the collector was sent, as text.
fn told(collector: &Collector) -> String {
    collector.heard(|heard| {
        let mut all = String::new();
        for span in &heard.spans {
            let named = |key: &str| attribute(&span.attributes, key).unwrap_or_default();
            let values: Vec<_> = span.attributes.iter().map(|a| named(&a.key)).collect();
            writeln!(all, "{} {}", span.name, values.join(" ")).unwrap();
        }
        all
    })
}

#[test]
fn no_planted_marker_is_in_a_log_metric_trace_or_problem() {
    for form in ["json", "ecs", "logstash", "pretty"] {
        let collector = Collector::that_answers(Some(200));
        let mut options = settings(&collector);
        options.push(format!("--logging.structured.format.console={form}"));
        let options: Vec<_> = options.iter().map(String::as_str).collect();
        let service = Service::start_in(&fresh_folder(), &options, &[]);
        service.wait_until_ready();
        let mut caller = Caller { service: &service, problems: String::new() };
        ask_everything(&mut caller);
        let problems = caller.problems;
        assert!(problems.contains("invalid_transition"), "{problems}");
        let metrics = service.get("/actuator/prometheus").text().unwrap();
        assert!(eventually(
            || told(&collector).contains("GET UNKNOWN") || told(&collector).contains("NOT_FOUND")
        ));
        let health = service.get("/actuator/health/dependencies").text().unwrap();
        service.signal("TERM");
        assert_eq!(service.wait().code(), Some(0), "{}", service.log());
        let (log, traces) = (service.log(), told(&collector));
        assert!(traces.contains("POST /orders") && log.contains("/orders/customer/{customerId}"));
        let customer = CUSTOMER.to_string();
        for (place, text) in
            [("log", &log), ("metrics", &metrics), ("traces", &traces), ("health", &health)]
        {
            for planted in [MARK, customer.as_str()] {
                let line = text.lines().find(|line| line.contains(planted));
                assert_eq!(line, None, "{planted} in the {place} as {form}");
            }
        }
        // A problem may quote the request, but never a secret.
        for secret in ["key", "cookie", "bearer", "database", "config", "pass", "note", "product"] {
            assert!(!problems.contains(&mark(secret)), "{secret}: {problems}");
        }
    }
}

/// Tokens good and bad. Each has markers wherever a client may write something.
fn tokens(signer: &Signer) -> Vec<String> {
    let claims = |end: i64, audience: &str| {
        json!({
            "sub": mark("subject"), "jti": mark("id"), "exp": end, "scope": "orders:read",
            "customer_id": CUSTOMER, "aud": audience, mark("claim"): mark("claimed"),
        })
    };
    let good = claims(4_000_000_000, "shop");
    let with = |header: Value| signer.signed("RS256", &header.to_string(), &good.to_string());
    vec![
        signer.token(&good),
        signer.token(&claims(1, "shop")),
        signer.token(&claims(4_000_000_000, &mark("audience"))),
        with(json!({"alg": mark("algorithm")})),
        with(json!({"alg": "RS256", "kid": mark("key-id"), "jku": mark("address")})),
        with(json!({"alg": "RS256", "typ": mark("type")})),
        format!("{}x", signer.token(&good)),
        mark("garbage"),
    ]
}

#[test]
fn no_part_of_a_token_or_of_what_checks_it_comes_out() {
    let signer = Signer::rsa(&mark("key"));
    let issuer = Issuer::start(Answer::keys(&[&signer]));
    let keys =
        issuer.keys().replace("http://", &format!("http://{}:{}@", mark("user"), mark("pass")));
    let collector = Collector::that_answers(Some(200));
    let mut options = settings(&collector);
    options.push(format!("--spring.security.oauth2.resourceserver.jwt.jwk-set-uri={keys}"));
    options.push("--spring.security.oauth2.resourceserver.jwt.audiences=shop".to_owned());
    options.push("--order.security.open-metrics=true".to_owned());
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    let service = Service::start_in(&fresh_folder(), &options, &[]);
    service.wait_until_ready();
    assert!(eventually(|| service.metric("order_token_keys") == Some(1.0)), "{}", service.log());
    let (tokens, mut problems) = (tokens(&signer), String::new());
    for token in &tokens {
        for (method, path) in [("GET", "/orders/1"), ("POST", "/orders"), ("GET", "/nowhere")] {
            let method = method.parse().unwrap();
            let request = client().request(method, service.url(path)).bearer_auth(token);
            let answer = request.json(&order(&json!({}))).send().unwrap();
            writeln!(problems, "{:?}", answer.headers()).unwrap();
            problems.push_str(&answer.text().unwrap());
        }
    }
    assert!(problems.contains("invalid_token") && problems.contains("insufficient_scope"));
    let metrics = service.get("/actuator/prometheus").text().unwrap();
    assert!(metrics.contains("order_tokens_refused_total"), "{metrics}");
    let health = service.get("/actuator/health/dependencies").text().unwrap();
    assert!(eventually(|| told(&collector).contains("GET /orders/{id}")));
    service.signal("TERM");
    assert_eq!(service.wait().code(), Some(0), "{}", service.log());
    let mut config = Command::new(env!("CARGO_BIN_EXE_order-service"));
    let config = config.arg("config").args(&options).current_dir(fresh_folder()).output().unwrap();
    let config = String::from_utf8(config.stdout).unwrap();
    assert!(config.contains("jwk-set-uri"), "{config}");
    for (place, text) in [
        ("log", &service.log()),
        ("metrics", &metrics),
        ("traces", &told(&collector)),
        ("health", &health),
        ("problems", &problems),
        ("config", &config),
    ] {
        let parts = tokens.iter().flat_map(|token| token.split('.')).filter(|part| part.len() > 9);
        for planted in parts.chain([MARK]) {
            let line = text.lines().find(|line| line.contains(planted));
            assert_eq!(line, None, "{planted} in the {place}");
        }
    }
}
