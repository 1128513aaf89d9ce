//! Health, info and metrics in the shapes of Spring Boot.

use serde_json::{Value, json};

use crate::stage::{Case, Stage, cases};
use crate::steps::id_of;
use crate::wire::Reply;

pub(crate) fn cases() -> Vec<Case> {
    cases![
        health_tells_of_the_database,
        liveness_and_readiness_are_up,
        info_names_the_service,
        metrics_count_requests_by_route,
        each_component_of_health_has_a_page,
        the_home_page_leads_on,
        nothing_else_is_served_here,
    ]
}

fn up(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{reply:?}");
    let content = reply.header("content-type").unwrap();
    assert!(content.starts_with("application/") && content.ends_with("json"), "{content}");
    let health = reply.json();
    assert_eq!(health["status"], "UP", "{health}");
    health
}

fn health_tells_of_the_database(stage: &Stage) {
    let health = up(&stage.read("/actuator/health"));
    assert_eq!(health["components"]["db"]["status"], "UP", "{health}");
    assert_eq!(health["groups"], json!(["dependencies", "liveness", "readiness"]));
}

fn liveness_and_readiness_are_up(stage: &Stage) {
    let liveness = up(&stage.read("/actuator/health/liveness"));
    assert!(liveness["components"].get("db").is_none(), "asks nothing outside: {liveness}");
    up(&stage.read("/actuator/health/readiness"));
}

fn info_names_the_service(stage: &Stage) {
    let reply = stage.read("/actuator/info");
    assert_eq!(reply.status, 200);
    let info = reply.json();
    assert_eq!(info["build"]["name"], "order-service", "{info}");
    assert_eq!(info["build"]["version"], env!("CARGO_PKG_VERSION"), "{info}");
}

/// The number of answers of this kind to a route, from the metrics.
fn counted(stage: &Stage, labels: &[&str]) -> f64 {
    let reply = stage.read("/actuator/prometheus");
    assert_eq!(reply.status, 200);
    let content = reply.header("content-type").unwrap();
    assert!(content.starts_with("text/plain; version=0.0.4"), "{content}");
    let count = |line: &str| {
        let fits = line.starts_with("http_server_requests_seconds_count{")
            && labels.iter().all(|label| line.contains(label));
        fits.then(|| line.rsplit(' ').next()?.parse::<f64>().ok()).flatten()
    };
    reply.text.lines().filter_map(count).sum()
}

fn metrics_count_requests_by_route(stage: &Stage) {
    let id = id_of(&stage.new_order());
    let found = ["method=\"GET\"", "uri=\"/orders/{id}\"", "status=\"200\""];
    let missed = ["method=\"GET\"", "uri=\"/orders/{id}\"", "status=\"404\""];
    let before = (counted(stage, &found), counted(stage, &missed));
    for _ in 0..3 {
        stage.order(id);
        stage.read("/orders/9007199254740990");
    }
    // Other trials read orders as well.
    assert!(counted(stage, &found) >= before.0 + 3.0);
    assert!(counted(stage, &missed) >= before.1 + 3.0);
    // Labels are routes, never the paths of single orders or customers.
    let metrics = stage.read("/actuator/prometheus").text;
    let routes = metrics.split("uri=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    for route in routes {
        assert!(!route.contains(|c: char| c.is_ascii_digit()), "{route}");
    }
}

fn each_component_of_health_has_a_page(stage: &Stage) {
    for path in ["db", "readinessState", "relay", "readiness/db", "dependencies/relay"] {
        assert_eq!(up(&stage.read(&format!("/actuator/health/{path}"))), json!({"status": "UP"}));
    }
    for path in ["diskSpace", "liveness/db", "none/db"] {
        stage.read(&format!("/actuator/health/{path}")).problem(404, "not_found");
    }
}

fn the_home_page_leads_on(stage: &Stage) {
    let home = stage.read("/");
    assert_eq!(home.status, 200);
    assert_eq!(home.json()["name"], "order-service");
    for link in ["openapi", "docs", "actuator"] {
        let href = home.json()["_links"][link]["href"].as_str().unwrap().to_owned();
        let (_, path) = href.strip_prefix("http://").unwrap().split_once('/').unwrap();
        assert_eq!(stage.read(&format!("/{path}")).status, 200, "{href}");
    }
}

fn nothing_else_is_served_here(stage: &Stage) {
    for path in [
        "/actuator/env",
        "/actuator/shutdown",
        "/actuator/loggers",
        "/actuator/metrics",
        "/livez",
        "/readyz",
    ] {
        stage.read(path).problem(404, "not_found");
        assert_eq!(stage.ask("POST", path, &[], "{}").status, 404, "{path}");
    }
    let reply = stage.ask("POST", "/actuator/health", &[], "{}");
    reply.problem(405, "method_not_allowed");
}
