//! A service of the matrix with a database and topics of its own, behind a gate before the broker; and the way of an order up to
//! each command.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use order_events::saga::CommandType;
use order_testkit::BrokerGate;
use order_testkit::databases::{Database, Scratch, count};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::desk::Desk;
use crate::scene::Topics;
use crate::support::{Service, an_order, brokers, client, fresh_folder, steady_port};
use crate::until;

/// Longer than the leases of a killed service last, and its place in the group of those that read replies.
pub(super) const PATIENCE: Duration = Duration::from_mins(2);

const SETTINGS: [&str; 3] = [
    // No trial is about it.
    "--order.saga.deadline=0s",
    "--order.saga.attention-after=15m",
    // The commit of a reply waits for a lock as long as the trial wants.
    "--order.request-budget=10s",
];

/// A service and everything around it.
pub(super) struct Stage {
    service: Mutex<Service>,
    base: String,
    port: u16,
    settings: Vec<String>,
    pub(super) database: Database,
    pub(super) scratch: Scratch,
    pub(super) desk: Desk,
    pub(super) gate: BrokerGate,
    runtime: Runtime,
    customer: AtomicI64,
    _topics: Topics,
}

impl Stage {
    /// Starts a service on an empty database, which sends a command again after this time.
    pub(super) fn on(database: Database, resend_after: &str) -> Self {
        let (scratch, topics) = (database.scratch(), Topics::on_one_broker());
        let gate = BrokerGate::before(&brokers());
        let mut settings = topics.settings(&scratch.url, &gate.address());
        settings.extend(SETTINGS.map(str::to_owned));
        settings.push(format!("--order.saga.resend-after={resend_after}"));
        let port = steady_port();
        let service = started(port, &settings);
        Self {
            base: service.base.clone(),
            service: Mutex::new(service),
            port,
            settings,
            database,
            scratch,
            desk: Desk::open(&topics),
            gate,
            runtime: Runtime::new().unwrap(),
            customer: AtomicI64::new(1),
            _topics: topics,
        }
    }

    /// Ends the service at once.
    pub(super) fn kill(&self) {
        let service = self.service.lock().unwrap();
        service.signal("KILL");
        let _ = service.wait();
    }

    /// Starts another service in the place of the one that was killed.
    pub(super) fn restart(&self) {
        let mut service = self.service.lock().unwrap();
        assert!(service.ended().is_some(), "it was killed");
        *service = started(self.port, &self.settings);
    }

    /// Ends the service in good order.
    pub(super) fn stop(&self) {
        let service = self.service.lock().unwrap();
        service.signal("TERM");
        assert_eq!(service.wait().code(), Some(0), "{}", service.log());
    }

    /// The value of a metric of the service; `None` if it is not exported.
    pub(super) fn metric(&self, series: &str) -> Option<f64> {
        self.service.lock().unwrap().metric(series)
    }

    /// Counts rows of the database.
    pub(super) fn count(&self, of: &str) -> i64 {
        self.runtime.block_on(count(&self.scratch.url, of)).unwrap()
    }

    /// Does something that has to wait for the database.
    pub(super) fn wait_for<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    fn get(&self, path: &str) -> Value {
        let answer = client().get(format!("{}{path}", self.base)).send().unwrap();
        let status = answer.status();
        let body = answer.json().unwrap();
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    pub(super) fn order(&self, order: i64) -> Value {
        self.get(&format!("/orders/{order}"))
    }

    pub(super) fn saga(&self, order: i64) -> Value {
        self.get(&format!("/orders/{order}/saga"))
    }

    /// The events of an order, oldest first.
    pub(super) fn events(&self, order: i64) -> Vec<Value> {
        self.get(&format!("/orders/{order}/events")).as_array().unwrap().clone()
    }

    /// What the saga knows of a command; null when it was never issued.
    pub(super) fn exchange(&self, order: i64, kind: CommandType) -> Value {
        exchange(&self.saga(order), kind).clone()
    }

    /// Waits until the saga of an order is so.
    pub(super) fn until(&self, order: i64, what: &str, is_so: impl Fn(&Value) -> bool) {
        let so = until(PATIENCE, || is_so(&self.saga(order)));
        assert!(so, "{what}: order {order} has {:#}", self.saga(order));
    }

    /// Places an order, and returns its id.
    pub(super) fn place(&self) -> i64 {
        let order = an_order(self.customer.fetch_add(1, Ordering::Relaxed));
        let answer = client().post(format!("{}/orders", self.base)).json(&order).send().unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        answer.json::<Value>().unwrap()["id"].as_i64().unwrap()
    }

    pub(super) fn move_to(&self, order: i64, status: &str) {
        let url = format!("{}/orders/{order}/status", self.base);
        let moved = client().put(url).json(&json!({ "status": status })).send().unwrap();
        assert_eq!(moved.status(), StatusCode::OK, "{status}: {:?}", moved.text());
    }

    /// An order that needs one thing more, and the command is issued; `None` where that is to be placed.
    pub(super) fn poised(&self, kind: CommandType) -> Option<i64> {
        use CommandType::{Authorize, Reserve};
        if kind == Reserve {
            return None;
        }
        let order = self.place();
        let reserve = self.desk.arrival(order, Reserve, 1);
        if kind != Authorize {
            self.desk.done(&reserve);
            self.desk.done(&self.desk.arrival(order, Authorize, 1));
            self.until(order, "it is ready", |saga| saga["state"] == "READY");
        }
        Some(order)
    }

    /// Has a command issued for an order that is poised, and returns the order.
    pub(super) fn issue(&self, kind: CommandType, poised: Option<i64>) -> i64 {
        let Some(order) = poised else { return self.place() };
        match kind {
            CommandType::Reserve => unreachable!("placed above"),
            CommandType::Authorize => {
                self.desk.done(&self.desk.arrival(order, CommandType::Reserve, 1));
            }
            CommandType::Commit | CommandType::Capture => self.move_to(order, "IN_PROGRESS"),
            CommandType::Release | CommandType::Void => self.move_to(order, "CANCELLED"),
        }
        order
    }

    /// Says that the other commands are done that an order gets after or beside this one.
    pub(super) fn do_the_rest(&self, order: i64, kind: CommandType) {
        let other = match kind {
            CommandType::Reserve => CommandType::Authorize,
            CommandType::Authorize => return,
            CommandType::Commit => CommandType::Capture,
            CommandType::Capture => CommandType::Commit,
            CommandType::Release => CommandType::Void,
            CommandType::Void => CommandType::Release,
        };
        self.desk.done(&self.desk.arrival(order, other, 1));
    }
}

/// What a saga knows of a command; null when it was never issued.
pub(super) fn exchange(saga: &Value, kind: CommandType) -> &Value {
    let (step, side) = match kind {
        CommandType::Reserve => ("reserve", "do"),
        CommandType::Release => ("reserve", "undo"),
        CommandType::Authorize => ("authorize", "do"),
        CommandType::Void => ("authorize", "undo"),
        CommandType::Commit => ("commit", "do"),
        CommandType::Capture => ("capture", "do"),
    };
    let steps = saga["steps"].as_array().unwrap();
    steps.iter().find(|found| found["name"] == step).map_or(&Value::Null, |found| &found[side])
}

fn started(port: u16, settings: &[String]) -> Service {
    let settings: Vec<_> = settings.iter().map(String::as_str).collect();
    let service = Service::start_at(port, &fresh_folder(), &settings, &[]);
    service.wait_until_ready();
    service
}
