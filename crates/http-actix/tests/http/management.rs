//! The management port: the actuator, and what changes something or tells more, which the main port has not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http_actix::{
    Access, Actuator, Endpoint, Logger, Loggers, Management, Measured, Meter, Meters, Phase,
    Refresh, RefreshRefused, Refreshed, Series, Site,
};
use order_app::operations::{Operations, OperationsPorts};
use order_app::sagas::Sagas;
use order_testkit::{FixedClock, InMemoryStore, SequentialEntropy};
use serde_json::{Value, json};

use crate::saga_operations::with_sagas;
use crate::support::Service;

type Answer = fn() -> Result<Refreshed, RefreshRefused>;

/// A refresh that returns what the test sets, and counts its calls.
struct Scripted {
    answer: Answer,
    asked: AtomicUsize,
}

#[async_trait]
impl Refresh for Scripted {
    async fn refresh(&self) -> Result<Refreshed, RefreshRefused> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        (self.answer)()
    }
}

fn with_refresh(answer: Answer) -> (Service, Arc<Scripted>) {
    let refresh = Arc::new(Scripted { answer, asked: AtomicUsize::new(0) });
    let management = Management { refresh: Some(refresh.clone()), ..Management::default() };
    (Service::management(management), refresh)
}

/// A management port has all of this.
pub(crate) fn everything() -> Management {
    let memory = Arc::new(InMemoryStore::default());
    let operations = Operations::new(OperationsPorts {
        journal: memory.clone(),
        inspection: memory.clone(),
        store: memory.clone(),
        replayer: None,
        clock: Arc::new(FixedClock::default()),
        entropy: Arc::new(SequentialEntropy::default()),
    });
    let answer: Answer = || Ok(Refreshed::default());
    Management {
        refresh: Some(Arc::new(Scripted { answer, asked: AtomicUsize::new(0) })),
        operations: Some(operations),
        sagas: Some(Sagas::new(with_sagas(&memory))),
        loggers: Some(Arc::new(Levels::default())),
        metrics: Some(Arc::new(Measurements)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_actuator_is_served_and_orders_are_not() {
    let service = Service::management(Management::default());
    for path in ["", "/health", "/health/liveness", "/health/readiness", "/info", "/prometheus"] {
        let target = format!("/actuator{path}");
        assert_eq!(service.call("GET", &target).await.status, 200, "{target}");
    }
    for target in ["/orders/1", "/orders/customer/1"] {
        let reply = service.call("GET", target).await;
        assert_eq!((reply.status, reply.code().as_str()), (404, "not_found"), "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_answers_the_keys_that_changed() {
    let (service, refresh) = with_refresh(|| {
        let changed = vec!["a.b".to_owned(), "c".to_owned()];
        let needs_restart = vec!["c".to_owned(), "d".to_owned()];
        Ok(Refreshed { changed, needs_restart, not_answered: Vec::new() })
    });
    let links = service.call("GET", "/actuator").await.json();
    assert_eq!(links["_links"]["refresh"]["href"], "http://orders/actuator/refresh");
    let reply = service.call("POST", "/actuator/refresh").await;
    assert_eq!((reply.status, reply.json()), (200, json!(["a.b", "c"])));
    assert_eq!(reply.header("x-needs-restart"), Some("c, d"));
    assert_eq!(reply.header("x-not-answered"), None);
    assert_eq!(reply.header("content-type"), Some("application/vnd.spring-boot.actuator.v3+json"));
    assert_eq!(refresh.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_says_who_did_not_answer() {
    let (service, _) = with_refresh(|| {
        let not_answered = vec!["http://one: 500".to_owned(), "http://zwölf:\r\nx: y".to_owned()];
        Ok(Refreshed { not_answered, ..Refreshed::default() })
    });
    let reply = service.call("POST", "/actuator/refresh").await;
    assert_eq!((reply.status, reply.json()), (200, json!([])));
    assert_eq!(reply.header("x-not-answered"), Some("http://one: 500; http://zw?lf:??x: y"));
    assert_eq!(reply.header("x"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_refresh_says_why() {
    let cases: [(Answer, u16, &str); 4] = [
        (|| Err(RefreshRefused::Running), 409, "refresh_in_progress"),
        (|| Err(RefreshRefused::Invalid(vec!["a is wrong".to_owned()])), 422, "refresh_refused"),
        (|| Err(RefreshRefused::Unavailable("config:8888".into())), 503, "unavailable"),
        (|| panic!("planted"), 500, "internal_error"),
    ];
    for (answer, status, code) in cases {
        let (service, _) = with_refresh(answer);
        let reply = service.call("POST", "/actuator/refresh").await;
        assert_eq!((reply.status, reply.code().as_str()), (status, code));
        assert!(!reply.text().contains("8888") && !reply.text().contains("planted"));
        let told = reply.json()["problems"] == json!(["a is wrong"]);
        assert_eq!(told, status == 422);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_is_asked_for_in_one_way_only() {
    let (service, refresh) = with_refresh(|| Ok(Refreshed::default()));
    let reply = service.call("GET", "/actuator/refresh").await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")));
    let reply = service.call("POST", "/actuator/refresh?now=1").await;
    assert_eq!((reply.status, reply.code().as_str()), (400, "invalid_parameter"));
    assert_eq!(refresh.asked.load(Ordering::Relaxed), 0);
    let nothing = Service::management(Management::default());
    let reply = nothing.call("POST", "/actuator/refresh").await;
    assert_eq!((reply.status, reply.code().as_str()), (404, "not_found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_are_told_more_of_the_peers() {
    let service = Service::management(Management::default());
    let health = service.call("GET", "/actuator/health/dependencies").await.json();
    assert_eq!(health["components"]["kafka"]["details"], json!({"broker": "b:9092"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_port_has_none_of_it() {
    let service = Service::start();
    for method in ["GET", "POST"] {
        let reply = service.call(method, "/actuator/refresh").await;
        assert_eq!((reply.status, reply.code().as_str()), (404, "not_found"));
    }
    let links = service.call("GET", "/actuator").await.json();
    assert_eq!(links["_links"]["refresh"], json!(null));
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_can_watch_the_drain() {
    let service = Service::management(Management::default());
    service.lifecycle.advance(Phase::Draining);
    assert_eq!(service.call("GET", "/actuator/health/liveness").await.status, 200);
    assert_eq!(service.call("GET", "/actuator/health/readiness").await.status, 503);
    assert_eq!(service.call("GET", "/actuator/prometheus").await.status, 200);
}

/// One logger beside the root, whose level is kept.
#[derive(Default)]
struct Levels(Mutex<Option<String>>);

impl Loggers for Levels {
    fn all(&self) -> Vec<Logger> {
        let configured = self.0.lock().unwrap().clone();
        let effective = configured.clone().unwrap_or_else(|| "INFO".to_owned());
        let root = Some("INFO".to_owned());
        vec![
            Logger { name: "ROOT".to_owned(), configured: root, effective: "INFO".to_owned() },
            Logger { name: "shop::orders".to_owned(), configured, effective },
        ]
    }

    fn change(&self, _: &str, level: Option<&str>) -> bool {
        *self.0.lock().unwrap() = level.map(str::to_owned);
        level != Some("LOUD")
    }
}

pub(crate) fn with_loggers() -> Management {
    Management { loggers: Some(Arc::new(Levels::default())), ..Management::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn levels_are_read_and_changed_as_in_spring() {
    let service = Service::management(with_loggers());
    let all = service.call("GET", "/actuator/loggers").await.json();
    let expected = json!({
        "levels": ["OFF", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"],
        "loggers": {
            "ROOT": {"configuredLevel": "INFO", "effectiveLevel": "INFO"},
            "shop::orders": {"effectiveLevel": "INFO"},
        },
        "groups": {},
    });
    assert_eq!(all, expected);
    let one = "/actuator/loggers/shop::orders";
    for (body, expected) in [
        (
            r#"{"configuredLevel":"debug"}"#,
            json!({"configuredLevel": "DEBUG", "effectiveLevel": "DEBUG"}),
        ),
        (r#"{"configuredLevel":null}"#, json!({"effectiveLevel": "INFO"})),
        (
            r#"{"configuredLevel":"TRACE"}"#,
            json!({"configuredLevel": "TRACE", "effectiveLevel": "TRACE"}),
        ),
        ("{}", json!({"effectiveLevel": "INFO"})),
    ] {
        let changed = service.write("POST", one, &[], body).await;
        assert_eq!((changed.status, changed.text().as_str()), (204, ""), "{body}");
        assert_eq!(service.call("GET", one).await.json(), expected, "{body}");
    }
    for (body, code) in [
        (r#"{"configuredLevel":"LOUD"}"#, "validation_failed"),
        (r#"{"configuredLevel":5}"#, "validation_failed"),
        ("[]", "malformed_json"),
        ("", "malformed_json"),
    ] {
        let refused = service.write("POST", one, &[], body).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, code), "{body}");
    }
    assert_eq!(service.call("GET", "/actuator/loggers/none").await.status, 404);
    let spring = "application/vnd.spring-boot.actuator.v3+json";
    let headers = [("content-type", spring), ("content-length", "2")];
    let mut connection = service.connect().await;
    connection.send(&(crate::support::head("POST", one, &headers) + "{}")).await;
    assert_eq!(connection.reply("POST").await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_and_forms_change_nothing() {
    let service = Service::management(with_loggers());
    let target = "/actuator/loggers/ROOT";
    for header in [
        ("content-type", "application/x-www-form-urlencoded"),
        ("content-type", "Text/Plain; charset=utf-8"),
        ("content-type", "multipart/form-data; boundary=x"),
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let refused = service.call_with("POST", target, &[header]).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (403, "cross_site_request"),
            "{header:?}"
        );
        assert_eq!(service.call_with("GET", target, &[header]).await.status, 200, "{header:?}");
    }
    let own = [("origin", "http://orders"), ("sec-fetch-site", "same-origin")];
    assert_eq!(service.write("POST", target, &own, "{}").await.status, 204);
}

/// A histogram with two series, a counter and a gauge.
struct Measurements;

impl Meters for Measurements {
    fn all(&self) -> Vec<Meter> {
        let series = |uri: &str, status: &str, count, total, max| Series {
            tags: [("uri".to_owned(), uri.to_owned()), ("status".to_owned(), status.to_owned())]
                .into(),
            value: Measured::Samples { count, total, max },
        };
        let requests =
            vec![series("/a", "200", 2.0, 0.5, 0.375), series("/b", "404", 1.0, 0.25, 0.25)];
        let plain = |value| vec![Series { tags: [].into(), value }];
        let meter =
            |name: &str, series| Meter { name: name.to_owned(), about: "says".to_owned(), series };
        vec![
            meter("http_server_requests_seconds", requests),
            meter("lines_lost_total", plain(Measured::Counter(7.0))),
            meter("process_uptime_seconds", plain(Measured::Gauge(1.5))),
        ]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_read_one_by_one_as_in_spring() {
    let metrics: Option<Arc<dyn Meters>> = Some(Arc::new(Measurements));
    let service = Service::management(Management { metrics, ..Management::default() });
    let names = service.call("GET", "/actuator/metrics").await.json();
    let expected = ["http_server_requests_seconds", "lines_lost_total", "process_uptime_seconds"];
    assert_eq!(names, json!({"names": expected}));
    let requests = service.call("GET", "/actuator/metrics/http.server.requests").await.json();
    let expected = json!({
        "name": "http.server.requests",
        "description": "says",
        "baseUnit": "seconds",
        "measurements": [
            {"statistic": "COUNT", "value": 3.0},
            {"statistic": "MAX", "value": 0.375},
            {"statistic": "TOTAL_TIME", "value": 0.75},
        ],
        "availableTags": [
            {"tag": "status", "values": ["200", "404"]},
            {"tag": "uri", "values": ["/a", "/b"]},
        ],
    });
    assert_eq!(requests, expected);
    let of_a = "/actuator/metrics/http_server_requests_seconds?tag=uri:/a";
    let of_a = service.call("GET", of_a).await.json();
    assert_eq!(of_a["measurements"][0]["value"], 2.0);
    assert_eq!(of_a["availableTags"], json!([{"tag": "status", "values": ["200"]}]));
    for (name, statistic, value) in [("process.uptime", "VALUE", 1.5), ("lines.lost", "COUNT", 7.0)]
    {
        let meter = service.call("GET", &format!("/actuator/metrics/{name}")).await.json();
        assert_eq!(
            meter["measurements"],
            json!([{"statistic": statistic, "value": value}]),
            "{name}"
        );
    }
    for (target, status) in [
        ("none", 404),
        ("http.server.requests?tag=uri:/a&tag=status:404", 404),
        ("http.server.requests?tag=uri", 400),
        ("http.server.requests?uri=/a", 400),
    ] {
        let reply = service.call("GET", &format!("/actuator/metrics/{target}")).await;
        assert_eq!(reply.status, status, "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn access_and_paths_of_endpoints_are_as_set() {
    let mut actuator = Actuator { base: "/manage".to_owned(), ..Actuator::default() };
    let loggers = ("levels".to_owned(), Access::ReadOnly);
    actuator.endpoints.insert(Endpoint::Loggers, loggers);
    actuator.endpoints.remove(&Endpoint::Events);
    actuator.endpoints.remove(&Endpoint::Sagas);
    let site = Site::of_operators("/ops").with(&actuator, &Endpoint::ALL);
    let service = Service::management_at(site, with_loggers());
    let links = service.call("GET", "/ops/manage").await.json();
    assert_eq!(links["_links"]["loggers"]["href"], "http://orders/ops/manage/levels");
    assert_eq!(links["_links"]["events"], Value::Null);
    assert_eq!(service.call("GET", "/ops/manage/levels/ROOT").await.status, 200);
    let refused = service.write("POST", "/ops/manage/levels/ROOT", &[], "{}").await;
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD")));
    for target in
        ["/actuator/health", "/manage/health", "/ops/manage/events", "/ops/manage/loggers"]
    {
        assert_eq!(service.call("GET", target).await.status, 404, "{target}");
    }
    let document = service.call("GET", "/ops/openapi.json").await.json();
    assert_eq!(document["servers"], json!([{"url": "/ops"}]));
    let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/manage/refresh"]);
}
