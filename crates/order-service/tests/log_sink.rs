//! A log whose reader has stopped: the sink blocks, lines are dropped and counted, and requests are
//! answered as usual, also while all peers are down.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends a test")]

#[path = "support/collector.rs"]
#[expect(dead_code, reason = "these tests do not look at the spans")]
mod collector;
mod support;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::collector::Collector;
use crate::support::{
    an_order, client, eventually, free_port, fresh_folder, metric_in, send_signal,
};

/// More lines than the pipe and the queue of the log hold.
const REQUESTS: usize = 12_000;
/// How many clients send at the same time.
const CLIENTS: usize = 4;
/// The longest that any answer may take.
const SOON: Duration = Duration::from_millis(1_500);

/// A service whose log is not read; killed when dropped.
struct Unread {
    child: Child,
    base: String,
}

impl Unread {
    fn start(options: &[String]) -> Self {
        let port = free_port();
        let child = Command::new(env!("CARGO_BIN_EXE_order-service"))
            .arg(format!("--server.port={port}"))
            .arg("--server.address=127.0.0.1")
            .args(options)
            .env_remove("DATABASE_URL")
            .current_dir(fresh_folder())
            .stdin(Stdio::null())
            // A pipe that stays open and is not read.
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let unread = Self { child, base: format!("http://127.0.0.1:{port}") };
        let ready = unread.url("/actuator/health/readiness");
        let is_ready = || client().get(&ready).send().is_ok_and(|answer| answer.status() == 200);
        assert!(eventually(is_ready));
        unread
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn read(&self, path: &str) -> (u16, String) {
        let began = Instant::now();
        let answer = client().get(self.url(path)).send().unwrap();
        assert!(began.elapsed() < SOON, "{path} took {:?}", began.elapsed());
        (answer.status().as_u16(), answer.text().unwrap())
    }

    fn number(&self, name: &str) -> f64 {
        metric_in(&self.read("/actuator/prometheus").1, name).unwrap()
    }

    /// Makes it log more lines than the pipe and the queue hold.
    fn fill_the_log(&self) {
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    for _ in 0..REQUESTS / CLIENTS {
                        assert_eq!(self.read("/orders/x").0, 400);
                    }
                });
            }
        });
        assert!(self.number("log_lines_lost_total") > 0.0);
    }

    fn stop(mut self) {
        let began = Instant::now();
        send_signal("TERM", self.child.id());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_sink_that_blocks_costs_lines_and_no_request() {
    let service = Unread::start(&[]);
    service.fill_the_log();
    service.stop();
}

#[test]
fn orders_are_taken_while_all_peers_are_down_and_health_names_them() {
    let closed = || format!("127.0.0.1:{}", free_port());
    let silent = Collector::that_answers(None);
    let service = Unread::start(&[
        format!("--spring.kafka.bootstrap-servers={}", closed()),
        format!("--eureka.client.service-url.defaultZone=http://{}/eureka", closed()),
        format!("--spring.config.import=optional:configserver:http://{}", closed()),
        format!("--management.otlp.tracing.endpoint={}", silent.endpoint()),
        "--management.otlp.tracing.timeout=300ms".to_owned(),
        "--management.tracing.sampling.probability=1.0".to_owned(),
    ]);
    service.fill_the_log();
    for _ in 0..50 {
        let began = Instant::now();
        let answer = client().post(service.url("/orders")).json(&an_order(42)).send().unwrap();
        assert_eq!(answer.status(), 201);
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
        let order: Value = answer.json().unwrap();
        let path = format!("/orders/{}", order["id"]);
        assert_eq!(service.read(&path).0, 200);
    }
    // Readiness says yes, and the page of dependencies says what is down.
    let told = |path: &str| {
        let (status, text) = service.read(path);
        (status, serde_json::from_str::<Value>(&text).unwrap())
    };
    let of = |health: &Value, name: &str| health["components"][name]["status"].clone();
    let peers = ["kafka", "eureka", "clientConfigServer"];
    let all_down = || {
        let (status, health) = told("/actuator/health/dependencies");
        status == 503 && peers.iter().all(|peer| of(&health, peer) == "DOWN")
    };
    assert!(eventually(all_down), "{:?}", told("/actuator/health/dependencies"));
    let (status, health) = told("/actuator/health");
    assert_eq!((status, &health["status"], of(&health, "db")), (200, &"UP".into(), "UP".into()));
    assert!(peers.iter().all(|peer| of(&health, peer) == "DOWN"), "{health}");
    assert_eq!(told("/actuator/health/readiness").0, 200);
    assert!(eventually(|| service.number("trace_exports_failed_total") > 0.0));
    assert!(service.number("trace_spans_sent_total") < 1.0);
    service.stop();
}
