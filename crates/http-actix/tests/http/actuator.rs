//! Health in Spring Boot's shapes.

use http_actix::{HttpSettings, Lifecycle, Phase, Site};
use order_app::ports::StoreError;
use order_testkit::{InMemoryStore, Method};
use serde_json::json;

use crate::support::{Service, usual};

#[tokio::test(flavor = "multi_thread")]
async fn a_ready_instance_is_up() {
    let service = Service::start();
    let health = service.call("GET", "/actuator/health").await;
    assert_eq!(health.status, 200);
    assert_eq!(health.header("content-type"), Some("application/vnd.spring-boot.actuator.v3+json"));
    let body = health.json();
    assert_eq!(body["status"], "UP");
    for component in ["db", "livenessState", "readinessState"] {
        assert_eq!(body["components"][component]["status"], "UP", "{component}");
    }
    assert_eq!(body["groups"], json!(["dependencies", "liveness", "readiness"]));
    for target in ["/actuator/health/liveness", "/actuator/health/readiness"] {
        let reply = service.call("GET", target).await;
        assert_eq!((reply.status, &reply.json()["status"]), (200, &"UP".into()), "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_links_lead_to_the_address_that_was_asked() {
    let links = Service::start().call("GET", "/actuator").await.json()["_links"].clone();
    let expected = json!({
        "self": {"href": "http://orders/actuator", "templated": false},
        "health": {"href": "http://orders/actuator/health", "templated": false},
        "health-path": {"href": "http://orders/actuator/health/{component}", "templated": true},
        "info": {"href": "http://orders/actuator/info", "templated": false},
        "prometheus": {"href": "http://orders/actuator/prometheus", "templated": false},
    });
    assert_eq!(links, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn info_tells_what_the_process_tells_of_itself() {
    let info = Service::start().call("GET", "/actuator/info").await.json();
    assert_eq!(info, json!({"app": {"team": "shop"}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_component_of_health_has_a_page() {
    let service = Service::start();
    let (up, down) = ((200, json!({"status": "UP"})), (503, json!({"status": "DOWN"})));
    for (path, expected) in [
        ("db", &up),
        ("livenessState", &up),
        ("readinessState", &up),
        ("eureka", &up),
        ("kafka", &down),
        ("readiness/db", &up),
        ("liveness/livenessState", &up),
        ("dependencies/kafka", &down),
    ] {
        let target = format!("/actuator/health/{path}");
        let reply = service.call("GET", &target).await;
        assert_eq!((reply.status, reply.json()), *expected, "{path}");
        assert_eq!(service.call("HEAD", &target).await.status, expected.0, "{path}");
    }
    for path in ["diskSpace", "DB", "readiness/kafka", "none/db", "readiness/db/x", "db/"] {
        let reply = service.call("GET", &format!("/actuator/health/{path}")).await;
        assert_eq!(reply.code(), "not_found", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn components_that_are_not_shown_have_no_pages() {
    let settings = HttpSettings { health_components: false, ..HttpSettings::default() };
    let service = Service::with_settings(settings);
    let health = service.call("GET", "/actuator/health/readiness").await;
    assert_eq!((health.status, health.json()), (200, json!({"status": "UP"})));
    assert_eq!(service.call("GET", "/actuator/health/db").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_are_on_the_main_port_when_they_are_asked_for() {
    let service = Service::at(Site::main("").with_probes(true), HttpSettings::default());
    for target in ["/livez", "/readyz"] {
        for method in ["GET", "HEAD"] {
            assert_eq!(service.call(method, target).await.status, 200, "{target}");
        }
        assert_eq!(Service::start().call("GET", target).await.status, 404, "{target}");
    }
    service.lifecycle.advance(Phase::Draining);
    assert_eq!(service.call("GET", "/livez").await.status, 200);
    assert_eq!(service.call("GET", "/readyz").await.status, 503);
    assert_eq!(service.call("GET", "/actuator/health").await.status, 404);
    assert_eq!(service.call("GET", "/actuator").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_home_page_says_what_this_is_and_where_to_go_on() {
    let service = Service::at(usual(), HttpSettings::default());
    let home = service.call("GET", "/").await;
    assert_eq!((home.status, home.header("content-type")), (200, Some("application/json")));
    let home = home.json();
    assert_eq!((&home["name"], &home["version"]), (&json!("order-service"), &json!("1.2.3")));
    let links = home["_links"].as_object().unwrap();
    assert_eq!(links["customerOrders"]["href"], "http://orders/orders/customer/{customerId}");
    for (name, link) in links.iter().filter(|(_, link)| link["templated"] == false) {
        let target = link["href"].as_str().unwrap().strip_prefix("http://orders").unwrap();
        // Orders are placed there.
        let expected = if name == "orders" { 405 } else { 200 };
        if name != "events" {
            assert_eq!(service.call("GET", target).await.status, expected, "{name}");
        }
    }
    assert_eq!(service.call("HEAD", "/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_is_down_is_shown_and_leaves_the_instance_ready() {
    let service = Service::start();
    let health = service.call("GET", "/actuator/health").await;
    assert_eq!((health.status, &health.json()["status"]), (200, &"UP".into()));
    let components = json!({"kafka": {"status": "DOWN"}, "eureka": {"status": "UP"}});
    assert_eq!(health.json()["components"]["kafka"], components["kafka"], "without details");
    let ready = service.call("GET", "/actuator/health/readiness").await;
    assert_eq!((ready.status, ready.json()["components"].get("kafka")), (200, None));
    let peers = service.call("GET", "/actuator/health/dependencies").await;
    assert_eq!(peers.status, 503);
    assert_eq!(peers.json(), json!({"status": "DOWN", "components": components}));
    let settings = HttpSettings { health_details: Some(true), ..HttpSettings::default() };
    let health = Service::with_settings(settings).call("GET", "/actuator/health").await.json();
    assert_eq!(health["components"]["kafka"]["details"]["broker"], "b:9092");
    assert_eq!(health["components"]["eureka"], json!({"status": "UP"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_database_an_instance_is_alive_but_not_ready() {
    let store = InMemoryStore::default();
    store.faults().before(Method::Ping).fails(|| StoreError::Unavailable("db:5432".into()));
    let service = Service::with(store, HttpSettings::default());
    for target in ["/actuator/health", "/actuator/health/readiness"] {
        let reply = service.call("GET", target).await;
        assert_eq!((reply.status, &reply.json()["status"]), (503, &"DOWN".into()), "{target}");
        assert!(!reply.text().contains("5432"));
    }
    assert_eq!(service.call("GET", "/actuator/health/liveness").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_does_not_ask_the_database_each_time() {
    let store = InMemoryStore::default();
    let faults = store.faults().clone();
    let service = Service::with(store, HttpSettings::default());
    let started = std::time::Instant::now();
    for _ in 0..50 {
        service.call("GET", "/actuator/health/readiness").await;
    }
    // One ping for each half second begun.
    let most = started.elapsed().as_millis() / 500 + 1;
    assert!(faults.count(Method::Ping) <= usize::try_from(most).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_out_of_service_still_serves() {
    let service = Service::start();
    service.lifecycle.advance(Phase::OutOfService);
    for target in ["/actuator/health", "/actuator/health/readiness"] {
        let reply = service.call("GET", target).await;
        let status = reply.json()["status"].clone();
        assert_eq!((reply.status, &status), (503, &"OUT_OF_SERVICE".into()), "{target}");
    }
    service.placed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_served_as_prometheus_reads_them() {
    let service = Service::start();
    let metrics = service.call("GET", "/actuator/prometheus").await;
    assert_eq!(metrics.text(), "up 1\n");
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
}

#[test]
fn a_lifecycle_never_goes_back() {
    let lifecycle = Lifecycle::new();
    assert_eq!(lifecycle.phase(), Phase::Starting);
    lifecycle.advance(Phase::Ready);
    lifecycle.advance(Phase::Draining);
    lifecycle.advance(Phase::Ready);
    assert_eq!(lifecycle.phase(), Phase::Draining);
}
