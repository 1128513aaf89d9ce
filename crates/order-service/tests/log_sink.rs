//! A log that nobody reads: the sink blocks, lines are lost and counted, and requests notice nothing.

mod support;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{client, eventually, free_port, fresh_folder, send_signal};

/// More lines than a pipe and the queue before it hold.
const REQUESTS: usize = 12_000;
/// What asks at the same time.
const CLIENTS: usize = 4;

/// Ends the process with the test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_sink_that_blocks_costs_lines_and_no_request() {
    let port = free_port();
    let base = format!("http://127.0.0.1:{port}");
    let mut service = Ends(
        Command::new(env!("CARGO_BIN_EXE_order-service"))
            .arg(format!("--server.port={port}"))
            .env_remove("DATABASE_URL")
            .current_dir(fresh_folder())
            .stdin(Stdio::null())
            // It stays open, and nobody reads it.
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let ready = format!("{base}/actuator/health/readiness");
    assert!(eventually(|| client().get(&ready).send().is_ok_and(|answer| answer.status() == 200)));
    let liveness = format!("{base}/actuator/health/liveness");
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                for _ in 0..REQUESTS / CLIENTS {
                    let began = Instant::now();
                    assert_eq!(client().get(&liveness).send().unwrap().status(), 200);
                    assert!(began.elapsed() < Duration::from_millis(1_500));
                }
            });
        }
    });
    let metrics = format!("{base}/actuator/prometheus");
    let text = client().get(&metrics).send().unwrap().text().unwrap();
    let lost = text.lines().find_map(|line| line.strip_prefix("log_lines_lost_total "));
    assert!(lost.unwrap().parse::<u64>().unwrap() > 0, "{lost:?}");
    let began = Instant::now();
    send_signal("TERM", service.0.id());
    assert_eq!(service.0.wait().unwrap().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(10));
}
