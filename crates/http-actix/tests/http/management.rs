//! The management port: the actuator, and the refresh, which the main port has not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use http_actix::{Management, Phase, Refresh, RefreshRefused, Refreshed};
use serde_json::json;

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
