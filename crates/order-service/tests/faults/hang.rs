//! A database that is stopped (SIGSTOP) under load and goes on later.

use std::fs;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use order_testkit::databases::{Database, connections};
use reqwest::StatusCode;
use serde_json::Value;

use crate::load::Load;
use crate::support::{Service, eventually, send_signal};

const CLIENTS: usize = 32;
const POOL_SIZE: i64 = 10;
/// Every request is answered within this time, whatever the database does.
const ANSWERED_WITHIN: Duration = Duration::from_millis(1_500);

/// All processes of a database server, stopped until this is dropped.
struct Stopped(Vec<u32>);

impl Stopped {
    fn server(database: Database) -> Self {
        let main = database.server_process();
        // The main process first, so that it starts no more children.
        send_signal("STOP", main);
        let stopped = Self(std::iter::once(main).chain(children(main)).collect());
        stopped.0.iter().skip(1).for_each(|process| send_signal("STOP", *process));
        stopped
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.iter().rev().for_each(|process| send_signal("CONT", *process));
    }
}

/// The child processes of a process.
fn children(parent: u32) -> Vec<u32> {
    let is_child = |process: &u32| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        after_name.split_whitespace().nth(1) == Some(&parent.to_string())
    };
    let processes = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str().and_then(|name| name.parse().ok()));
    processes.filter(is_child).collect()
}

pub(crate) fn a_database_that_hangs_is_survived(database: Database) {
    let scratch = database.scratch();
    let service = Service::on(&scratch.url);
    let load = Load::from(1);
    load.run(&service.base, CLIENTS, |load| {
        let succeeded = || load.succeeded.load(Ordering::Relaxed);
        assert!(eventually(|| succeeded() >= 100), "{}", service.log());
        let stopped = Stopped::server(database);
        // Long enough for each client to be refused more than once.
        let refused = || load.refused.lock().unwrap().len();
        assert!(eventually(|| refused() >= 3 * CLIENTS));
        assert_eq!(
            service.get("/actuator/health/liveness").status(),
            StatusCode::OK,
            "the service is alive"
        );
        assert_eq!(
            service.get("/actuator/health/readiness").status(),
            StatusCode::SERVICE_UNAVAILABLE,
            "but not ready"
        );
        drop(stopped);
        let back = Instant::now();
        let before = succeeded();
        assert!(eventually(|| succeeded() > before));
        let recovery = back.elapsed();
        assert!(recovery < Duration::from_secs(1), "back after {recovery:?}");
        let before = succeeded();
        assert!(eventually(|| succeeded() >= before + 200), "and it works at full speed again");
    });
    for refused in load.refused.lock().unwrap().iter() {
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{refused:?}");
        assert!(refused.retry_after, "{refused:?}");
        assert!(
            ["unavailable", "outcome_unknown", "overloaded"].contains(&refused.code.as_str()),
            "{refused:?}"
        );
        assert!(refused.after < ANSWERED_WITHIN, "{refused:?}");
    }
    assert_eq!(load.unanswered.load(Ordering::Relaxed), 0, "every request was answered");
    for sent in load.orders.lock().unwrap().iter() {
        let list = service.get(&format!("/orders/customer/{}", sent.customer));
        let orders = list.json::<Value>().unwrap()["orders"].as_array().unwrap().len();
        match (&sent.placed, sent.refusal.as_deref()) {
            (Some(_), _) => assert_eq!(orders, 1, "what was answered is there"),
            (None, Some("outcome_unknown")) => assert!(orders <= 1),
            (None, refusal) => assert_eq!(orders, 0, "{refusal:?} had no effect"),
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let open = || runtime.block_on(connections(&scratch.url)).unwrap();
    assert!(eventually(|| open() <= POOL_SIZE), "{} connections are open", open());
}
