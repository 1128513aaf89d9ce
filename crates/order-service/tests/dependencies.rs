//! Everything that requests do without is down at once: orders are taken, and health tells the truth.

#![expect(clippy::indexing_slicing, reason = "a broken expectation ends a test; that is its job")]

mod support;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Service, client, eventually, free_port};

/// The statuses of some components of a health page.
fn statuses(page: &Value) -> [&str; 4] {
    ["kafka", "eureka", "clientConfigServer", "relay"]
        .map(|name| page["components"][name]["status"].as_str().unwrap_or("-"))
}

#[test]
fn with_every_peer_down_orders_are_taken_and_health_tells_so() {
    let (down, operators) = (free_port(), free_port());
    let service = Service::start(&[
        &format!("--spring.kafka.bootstrap-servers=127.0.0.1:{down}"),
        &format!("--eureka.client.service-url.defaultZone=http://ann:s3cret@127.0.0.1:{down}/e"),
        &format!("--spring.config.import=optional:configserver:http://ann:s3cret@127.0.0.1:{down}"),
        &format!("--management.server.port={operators}"),
    ]);
    service.wait_until_ready();
    let _ = service.placed(42);
    let pages = format!("http://127.0.0.1:{operators}/actuator/health");
    let page = |path: &str| client().get(format!("{pages}{path}")).send().unwrap();
    let all_down =
        || statuses(&page("/dependencies").json().unwrap()) == ["DOWN", "DOWN", "DOWN", "UP"];
    assert!(eventually(all_down), "{}", page("").text().unwrap());

    assert_eq!(page("/dependencies").status(), StatusCode::SERVICE_UNAVAILABLE);
    let told = page("").json::<Value>().unwrap();
    let import = &told["components"]["clientConfigServer"]["details"]["imports"][0];
    assert_eq!(import["from"], "localOnly", "{told}");
    for component in ["kafka", "eureka"] {
        let details = told["components"][component]["details"].to_string();
        assert!(details.contains("refused"), "{details}");
    }
    assert!(!told.to_string().contains("s3cret"), "{told}");

    // Nobody is sent away for it, and outsiders are told no more than that.
    for path in ["", "/readiness", "/liveness"] {
        let answer = service.get(&format!("/actuator/health{path}"));
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let page: Value = answer.json().unwrap();
        assert_eq!(page["status"], "UP", "{page}");
        assert!(!page.to_string().contains("details"), "{page}");
    }
    let main: Value = service.get("/actuator/health").json().unwrap();
    assert_eq!(statuses(&main), ["DOWN", "DOWN", "DOWN", "UP"]);
    let order = service.placed(42);
    assert_eq!(order["status"], json!("PENDING"));
    assert!(!service.log().contains("s3cret"), "{}", service.log());
    service.signal("TERM");
    assert_eq!(service.wait().code(), Some(0), "{}", service.log());
}
