//! Honest clients: each writes to one instance and reads from the other, in turn, and expects every request to succeed.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};
use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::blocking::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::shop::Release;
use crate::support::{PATIENCE, Service, an_order};

const CLIENTS: usize = 4;
/// Each client begins an order this often at most.
const PACE: Duration = Duration::from_millis(150);
/// The longest time in which no order is finished, on a busy machine.
const STUCK_AFTER: Duration = Duration::from_mins(1);

/// An instance: its release, and where it serves.
type Instance = (Release, String);

/// The instances that a load balancer sends requests to.
#[derive(Default)]
pub(crate) struct Rotation(RwLock<Vec<Instance>>);

impl Rotation {
    pub(crate) fn enter(&self, release: Release, service: &Service) {
        self.0.write().unwrap().push((release, service.base.clone()));
    }

    /// The instance gets no new request. Those under way still have its delay.
    pub(crate) fn leave(&self, service: &Service) {
        self.0.write().unwrap().retain(|(_, base)| *base != service.base);
    }

    /// Two instances, each of which is first in turn; the same one twice while there is no other.
    fn pair(&self, turn: usize) -> [Instance; 2] {
        let all = self.0.read().unwrap();
        [turn, turn + 1].map(|turn| all[turn % all.len()].clone())
    }
}

/// The requests of all clients, and what was acknowledged.
#[derive(Default)]
pub(crate) struct Load {
    next: AtomicUsize,
    stopping: AtomicBool,
    requests: AtomicUsize,
    finished: AtomicUsize,
    slowest: Mutex<Duration>,
    /// The orders as they were acknowledged last.
    orders: Mutex<Vec<Value>>,
    failed: Mutex<Vec<String>>,
}

/// A request that has an effect.
struct Write {
    method: Method,
    path: String,
    body: Value,
    key: String,
    /// The version that it was decided on.
    seen: Option<i64>,
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
struct Heard {
    status: u16,
    tag: String,
    text: String,
}

impl Heard {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

impl Load {
    /// Sends requests until `walk` returns; orders that were begun are finished.
    pub(crate) fn run<T>(&self, rotation: &Rotation, walk: impl FnOnce() -> T) -> T {
        std::thread::scope(|scope| {
            let clients = [(); CLIENTS].map(|()| scope.spawn(|| self.one_client(rotation)));
            let walked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(walk));
            self.stopping.store(true, Ordering::Relaxed);
            for client in clients {
                client.join().unwrap();
            }
            let failed = self.failed.lock().unwrap();
            assert!(failed.is_empty(), "{} failed, such as {:?}", failed.len(), failed.first());
            walked.unwrap()
        })
    }

    /// Runs a part of the walk until this many more orders are finished. Returns what was measured.
    pub(crate) fn during(&self, orders: usize, part: impl FnOnce()) -> String {
        let begin = Instant::now();
        let before = (self.finished(), self.requests.load(Ordering::Relaxed));
        *self.slowest.lock().unwrap() = Duration::ZERO;
        part();
        self.finishes(orders);
        let orders = self.finished() - before.0;
        let requests = self.requests.load(Ordering::Relaxed) - before.1;
        let (took, slowest) = (begin.elapsed(), *self.slowest.lock().unwrap());
        format!("{orders} orders, {requests} requests in {took:.1?}, the slowest {slowest:.0?}")
    }

