//! Pages of other origins: by Spring's answers, recorded from a real one, and beyond them.

use std::sync::Arc;
use std::time::Duration;

use http_actix::{Actuator, Cors, Endpoint, HttpSettings, Proxies, Site};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

use crate::management::with_loggers;
use crate::support::{LINES, Reply, Service, head, usual};
use crate::tokens::PlainTokens;

const PAGE: &str = "https://a.example";
const VARY: &str = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

fn rules() -> Cors {
    Cors {
        origins: vec![PAGE.to_owned()],
        patterns: Vec::new(),
        methods: ["GET", "HEAD", "POST"].map(ToOwned::to_owned).to_vec(),
        headers: vec!["*".to_owned()],
        exposed: vec!["Location".to_owned()],
        credentials: false,
        max_age: Duration::from_mins(30),
    }
}

fn with(cors: Cors) -> HttpSettings {
    HttpSettings { cors: Some(cors), ..HttpSettings::default() }
}

/// What `deploy/spring-cors` has recorded.
#[derive(Deserialize)]
struct Recorded {
    tables: Vec<Table>,
}

#[derive(Deserialize)]
struct Table {
    settings: BTreeMap<String, Vec<String>>,
    answers: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    method: String,
    asked: BTreeMap<String, String>,
    status: u16,
    answered: BTreeMap<String, String>,
}

impl Table {
    /// As Spring reads the settings of its actuator.
    fn rules(&self) -> Cors {
        let list = |name: &str| self.settings.get(name).cloned().unwrap_or_default();
        let bare = |origin: String| origin.trim_end_matches('/').to_owned();
        let methods = Some(list("allowed-methods")).filter(|methods| !methods.is_empty());
        let max_age = list("max-age");
        Cors {
            origins: list("allowed-origins").into_iter().map(bare).collect(),
            patterns: list("allowed-origin-patterns")
                .iter()
                .map(|text| text.parse().unwrap())
                .collect(),
            methods: methods.unwrap_or_else(|| ["GET", "HEAD"].map(ToOwned::to_owned).to_vec()),
            headers: list("allowed-headers"),
            exposed: list("exposed-headers"),
            credentials: list("allow-credentials") == ["true"],
            max_age: Duration::from_secs(match max_age.first().map(String::as_str) {
                None => 1_800,
                Some("1h") => 3_600,
                Some(seconds) => seconds.parse().unwrap(),
            }),
        }
    }
}

