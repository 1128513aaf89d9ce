//! The actuator as operators set it: on which port it is, below which paths, and what it tells while every peer
//! is down.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test; that is its job"
)]

mod support;

use std::net::TcpListener;
use std::process::Command;

use reqwest::StatusCode;
use reqwest::blocking::Response;
use serde_json::{Value, json};

use crate::support::{Service, client, eventually, free_port, fresh_folder, steady_port};

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
        // Operators are on loopback alone, so clients are told of health as well.
        "--server.address=0.0.0.0",
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

    // Health stays UP without these peers, and shows clients no details of them.
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

/// The exit code of `order-service health`, and what it says.
fn health(options: &[&str]) -> (Option<i32>, String) {
    let program = env!("CARGO_BIN_EXE_order-service");
    let output = Command::new(program)
        .arg("health")
        .args(options)
        .current_dir(fresh_folder())
        .env_remove("DATABASE_URL")
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

/// Waits until health has an exit code, and says something.
fn comes_to(options: &[&str], code: i32, said: &str) {
    let mut last = (None, String::new());
    let is_so = eventually(|| {
        last = health(options);
        last.0 == Some(code) && last.1.contains(said)
    });
    assert!(is_so, "{last:?}");
}

#[test]
fn health_says_by_its_exit_code_whether_the_instance_is_ready() {
    let number = steady_port();
    let port = format!("--server.port={number}");
    comes_to(&[&port], 1, "there is no answer from http://127.0.0.1:");
    let leisurely =
        ["--order.shutdown.delay=60s", "--spring.lifecycle.timeout-per-shutdown-phase=90s"];
    let service = Service::start_at(number, &fresh_folder(), &leisurely, &[]);
    service.wait_until_ready();
    comes_to(&[&port], 0, r#"{"status":"UP"}"#);
    // Where there is a port of operators, that is asked.
    assert_eq!(health(&[&port, "--management.server.port=1"]).0, Some(1));
    service.signal("TERM");
    comes_to(&[&port], 1, "503 Service Unavailable");
    assert_eq!(health(&["--server.port=0"]).0, Some(1));
    assert_eq!(health(&["--server.port=no"]).0, Some(2));
    service.signal("TERM");
    assert_eq!(service.wait().code(), Some(143), "{}", service.log());
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = format!("--server.port={}", silent.local_addr().unwrap().port());
    comes_to(&[&port], 1, "there is no answer from");
}

fn get(base: &str, path: &str) -> Response {
    client().get(format!("{base}{path}")).send().unwrap()
}

/// The statuses of these paths.
fn found<const N: usize>(base: &str, paths: [&str; N]) -> [u16; N] {
    paths.map(|path| get(base, path).status().as_u16())
}

const PAGES: [&str; 6] = [
    "/actuator/health/readiness",
    "/actuator/info",
    "/actuator/prometheus",
    "/actuator/metrics",
    "/actuator/loggers",
    "/readyz",
];

#[test]
fn with_a_management_port_the_actuator_leaves_the_main_one() {
    let service = Service::start(&["--management.server.port=0", "--logging.level.access=off"]);
    service.wait_until_ready();
    let operators = service.operators().unwrap();
    assert_eq!(found(&service.base, PAGES), [404; 6]);
    assert_eq!(found(&service.base, ["/actuator", "/", "/openapi.json"]), [404, 200, 200]);
    assert_eq!(found(&operators, PAGES), [200, 200, 200, 200, 200, 404]);

    let _ = service.placed(42);
    let requests = "/actuator/metrics/http.server.requests?tag=uri:/orders&tag=status:201";
    let requests: Value = get(&operators, requests).json().unwrap();
    assert_eq!(requests["measurements"][0], json!({"statistic": "COUNT", "value": 1.0}));
    let open: Value = get(&operators, "/actuator/metrics/process.files.open").json().unwrap();
    assert_eq!(open["measurements"][0]["statistic"], "VALUE", "{open}");

    let has_access = || service.log().contains(r#""target":"access""#);
    assert!(!has_access(), "{}", service.log());
    let logger = format!("{operators}/actuator/loggers/access");
    let changed = client().post(&logger).json(&json!({"configuredLevel": "info"})).send().unwrap();
    assert_eq!(changed.status(), StatusCode::NO_CONTENT);
    let told: Value = client().get(&logger).send().unwrap().json().unwrap();
    assert_eq!(told, json!({"configuredLevel": "INFO", "effectiveLevel": "INFO"}));
    let _ = service.placed(42);
    assert!(eventually(has_access), "{}", service.log());
    let form = client()
        .post(&logger)
        .header("content-type", "application/x-www-form-urlencoded")
        .body("configuredLevel=OFF")
        .send()
        .unwrap();
    assert_eq!(form.status(), StatusCode::FORBIDDEN);
}

#[test]
fn health_and_info_stay_with_clients_that_cannot_reach_operators() {
    let service = Service::start(&[
        "--server.address=0.0.0.0",
        "--management.server.port=0",
        "--management.endpoint.health.probes.add-additional-paths=true",
    ]);
    service.wait_until_ready();
    assert_eq!(found(&service.base, PAGES), [200, 200, 404, 404, 404, 200]);
    let operators = service.operators().unwrap();
    assert_eq!(found(&operators, PAGES), [200, 200, 200, 200, 200, 404]);
}

#[test]
fn a_management_port_that_is_the_main_one_is_none_of_its_own() {
    let service = Service::start(&["--management.server.port=${server.port}"]);
    service.wait_until_ready();
    assert_eq!(found(&service.base, PAGES), [200, 200, 200, 404, 404, 404]);
    assert!(service.log().contains("management.server.port is the main port"), "{}", service.log());
}

#[test]
fn without_an_actuator_probes_are_left() {
    let service = Service::start(&[
        "--management.server.port=${NONE:-1}",
        "--management.endpoint.health.probes.add-additional-paths=true",
    ]);
    let is_ready = || client().get(service.url("/readyz")).send().is_ok_and(|a| a.status() == 200);
    assert!(eventually(is_ready), "{}", service.log());
    assert_eq!(found(&service.base, PAGES), [404, 404, 404, 404, 404, 200]);
}

#[test]
fn paths_and_info_are_as_set() {
    let service = Service::start(&[
        "--server.servlet.context-path=/shop",
        "--server.forward-headers-strategy=framework",
        "--server.compression.enabled=true",
        "--management.endpoints.web.base-path=/manage",
        "--management.endpoints.web.path-mapping.health=up",
        "--management.endpoints.web.exposure.include=health,info,env",
        "--management.endpoint.health.show-components=never",
        "--management.info.env.enabled=true",
        "--management.info.build.enabled=false",
        "--info.app.team=shop",
        "--info.shop.region.name=north",
        "--info.shop.password=pl4nted",
    ]);
    let shop = service.url("/shop");
    let health = format!("{shop}/manage/up");
    let is_ready = || client().get(&health).send().is_ok_and(|answer| answer.status() == 200);
    assert!(eventually(is_ready), "{}", service.log());
    assert_eq!(get(&health, "").json::<Value>().unwrap()["components"], Value::Null);
    let info: Value = get(&shop, "/manage/info").json().unwrap();
    assert_eq!(info["app"]["team"], "shop", "{info}");
    assert_eq!(info["app"]["name"], "order-service", "{info}");
    assert_eq!(info["shop"], json!({"region": {"name": "north"}}), "{info}");
    assert_eq!(info["build"], Value::Null, "{info}");
    assert_eq!(found(&shop, ["/manage/prometheus", "/manage/health", "/actuator"]), [404; 3]);
    assert_eq!(found(&service.base, ["/manage/up", "/orders/1", "/"]), [404; 3]);
    let placed = client()
        .post(format!("{shop}/orders"))
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-host", "shop.example")
        .header("x-forwarded-prefix", "/api")
        .json(&support::an_order(42))
        .send()
        .unwrap();
    let location = placed.headers()["location"].to_str().unwrap();
    assert!(location.starts_with("https://shop.example/api/orders/"), "{location}");
    let packed = client().get(format!("{shop}/openapi.json")).header("accept-encoding", "gzip");
    assert_eq!(packed.send().unwrap().headers()["content-encoding"], "gzip");
    assert!(service.log().contains("has no endpoints env"), "{}", service.log());
}