    /// The orders as they were acknowledged last, by their ids.
    pub(crate) fn orders(&self) -> Vec<Value> {
        let mut orders = self.orders.lock().unwrap().clone();
        orders.sort_by_key(|order| order["id"].as_i64());
        orders
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    fn finished(&self) -> usize {
        self.finished.load(Ordering::Relaxed)
    }

    fn finishes(&self, more: usize) {
        let (mut last, mut since, goal) = (self.finished(), Instant::now(), self.finished() + more);
        while last < goal {
            let failed = self.failed.lock().unwrap().first().cloned();
            assert!(failed.is_none() && since.elapsed() < STUCK_AFTER, "stuck: {failed:?}");
            std::thread::park_timeout(Duration::from_millis(5));
            let now = self.finished();
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
    }

    fn one_client(&self, rotation: &Rotation) {
        let client = Client::builder().timeout(PATIENCE).build().unwrap();
        while !self.stopping.load(Ordering::Relaxed) && self.failed.lock().unwrap().is_empty() {
            let begin = Instant::now();
            let number = self.next.fetch_add(1, Ordering::Relaxed) + 1;
            match self.one_order(rotation, &client, number) {
                Ok(order) => {
                    self.orders.lock().unwrap().push(order);
                    self.finished.fetch_add(1, Ordering::Relaxed);
                }
                Err(failure) => self.failed.lock().unwrap().push(failure),
            }
            std::thread::park_timeout(PACE.saturating_sub(begin.elapsed()));
        }
    }

    /// Brings an order of a customer of its own to its end, and reads its history and the customer's list from both instances.
    fn one_order(
        &self,
        rotation: &Rotation,
        client: &Client,
        number: usize,
    ) -> Result<Value, String> {
        let mut order = Value::Null;
        for (turn, step) in steps(number).iter().enumerate() {
            let write = Write::of(number, step, &order);
            order = self.write(rotation.pair(number + turn), client, &write)?;
        }
        let (id, version) = (&order["id"], order["version"].as_u64().unwrap_or_default());
        let [first, second] = rotation.pair(number);
        let mut histories = Vec::new();
        for instance in [&first, &second] {
            let history = self.get(instance, client, &format!("/orders/{id}/events"))?.json();
            let events = history.as_array().map(Vec::len);
            if events.is_none_or(|events| u64::try_from(events) != Ok(version)) {
                return Err(format!(
                    "{} has another history of {order}: {history}",
                    instance.0.name()
                ));
            }
            histories.push(history);
            let list = self.get(instance, client, &format!("/orders/customer/{number}"))?.json();
            if list["orders"] != json!([order]) {
                return Err(format!("{} has {list} in the place of {order}", instance.0.name()));
            }
        }
        if histories[0] != histories[1] {
            return Err(format!("the histories differ: {histories:?}"));
        }
        Ok(order)
    }

    /// Writes at one instance; reads at the other; and sends the same write there, which must be answered from the record.
    fn write(
        &self,
        [writer, reader]: [Instance; 2],
        client: &Client,
        write: &Write,
    ) -> Result<Value, String> {
        let (first, _) = self.heard(&writer, write.to(&writer, client))?;
        let order = first.json();
        let read = self.get(&reader, client, &format!("/orders/{}", order["id"]))?;
        if (&read.tag, read.json()) != (&first.tag, order.clone()) {
            return Err(format!(
                "{} wrote {first:?}, {} reads {read:?}",
                writer.0.name(),
                reader.0.name()
            ));
        }
        let (again, is_replayed) = self.heard(&reader, write.to(&reader, client))?;
        if !is_replayed || again != first {
            return Err(format!(
                "{} answered {first:?}, {} to the same key {again:?}, from the record: {is_replayed}",
                writer.0.name(),
                reader.0.name()
            ));
        }
        Ok(order)
    }

    fn get(&self, instance: &Instance, client: &Client, path: &str) -> Result<Heard, String> {
        let heard = self.heard(instance, client.get(format!("{}{path}", instance.1)))?;
        Ok(heard.0)
    }

    /// Sends a request. Returns the answer, which must be a success, and whether it comes from the record.
    fn heard(
        &self,
        (release, _): &Instance,
        request: RequestBuilder,
    ) -> Result<(Heard, bool), String> {
        let begin = Instant::now();
        let failed = |why: String| format!("{}: {why}", release.name());
        let answer = request.send().map_err(|error| failed(format!("{error:?}")))?;
        let header = |answer: &Response, name| {
            let value = answer.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (status, tag) = (answer.status(), header(&answer, "etag"));
        let is_replayed = header(&answer, "idempotency-replayed") == "true";
        let text = answer.text().map_err(|error| failed(format!("{error:?}")))?;
        self.requests.fetch_add(1, Ordering::Relaxed);
        let mut slowest = self.slowest.lock().unwrap();
        *slowest = slowest.max(begin.elapsed());
        drop(slowest);
        if !status.is_success() {
            return Err(failed(format!("{status} {text}")));
        }
        Ok((Heard { status: status.as_u16(), tag, text }, is_replayed))
    }
}

/// An order is placed, its lines are replaced, and it is delivered or, each fourth one, cancelled.
fn steps(number: usize) -> &'static [&'static str] {
    if number.is_multiple_of(4) {
        &["place", "replace", "CONFIRMED", "CANCELLED"]
    } else {
        &["place", "replace", "CONFIRMED", "IN_PROGRESS", "DELIVERED"]
    }
}

impl Write {
    /// A step of an order, which is as it was read last.
    fn of(number: usize, step: &str, order: &Value) -> Self {
        let path = format!("/orders/{}", order["id"]);
        let (method, path, body) = match step {
            "place" => {
                let customer = i64::try_from(number).unwrap();
                (Method::POST, "/orders".to_owned(), an_order(customer))
            }
            "replace" => {
                let lines = json!([
                    {"productId": 7, "name": "Lämp", "quantity": 2, "unitPrice": "49.99"},
                    {"productId": 8, "quantity": 1, "unitPrice": 0.5},
                ]);
                (Method::PUT, path, json!({ "items": lines }))
            }
            "CANCELLED" => {
                let body = json!({"status": step, "reason": "OPERATOR", "note": "by the test"});
                (Method::PUT, format!("{path}/status"), body)
            }
            status => (Method::PUT, format!("{path}/status"), json!({ "status": status })),
        };
        let key = format!("order-{number}-{step}");
        Self { method, path, body, key, seen: order["version"].as_i64() }
    }

    fn to(&self, (_, base): &Instance, client: &Client) -> RequestBuilder {
        let url = format!("{base}{}", self.path);
        let request = client.request(self.method.clone(), url).json(&self.body);
        let request = request.header("Idempotency-Key", &self.key);
        match self.seen {
            Some(version) => request.header("If-Match", format!("\"{version}\"")),
            None => request,
        }
    }
}