/// The headers of an answer that are about CORS.
fn of_cors(reply: &Reply) -> BTreeMap<String, String> {
    let is_of_cors = |name: &str| name.starts_with("access-control-") || name == "vary";
    reply.headers.iter().filter(|(name, _)| is_of_cors(name)).cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_answered_as_by_spring() {
    let recorded: Recorded = serde_json::from_str(include_str!("spring-cors.json")).unwrap();
    let mut compared = 0;
    for table in recorded.tables {
        let settings =
            HttpSettings { actuator_cors: Some(table.rules()), ..HttpSettings::default() };
        let site = Site::of_operators("").with(&Actuator::default(), &Endpoint::ALL);
        let service = Service::management_with(site, with_loggers(), settings);
        for Answer { method, asked, status, answered } in table.answers {
            let asked: Vec<_> = asked
                .iter()
                .map(|(name, value)| (name.as_str(), value.replace("HOST", "orders")))
                .collect();
            let headers: Vec<_> =
                asked.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let reply = service.call_with(&method, "/actuator/loggers/ROOT", &headers).await;
            let said = format!("{:?} {method} {headers:?}: {reply:?}", table.settings);
            assert_eq!(of_cors(&reply), answered, "{said}");
            // What a POST without a body says is no matter of CORS. OPTIONS without a question is answered by Spring for each
            // path; here it is a wrong method, and on the management port refused to other origins.
            let is_preflight = headers.iter().any(|(name, _)| name.contains("Request-Method"));
            match method.as_str() {
                "POST" => assert_eq!(reply.status == 403, status == 403, "{said}"),
                "OPTIONS" if !is_preflight => assert!([403, 405].contains(&reply.status), "{said}"),
                _ => assert_eq!(reply.status, status, "{said}"),
            }
            compared += 1;
        }
    }
    assert!(compared > 250, "the table is whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_settings_no_answer_speaks_of_it() {
    let service = Service::start();
    let preflight = [("origin", PAGE), ("access-control-request-method", "GET")];
    let reply = service.call_with("OPTIONS", "/orders/1", &preflight).await;
    assert_eq!((reply.status, of_cors(&reply)), (405, BTreeMap::new()));
    let reply = service.call_with("GET", "/orders/1", &[("origin", PAGE)]).await;
    assert_eq!((reply.status, of_cors(&reply)), (404, BTreeMap::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_needs_neither_a_token_nor_a_permit() {
    let settings = HttpSettings { max_in_flight: 0.into(), ..with(rules()) };
    let service = Service::secured_with(Arc::default(), PlainTokens::security(), settings);
    let preflight = [
        ("origin", PAGE),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type"),
    ];
    for target in ["/orders", "/orders/1", "/nothing"] {
        let reply = service.call_with("OPTIONS", target, &preflight).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, ""));
        assert_eq!(reply.header("access-control-allow-methods"), Some("GET,HEAD,POST"));
        assert_eq!(
            reply.header("access-control-allow-headers"),
            Some("authorization, content-type")
        );
        assert_eq!(reply.header("access-control-max-age"), Some("1800"));
    }
    // What follows it needs both.
    let reply = service.call_with("GET", "/orders/1", &[("origin", PAGE)]).await;
    assert_eq!((reply.status, reply.code().as_str()), (503, "overloaded"));
    assert_eq!(reply.header("access-control-allow-origin"), Some(PAGE));
}

#[tokio::test(flavor = "multi_thread")]
async fn problems_can_be_read_by_the_pages_that_may_ask() {
    let service = Service::secured_with(Arc::default(), PlainTokens::security(), with(rules()));
    let reading = ("authorization", "Bearer shop.any.read");
    let long = format!("/orders/1?{}", "x".repeat(9_000));
    for (method, target, headers, status) in [
        ("GET", "/orders/1", &[][..], 401),
        ("POST", "/orders", &[reading, ("content-type", "application/json")][..], 403),
        ("GET", "/orders/1", &[reading][..], 404),
        ("GET", "/nothing", &[reading][..], 404),
        ("POST", "/orders/1", &[reading][..], 405),
        ("GET", long.as_str(), &[][..], 414),
    ] {
        let all = [headers, &[("origin", PAGE)]].concat();
        let body = if status == 403 {
            format!(r#"{{"customerId":1,"items":{LINES}}}"#)
        } else {
            String::new()
        };
        let length = body.len().to_string();
        let all = [&all[..], &[("content-length", length.as_str())]].concat();
        let mut connection = service.connect().await;
        connection.send(&(head(method, target, &all) + &body)).await;
        let reply = connection.reply(method).await;
        assert_eq!(reply.status, status, "{method} {target} {reply:?}");
        let expected = BTreeMap::from(
            [
                ("access-control-allow-origin", PAGE),
                ("access-control-expose-headers", "Location"),
                ("vary", VARY),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        assert_eq!(of_cors(&reply), expected, "{method} {target}");
    }
    // Answers to others differ by the same headers, so caches do not mix them up.
    let reply = service.call("GET", "/orders/1").await;
    assert_eq!(reply.header("vary"), Some(VARY));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_may_not_ask_are_refused_before_any_work() {
    let service = Service::at(usual(), with(rules()));
    for headers in [
        &[("origin", "https://b.example")][..],
        &[("origin", "https://b.example"), ("access-control-request-method", "GET")],
        &[("origin", PAGE), ("access-control-request-method", "PUT")],
        // The second one is not looked at, as in Spring.
        &[("origin", "https://b.example"), ("origin", PAGE)],
    ] {
        let method = if headers.len() > 1 && headers[1].0 != "origin" { "OPTIONS" } else { "GET" };
        let reply = service.call_with(method, "/orders/1", headers).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (403, "cross_site_request"),
            "{headers:?}"
        );
        assert_eq!(reply.header("access-control-allow-origin"), None);
        assert_eq!(reply.header("vary"), Some(VARY));
    }
    let reply = service.write("PUT", "/orders/1", &[("origin", PAGE)], "{}").await;
    assert_eq!((reply.status, reply.code().as_str()), (403, "cross_site_request"));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_the_origin_that_a_trusted_proxy_names_are_the_service_s_own() {
    let proxies = Proxies::In(vec!["127.0.0.0/8".parse().unwrap()]);
    let service = Service::at(usual(), HttpSettings { proxies, ..with(rules()) });
    let behind = [("x-forwarded-proto", "https"), ("x-forwarded-host", "shop.example")];
    for (origin, status) in [
        ("https://shop.example", 404),
        ("https://shop.example:443", 404),
        ("http://shop.example", 403),
        ("https://orders", 403),
    ] {
        let headers = [&behind[..], &[("origin", origin)]].concat();
        assert_eq!(
            service.call_with("GET", "/orders/1", &headers).await.status,
            status,
            "{origin}"
        );
    }
    let service = Service::at(usual(), with(rules()));
    for (origin, status) in
        [("http://orders", 404), ("http://orders:80", 404), ("http://orders:81", 403)]
    {
        let reply = service.call_with("GET", "/orders/1", &[("origin", origin)]).await;
        assert_eq!(reply.status, status, "{origin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_actuator_has_rules_of_its_own_on_both_ports() {
    let of_operators = Cors { origins: vec!["https://ops.example".to_owned()], ..rules() };
    let settings = HttpSettings { actuator_cors: Some(of_operators), ..with(rules()) };
    let allowed = |reply: Reply| reply.header("access-control-allow-origin").map(ToOwned::to_owned);
    let ops = [("origin", "https://ops.example"), ("sec-fetch-site", "cross-site")];

    let main = Service::at(usual(), settings.clone());
    assert_eq!(
        allowed(main.call_with("GET", "/actuator/health", &ops).await).as_deref(),
        Some(ops[0].1)
    );
    assert_eq!(main.call_with("GET", "/actuator/health", &[("origin", PAGE)]).await.status, 403);
    assert_eq!(main.call_with("GET", "/orders/1", &ops).await.status, 403);

    let site = Site::of_operators("").with(&Actuator::default(), &Endpoint::ALL);
    let operators = Service::management_with(
        site.known_as(vec!["orders".to_owned()]),
        with_loggers(),
        settings,
    );
    let target = "/actuator/loggers/ROOT";
    let changed = operators.write("POST", target, &ops, "{}").await;
    assert_eq!((changed.status, allowed(changed).as_deref()), (204, Some(ops[0].1)));
    // The rules of the main port do not count here, nor do those of the actuator elsewhere.
    assert_eq!(operators.write("POST", target, &[("origin", PAGE)], "{}").await.status, 403);
    let preflight = [("origin", PAGE), ("access-control-request-method", "GET")];
    assert_eq!(operators.call_with("OPTIONS", "/openapi.json", &preflight).await.status, 403);
    assert_eq!(allowed(operators.call_with("GET", "/openapi.json", &ops).await), None);
    // Forms need no preflight, so they are refused all the same; so is a name that leads here.
    let form = [ops[0], ("content-type", "text/plain")];
    assert_eq!(operators.call_with("POST", target, &form).await.status, 403);
    let mut connection = operators.connect().await;
    let elsewhere = head("GET", target, &ops).replace("host: orders", "host: evil.example");
    connection.send(&elsewhere).await;
    let reply = connection.reply("GET").await;
    assert_eq!((reply.status, reply.code().as_str()), (403, "cross_site_request"));
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_and_compressed_answers_have_the_headers() {
    let compression =
        http_actix::Compression { types: vec!["application/json".to_owned()], least: 1 };
    let service =
        Service::at(usual(), HttpSettings { compression: Some(compression), ..with(rules()) });
    let headers = [("origin", PAGE), ("accept-encoding", "gzip")];
    let reply = service.call_with("GET", "/orders/customer/1", &headers).await;
    let vary: Vec<_> = reply
        .headers
        .iter()
        .filter(|(name, _)| name == "vary")
        .map(|(_, value)| value.to_lowercase())
        .collect();
    assert_eq!(vary, ["accept-encoding", &VARY.to_lowercase()]);
    let mut connection = service.connect().await;
    connection.send(&head("GET", "/events", &headers)).await;
    let reply = connection.reply("HEAD").await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, Some(PAGE)));
    let _: Value = service.call_with("GET", "/openapi.json", &headers[..1]).await.json();
}
