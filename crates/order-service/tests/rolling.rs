//! Rolling restarts: two instances in a real Eureka registry, clients who balance between the
//! instances that it names, and ten restarts, one after the other, in which no request fails. And a
//! request that is under way when an instance stops without a delay.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test"
)]

mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};
use std::time::Duration;

use order_app::ports::Entropy as _;
use order_testkit::RandomEntropy;
use order_testkit::databases::Database;
use reqwest::blocking::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{PATIENCE, Service, an_order, eureka, eventually, registered};

/// How often an instance is restarted.
const RESTARTS: usize = 10;
/// How many clients send without pause.
const CLIENTS: usize = 4;
/// How long an instance still serves after it has left the registry: longer than the caches of the
/// registry (1 s) and of the balancer ([`REFRESH`]) together.
const DELAY: &str = "--order.shutdown.delay=2500ms";
/// How often the balancer reads the registry.
const REFRESH: Duration = Duration::from_millis(200);

/// Sends each request to the next instance with the status UP in the registry.
struct Balancer {
    app: String,
    instances: RwLock<Vec<String>>,
    turn: AtomicUsize,
}

impl Balancer {
    fn new(app: &str) -> Self {
        Self { app: app.to_owned(), instances: RwLock::default(), turn: AtomicUsize::new(0) }
    }

    fn refresh(&self) {
        let found = registered(&self.app);
        let up = found.iter().filter(|instance| instance["status"] == "UP");
        let address = |instance: &Value| format!("http://127.0.0.1:{}", instance["port"]["$"]);
        *self.instances.write().unwrap() = up.map(address).collect();
    }

    fn has(&self, service: &Service) -> bool {
        self.instances.read().unwrap().contains(&service.base)
    }

    fn next(&self) -> String {
        let instances = self.instances.read().unwrap();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        instances[turn.checked_rem(instances.len()).expect("an instance is up")].clone()
    }
}

/// The answers that clients got.
#[derive(Default)]
struct Heard {
    placed: AtomicUsize,
    failed: Mutex<Vec<String>>,
}

impl Heard {
    fn of(&self, request: RequestBuilder) -> Option<Value> {
        let told = match request.send() {
            Ok(answer) if answer.status().is_success() => match answer.json() {
                Ok(body) => return Some(body),
                Err(broken) => format!("{broken:?}"),
            },
            Ok(refused) => {
                let (url, status) = (refused.url().clone(), refused.status());
                format!("{url} {status} {}", refused.text().unwrap_or_default())
            }
            Err(unanswered) => format!("{unanswered:?}"),
        };
        self.failed.lock().unwrap().push(told);
        None
    }

    /// Places an order at one instance, confirms it at the next, and reads it from the one after.
    fn one_order(&self, balancer: &Balancer, client: &Client) {
        let place = client.post(format!("{}/orders", balancer.next())).json(&an_order(7));
        let Some(placed) = self.of(place) else { return };
        let path = format!("/orders/{}", placed["id"]);
        let status = format!("{}{path}/status", balancer.next());
        self.of(client.put(status).json(&json!({"status": "CONFIRMED"})));
        let read = self.of(client.get(format!("{}{path}", balancer.next())));
        assert_eq!(read.unwrap_or(placed)["customerId"], 7);
        self.placed.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn ten_rolling_restarts_under_load_fail_no_request() {
    let database = Database::Postgres.scratch();
    let app = format!("rolling-{:08x}", RandomEntropy.bits() >> 96);
    let start = || {
        Service::start(&[
            &format!("--spring.application.name={app}"),
            &format!("--spring.datasource.url={}", database.url),
            &format!("--eureka.client.service-url.defaultZone={}", eureka()),
            "--eureka.instance.hostname=localhost",
            DELAY,
        ])
    };
    let (balancer, heard, over) = (Balancer::new(&app), Heard::default(), AtomicBool::new(false));
    let is_known = |service: &Service| {
        let known = || {
            balancer.refresh();
            balancer.has(service)
        };
        assert!(eventually(known), "{}", service.log());
    };
    let mut running = [start(), start()];
    running.iter().for_each(is_known);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                balancer.refresh();
                std::thread::park_timeout(REFRESH);
            }
        });
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let client = Client::builder().timeout(PATIENCE).build().unwrap();
                while !over.load(Ordering::Relaxed) {
                    heard.one_order(&balancer, &client);
                }
            });
        }
        let stopped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for restart in 0..RESTARTS {
                let service = &mut running[restart % 2];
                service.signal("TERM");
                assert_eq!(service.wait().code(), Some(0), "{}", service.log());
                *service = start();
                is_known(service);
            }
        }));
        over.store(true, Ordering::Relaxed);
        stopped.unwrap();
    });
    let failed = heard.failed.lock().unwrap();
    assert!(failed.is_empty(), "{} failed, such as {:?}", failed.len(), failed.first());
    assert!(heard.placed.load(Ordering::Relaxed) >= RESTARTS, "there was a load");
}

#[test]
fn a_request_that_is_under_way_is_answered_before_its_instance_ends() {
    let service = Service::start(&["--order.shutdown.delay=0s"]);
    service.wait_until_ready();
    let address = service.base.trim_start_matches("http://").to_owned();
    let mut sending = TcpStream::connect(&address).unwrap();
    let mut answers = BufReader::new(sending.try_clone().unwrap());
    let body = an_order(7).to_string();
    let head = format!(
        "POST /orders HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    sending.write_all(head.as_bytes()).unwrap();
    let mut line = String::new();
    answers.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 100 "), "the server asks for the body: {line}");
    service.signal("TERM");
    assert!(eventually(|| TcpStream::connect(&address).is_err()), "it accepts no new connection");
    assert_eq!(service.ended(), None, "it waits for the request under way");
    sending.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    while !answer.contains("HTTP/1.1 201 ") {
        assert!(answers.read_line(&mut answer).unwrap() > 0, "unanswered: {answer:?}");
    }
    assert_eq!(service.wait().code(), Some(0), "{}", service.log());
}
