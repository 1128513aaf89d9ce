//! Clients that bring orders to DELIVERED in spite of faults. Every write has a key, and is sent again,
//! to either instance, until it succeeds or is refused for good.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::blocking::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::fleet::Fleet;
use crate::support::an_order;

/// How many clients: with a pace, and without one, enough to load the service.
const CLIENTS: [usize; 2] = [8, 48];
/// Longer than the service takes for any answer. A halted instance gives none.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Longer than any fault lasts.
const GIVE_UP: Duration = Duration::from_mins(3);
/// The pause before a write is sent again.
const PAUSE: Duration = Duration::from_millis(50);
const PATH: [&str; 3] = ["CONFIRMED", "IN_PROGRESS", "DELIVERED"];

/// The requests of all clients and their answers.
#[derive(Default)]
pub(crate) struct Load {
    next_customer: AtomicI64,
    stopping: AtomicBool,
    /// How many orders are delivered.
    pub(crate) delivered: AtomicUsize,
    orders: Mutex<Vec<i64>>,
    latencies: Mutex<Vec<Duration>>,
    /// How many attempts got no answer, or one that says "again". Faults explain these.
    pub(crate) failed: AtomicUsize,
    /// Answers that no fault explains.
    wrong: Mutex<Vec<String>>,
}

impl Load {
    /// Writes until `enough` returns; orders under way are finished. Each client begins an order every
    /// `pace` at most.
    pub(crate) fn run(&self, fleet: &Fleet, pace: Duration, enough: impl FnOnce(&Self)) {
        self.stopping.store(false, Ordering::Relaxed);
        std::thread::scope(|scope| {
            let clients = 0..CLIENTS[usize::from(pace.is_zero())];
            let clients: Vec<_> =
                clients.map(|_| scope.spawn(|| self.one_client(fleet, pace))).collect();
            // The clients end even if `enough` panics.
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| enough(self)));
            self.stopping.store(true, Ordering::Relaxed);
            for client in clients {
                client.join().unwrap();
            }
            ended.unwrap();
        });
        let wrong = self.wrong.lock().unwrap();
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    fn one_client(&self, fleet: &Fleet, pace: Duration) {
        let client = Client::builder().timeout(ANSWER_WITHIN).build().unwrap();
        while !self.stopping.load(Ordering::Relaxed) {
            let begin = Instant::now();
            let customer = self.next_customer.fetch_add(1, Ordering::Relaxed) + 1;
            let _ = self.deliver(fleet, &client, customer, &an_order(customer));
            std::thread::park_timeout(pace.saturating_sub(begin.elapsed()));
        }
    }

    /// Delivers one order of a customer that the clients do not use.
    pub(crate) fn one_more(&self, fleet: &Fleet, customer: i64, order: &Value) -> i64 {
        let client = Client::builder().timeout(ANSWER_WITHIN).build().unwrap();
        self.deliver(fleet, &client, customer, order).expect("nothing is wrong with it")
    }

    fn deliver(&self, fleet: &Fleet, client: &Client, customer: i64, order: &Value) -> Option<i64> {
        let placed = self.until_heard(fleet, customer, |base| {
            let request = client.post(format!("{base}/orders")).json(order);
            request.header("Idempotency-Key", format!("{customer}-placed"))
        })?;
        let order = placed["id"].as_i64().unwrap();
        for status in PATH {
            let moved = self.until_heard(fleet, customer, |base| {
                let request = client.put(format!("{base}/orders/{order}/status"));
                let key = format!("{customer}-{status}");
                request.json(&json!({ "status": status })).header("Idempotency-Key", key)
            })?;
            assert_eq!((&moved["status"], &moved["id"]), (&json!(status), &json!(order)));
        }
        self.orders.lock().unwrap().push(order);
        self.delivered.fetch_add(1, Ordering::Relaxed);
        Some(order)
    }

    /// Sends a write until it succeeds. Returns `None` if it is refused for good.
    fn until_heard(
        &self,
        fleet: &Fleet,
        customer: i64,
        request: impl Fn(&str) -> RequestBuilder,
    ) -> Option<Value> {
        let first = Instant::now();
        let mut turn = usize::try_from(customer).unwrap();
        while first.elapsed() < GIVE_UP {
            // Alternate between the instances.
            turn += 1;
            let Some(base) = fleet.base(turn) else {
                std::thread::park_timeout(Duration::from_millis(1));
                continue;
            };
            let begin = Instant::now();
            let heard = request(&base).send().and_then(|answer| {
                let status = answer.status().as_u16();
                answer.json::<Value>().map(|body| (status, body))
            });
            match heard {
                Ok((200 | 201, body)) => {
                    self.latencies.lock().unwrap().push(begin.elapsed());
                    return Some(body);
                }
                // "Again": also 409, if an earlier attempt is still under way.
                Ok((503, _)) | Err(_) => {}
                Ok((409, body)) if body["code"] == "idempotency_in_progress" => {}
                Ok((status, body)) => {
                    self.wrong.lock().unwrap().push(format!("{status}: {body}"));
                    return None;
                }
            }
            self.failed.fetch_add(1, Ordering::Relaxed);
            std::thread::park_timeout(PAUSE);
        }
        self.wrong.lock().unwrap().push("no attempt succeeded for too long".to_owned());
        None
    }

    /// Waits until this many more orders are delivered.
    pub(crate) fn delivers(&self, more: usize) {
        wait_for(&self.delivered, more);
    }

    /// Waits until this many more attempts have failed.
    pub(crate) fn fails(&self, more: usize) {
        wait_for(&self.failed, more);
    }

    /// The ids of the delivered orders, sorted.
    pub(crate) fn orders(&self) -> Vec<i64> {
        let mut orders = self.orders.lock().unwrap().clone();
        orders.sort_unstable();
        orders
    }

    /// The median latency of the answers since the last call, for the output of the test.
    pub(crate) fn median_latency(&self) -> Duration {
        let mut latencies = std::mem::take(&mut *self.latencies.lock().unwrap());
        latencies.sort_unstable();
        latencies.get(latencies.len() / 2).copied().unwrap_or_default()
    }
}

fn wait_for(count: &AtomicUsize, more: usize) {
    let count = || count.load(Ordering::Relaxed);
    let (mut last, mut since, goal) = (count(), Instant::now(), count() + more);
    while last < goal {
        assert!(since.elapsed() < GIVE_UP, "the clients are stuck");
        std::thread::park_timeout(Duration::from_millis(5));
        let now = count();
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
}
