//! MySQL and MariaDB with a small `max_allowed_packet`: large orders beside small ones, and one that no statement can hold.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use libtest_mimic::Trial;
use order_testkit::databases::{Database, execute};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::honest;
use crate::support::{Service, client, eventually};
use crate::{size, trial};

/// What the servers take in one statement during a check.
const MOST_BYTES: u32 = 65_536;
/// Clients that place large orders.
const LARGE: usize = 3;

pub(crate) fn trials() -> Vec<Trial> {
    let on = |server: Database| {
        trial(format!("{}::large_orders_do_not_fail_small_ones", server.name()), move || {
            large_orders(server);
        })
    };
    vec![on(Database::Mariadb), on(Database::Mysql)]
}

/// A small limit for new connections, until this is dropped.
struct SmallPackets(String);

impl SmallPackets {
    fn on(url: &str) -> Self {
        tell(url, &format!("SET GLOBAL max_allowed_packet = {MOST_BYTES}"));
        Self(url.to_owned())
    }
}

impl Drop for SmallPackets {
    fn drop(&mut self) {
        tell(&self.0, "SET GLOBAL max_allowed_packet = DEFAULT");
    }
}

fn tell(url: &str, statement: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(execute(url, statement)).expect("the server does it");
}

/// An order whose lines take about this many bytes.
fn an_order_of(bytes: usize) -> Value {
    let line = |product| json!({"productId": product, "name": "\u{20ac}".repeat(200), "quantity": 1, "unitPrice": "1.00"});
    let lines: Vec<_> = (1..=bytes / 670).map(line).collect();
    json!({"customerId": 5, "items": lines})
}

fn large_orders(server: Database) {
    let scratch = server.scratch();
    let _small = SmallPackets::on(&scratch.url);
    let service = Service::on(&scratch.url);
    let lasting = size(Duration::from_secs(2), Duration::from_secs(6));
    let stopping = AtomicBool::new(false);
    let (tally, placed) = thread::scope(|scope| {
        let one = || {
            let mut placed = 0;
            let order = an_order_of(25_000);
            while !stopping.load(Ordering::Relaxed) {
                let answer = service.post("/orders", &order);
                assert_eq!(answer.status(), StatusCode::CREATED, "{}", answer.text().unwrap());
                placed += 1;
            }
            placed
        };
        let large = [(); LARGE].map(|()| scope.spawn(one));
        let tally = honest::write_for(lasting, &service.base, 24);
        stopping.store(true, Ordering::Relaxed);
        (tally, large.into_iter().map(|client| client.join().expect("no panic")).sum::<usize>())
    });
    println!(
        "{}: {} pairs of small writes, {placed} large orders, failed {:?}",
        server.name(),
        tally.pairs,
        tally.failed
    );
    assert!(tally.failed.is_empty(), "{:?}\n{}", tally.failed, service.log());
    assert!(tally.pairs > 0 && placed > 0);

    let refused = client().post(service.url("/orders")).json(&an_order_of(100_000)).send().unwrap();
    assert_eq!(refused.status(), StatusCode::INTERNAL_SERVER_ERROR, "it will never fit");
    assert_eq!(refused.headers().get("retry-after"), None);
    assert_eq!(refused.json::<Value>().unwrap()["code"], "internal_error");
    let is_logged = || service.log().contains("max_allowed_packet is 65536");
    assert!(eventually(is_logged), "{}", service.log());
}
