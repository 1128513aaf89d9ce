//! The real service as a process of its own, and the servers that tests find it beside.

#![expect(
    clippy::expect_used,
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its part of this, and a broken expectation ends a test"
)]

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};

/// How long a test waits for what should happen soon.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A running service; killed when dropped.
#[derive(Debug)]
pub struct Service {
    /// Where it serves, such as `http://127.0.0.1:4711`.
    pub base: String,
    /// The port for operators, if the options name one.
    operators: Option<u16>,
    child: Mutex<Child>,
    folder: PathBuf,
}

impl Service {
    /// Starts the service on a database and waits until it is ready.
    #[must_use]
    pub fn on(database: &str) -> Self {
        let service = Self::start(&[&format!("--spring.datasource.url={database}")]);
        service.wait_until_ready();
        service
    }

    /// Starts the service with options, on a free port and in an empty folder. Does not wait until
    /// it is ready.
    #[must_use]
    pub fn start(options: &[&str]) -> Self {
        Self::start_in(&fresh_folder(), options, &[])
    }

    /// Like [`Self::start`], in a folder with files, and with environment variables.
    #[must_use]
    pub fn start_in(folder: &Path, options: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_at(free_port(), folder, options, environment)
    }

    /// Like [`Self::start_in`], on a port that a service before it may have had.
    #[must_use]
    pub fn start_at(
        port: u16,
        folder: &Path,
        options: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_order-service"));
        Self::start_program(program, port, folder, options, environment)
    }

    /// Like [`Self::start_at`], of another build.
    #[must_use]
    pub fn start_program(
        program: &Path,
        port: u16,
        folder: &Path,
        options: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let log = File::create(folder.join("service.log")).expect("a log file");
        let errors = log.try_clone().expect("a log file");
        let child = Command::new(program)
            .arg(format!("--server.port={port}"))
            .arg("--server.address=127.0.0.1")
            .args(options)
            .env_remove("DATABASE_URL")
            .envs(environment.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .expect("the service starts");
        let named = options.iter().find_map(|o| o.strip_prefix("--management.server.port="));
        Self {
            base: format!("http://127.0.0.1:{port}"),
            operators: named.and_then(|port| port.parse().ok()),
            child: Mutex::new(child),
            folder: folder.to_owned(),
        }
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("service.log")).unwrap_or_default()
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child().id()
    }

    /// Waits until it is ready.
    pub fn wait_until_ready(&self) {
        let ready = || {
            let url = self.operators().map(|base| format!("{base}/actuator/health/readiness"));
            let answer = url.and_then(|url| client().get(url).send().ok());
            answer.is_some_and(|answer| answer.status() == StatusCode::OK)
        };
        assert!(eventually(ready), "the service is not ready; its log:\n{}", self.log());
    }

    /// Where operators are served; `None` while that is not known.
    #[must_use]
    pub fn operators(&self) -> Option<String> {
        match self.operators {
            None => Some(self.base.clone()),
            Some(0) => {
                let log = self.log();
                let line = log.lines().find(|line| line.contains("listening for operators"))?;
                let line: Value = serde_json::from_str(line).ok()?;
                Some(format!("http://{}", line.get("address")?.as_str()?))
            }
            Some(port) => Some(format!("http://127.0.0.1:{port}")),
        }
    }

    /// Sends it a signal, such as `TERM` or `KILL`.
    pub fn signal(&self, signal: &str) {
        send_signal(signal, self.pid());
    }

    /// Waits until it has ended.
    pub fn wait(&self) -> ExitStatus {
        self.child().wait().expect("the service ends")
    }

