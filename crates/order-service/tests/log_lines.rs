//! What the log shows of requests, the start and shards: short on a terminal, numbers as people write
//! them, and probes only on request.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends a test")]

mod support;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Service, client, eventually, free_port, fresh_folder};

const PROBES: [&str; 3] =
    ["/actuator/health/liveness", "/actuator/health/readiness", "/actuator/prometheus"];

fn started(options: &[&str]) -> Service {
    // Shards are taken when there are brokers, whether they answer or not.
    let brokers = format!("--spring.kafka.bootstrap-servers=127.0.0.1:{}", free_port());
    let service = Service::start(&[&[brokers.as_str()], options].concat());
    service.wait_until_ready();
    service
}

/// The lines that have a text.
fn with(service: &Service, text: &str) -> Vec<String> {
    service.log().lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
}

/// The JSON lines of the access log.
fn access(service: &Service) -> Vec<Value> {
    let lines = with(service, r#""target":"access""#);
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn on_a_terminal_a_request_a_migration_and_shards_are_one_line_each() {
    let service = started(&["--logging.structured.format.console=pretty"]);
    let order = service.placed(42);
    assert_eq!(service.get("/orders/9007199254740990").status(), 404);
    assert!(eventually(|| !with(&service, "GET /orders/{id} 404 ").is_empty()));
    let placed = with(&service, " POST /orders 201 ");
    let [placed] = &placed[..] else { panic!("{placed:?}") };
    let words: Vec<&str> = placed.split_whitespace().collect();
    let [time, "INFO", "POST", "/orders", "201", millis, "ms", of, trace] = words[..] else {
        panic!("{placed}")
    };
    assert!(time.ends_with('Z') && of == format!("order={}", order["id"]), "{placed}");
    assert!(millis.split_once('.').is_some_and(|(_, after)| after.len() <= 3), "{placed}");
    let trace = trace.strip_prefix("trace=").expect("the trace");
    assert_eq!(service.log().matches(trace).count(), 1, "{placed}");
    assert_eq!(with(&service, "the database was migrated").len(), 1);
    assert!(eventually(|| !with(&service, "shards have changed hands").is_empty()));
    let shards = with(&service, "shard");
    assert!(shards.len() == 1 && shards.concat().contains("taken=0-15"), "{shards:?}");
}

#[test]
fn on_a_terminal_the_start_ends_with_the_pages_that_there_are() {
    let (folder, port) = (fresh_folder(), free_port());
    let program = env!("CARGO_BIN_EXE_order-service");
    let service = format!(
        "{program} --server.port={port} --order.graphql.enabled=true --spring.graphql.graphiql.enabled=true"
    );
    // The tool of util-linux gives it a terminal.
    let mut terminal = Command::new("script")
        .args(["--quiet", "--flush", "--command", &service, "/dev/null"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(terminal.stdout.take().unwrap()).lines().map(Result::unwrap);
    lines.by_ref().find(|line| line.contains(" ready")).expect("it is ready");
    for page in ["/docs", "/graphiql"] {
        let line = lines.next().unwrap();
        assert!(line.contains(&format!("http://127.0.0.1:{port}{page}")), "{line}");
    }
    terminal.kill().unwrap();
    terminal.wait().unwrap();
}

#[test]
fn in_json_too_shards_are_one_line_and_milliseconds_are_rounded() {
    let service = started(&[]);
    for _ in 0..20 {
        assert_eq!(service.get("/orders/1").status(), 404);
    }
    assert!(eventually(|| access(&service).len() >= 20));
    for line in access(&service) {
        let digits = line["duration_ms"].to_string();
        let after = digits.split_once('.').map_or("", |(_, after)| after);
        assert!(after.len() <= 3, "{line}");
    }
    assert!(eventually(|| !with(&service, "shards have changed hands").is_empty()));
    service.signal("TERM");
    assert_eq!(service.wait().code(), Some(0), "{}", service.log());
    let shards = with(&service, "shard");
    let shards: Vec<Value> =
        shards.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [taken, given_back] = &shards[..] else { panic!("{shards:?}") };
    assert_eq!((&taken["taken"], &taken["held"]), (&"0-15".into(), &16.into()));
    assert_eq!((&given_back["given_back"], &given_back["held"]), (&"0-15".into(), &0.into()));
}

#[test]
fn probes_and_scrapes_are_logged_on_request_alone() {
    let quiet = started(&[]);
    for path in PROBES {
        assert_eq!(quiet.get(path).status(), 200, "{path}");
    }
    assert_eq!(quiet.get("/orders/1").status(), 404);
    assert!(eventually(|| !access(&quiet).is_empty()));
    let routes: Vec<_> = access(&quiet).iter().map(|line| line["route"].clone()).collect();
    assert_eq!(routes, ["/orders/{id}"]);

    let curious = started(&["--logging.level.access=debug"]);
    for path in PROBES {
        assert_eq!(curious.get(path).status(), 200, "{path}");
        let is_logged = || access(&curious).iter().any(|line| line["route"] == path);
        assert!(eventually(is_logged), "{path}: {}", curious.log());
    }
}

#[test]
fn the_start_says_what_guards_the_ports_and_it_does() {
    let guards = |service: &Service| -> Value {
        let lines = with(service, "what guards the ports");
        let [line] = &lines[..] else { panic!("{lines:?}") };
        serde_json::from_str(line).unwrap()
    };
    let off = guards(&started(&[]));
    for guard in ["login", "tls", "cors", "actuator_cors", "rate_limit"] {
        assert_eq!(off[guard], "off", "{guard}");
    }
    let service = started(&[
        "--order.cors.allowed-origins=https://a.example",
        "--management.endpoints.web.cors.allowed-origins=https://ops.example",
        "--order.rate-limit.requests-per-second=1",
        "--order.rate-limit.burst=3",
    ]);
    let on = guards(&service);
    assert_eq!((&on["cors"], &on["actuator_cors"]), (&"on".into(), &"on".into()));
    assert_eq!(on["rate_limit"], "1 a second, 3 at once");
    let ask = |path: &str, origin: &str| {
        let answer = client().get(service.url(path)).header("origin", origin).send().unwrap();
        let allowed = answer.headers().get("access-control-allow-origin").cloned();
        (answer.status().as_u16(), allowed.map(|value| value.to_str().unwrap().to_owned()))
    };
    assert_eq!(
        ask("/actuator/health", "https://ops.example").1.as_deref(),
        Some("https://ops.example")
    );
    assert_eq!(ask("/actuator/health", "https://a.example"), (403, None));
    assert_eq!(ask("/orders/1", "https://a.example"), (404, Some("https://a.example".to_owned())));
    // Refused requests have lines at DEBUG alone, and a metric.
    assert!(eventually(|| ask("/orders/1", "https://a.example").0 == 429));
    let limited = service.metric("http_server_requests_limited_total{by=\"address\"}");
    assert!(limited.is_some_and(|limited| limited >= 1.0));
    assert!(!access(&service).iter().any(|line| line["status"] == 429));
}