    /// Whether it has ended, and how.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.child().try_wait().expect("the service is ours")
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().expect("no test panicked with it")
    }

    /// The address of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Reads a path.
    #[must_use]
    pub fn get(&self, path: &str) -> Response {
        client().get(self.url(path)).send().expect("an answer")
    }

    /// Posts JSON.
    #[must_use]
    pub fn post(&self, path: &str, body: &Value) -> Response {
        client().post(self.url(path)).json(body).send().expect("an answer")
    }

    /// Puts JSON.
    #[must_use]
    pub fn put(&self, path: &str, body: &Value) -> Response {
        client().put(self.url(path)).json(body).send().expect("an answer")
    }

    /// Places an order of a customer and returns it.
    #[must_use]
    pub fn placed(&self, customer: i64) -> Value {
        let answer = self.post("/orders", &an_order(customer));
        assert_eq!(answer.status(), StatusCode::CREATED);
        answer.json().expect("an order")
    }

    /// Moves an order to a status.
    pub fn move_to(&self, order: &Value, status: &str) {
        let path = format!("/orders/{}/status", order["id"]);
        let moved = self.put(&path, &json!({ "status": status }));
        assert!(moved.status().is_success(), "{status}: {}", moved.status());
    }

    /// The value of a metric, such as `a_total` or `a_total{b="c"}`; `None` if it is not exported.
    #[must_use]
    pub fn metric(&self, series: &str) -> Option<f64> {
        let url = format!("{}/actuator/prometheus", self.operators()?);
        metric_in(&client().get(url).send().expect("an answer").text().expect("metrics"), series)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child().kill();
        let _ = self.child().wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A client with a time-out, so that no test hangs.
#[must_use]
pub fn client() -> Client {
    thread_local! {
        static CLIENT: Client =
            Client::builder().timeout(PATIENCE).build().expect("a client");
    }
    CLIENT.with(Client::clone)
}

/// The body of a small order: three of product 7 for 49.99 each, 149.97 in all.
#[must_use]
pub fn an_order(customer: i64) -> Value {
    json!({
        "customerId": customer,
        "items": [{"productId": 7, "quantity": 3, "unitPrice": "49.99"}],
    })
}

/// The value of a metric in a scraped text.
#[must_use]
pub fn metric_in(scraped: &str, series: &str) -> Option<f64> {
    let value = |line: &str| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok();
    scraped.lines().find_map(value)
}

/// The broker of `deploy/stack up kafka`, unless another one is named.
#[must_use]
pub fn brokers() -> String {
    server("STACK_KAFKA_URL", "127.0.0.1:9192")
}

/// The registry of `deploy/stack up eureka`, unless another one is named.
#[must_use]
pub fn eureka() -> String {
    server("STACK_EUREKA_URL", "http://127.0.0.1:8761/eureka")
}

fn server(variable: &str, usual: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "tests take their servers from there")]
    std::env::var(variable).unwrap_or_else(|_| usual.to_owned())
}

/// The instances of an application in the registry.
#[must_use]
pub fn registered(app: &str) -> Vec<Value> {
    let url = format!("{}/apps/{app}", eureka());
    let answer = client().get(url).header("accept", "application/json").send();
    let help = "no Eureka server; start it with `deploy/stack up eureka`, or name yours in \
                STACK_EUREKA_URL";
    let answer = answer.expect(help);
    if answer.status() == StatusCode::NOT_FOUND {
        return Vec::new();
    }
    let body: Value = answer.json().expect("instances");
    match body.pointer("/application/instance") {
        Some(Value::Array(all)) => all.clone(),
        one => one.into_iter().cloned().collect(),
    }
}

/// Waits for a condition; returns whether it came true in time.
pub fn eventually(condition: impl FnMut() -> bool) -> bool {
    within(PATIENCE, condition)
}

/// Like [`eventually`], for what takes longer.
pub fn within(patience: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !condition() {
        if start.elapsed() > patience {
            return false;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    true
}

/// Sends a process a signal.
pub fn send_signal(signal: &str, process: u32) {
    let sent = Command::new("kill").arg(format!("-{signal}")).arg(process.to_string()).status();
    assert!(sent.expect("kill runs").success(), "SIG{signal} to {process}");
}

/// Whether all threads of a process are stopped. One of them handles the signal first, and it may wait
/// for a processor while the others run on.
#[must_use]
pub fn is_halted(pid: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("a running process");
    threads.flatten().all(|thread| {
        // The state follows the name, which stands in brackets.
        let stat = std::fs::read_to_string(thread.path().join("stat"));
        stat.is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')))
    })
}

/// An empty folder.
#[must_use]
pub fn fresh_folder() -> PathBuf {
    tempfile::Builder::new().prefix("order-service-").tempdir().expect("a folder").keep()
}

/// A free port.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// A free port that stays free while one process ends there and the next one starts.
#[must_use]
pub fn steady_port() -> u16 {
    order_testkit::steady_port().local_addr().expect("an address").port()
}
