//! Clients that write without pause, and record the answers.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use reqwest::blocking::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{PATIENCE, an_order};

/// The requests of all clients and their answers. Every order has a customer and a key of its own.
#[derive(Default)]
pub(crate) struct Load {
    next_customer: AtomicI64,
    stopping: AtomicBool,
    /// How many requests were answered with success.
    pub(crate) succeeded: AtomicUsize,
    /// Each order as its client knows it.
    pub(crate) orders: Mutex<Vec<Sent>>,
    /// Every answer that was no success: how long it took, its status, and its body.
    pub(crate) refused: Mutex<Vec<Refused>>,
    /// How many requests got no answer.
    pub(crate) unanswered: AtomicUsize,
}

/// One order as its client knows it.
pub(crate) struct Sent {
    pub(crate) customer: i64,
    /// The answer to the order, if there was one.
    pub(crate) placed: Option<Value>,
    /// The code of the problem, if the answer was one.
    pub(crate) refusal: Option<String>,
    /// The version in the last answer.
    pub(crate) version: i64,
}

/// An answer that was no success.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) after: Duration,
    pub(crate) status: StatusCode,
    pub(crate) retry_after: bool,
    pub(crate) code: String,
}

impl Load {
    /// Gives the first order to this customer, and each further one to the next.
    pub(crate) fn from(customer: i64) -> Self {
        Self { next_customer: AtomicI64::new(customer), ..Self::default() }
    }

    /// Writes to a service with several clients until `enough` returns; requests under way are
    /// finished.
    pub(crate) fn run(&self, base: &str, clients: usize, enough: impl FnOnce(&Self)) {
        std::thread::scope(|scope| {
            for _ in 0..clients {
                scope.spawn(|| {
                    let client = Client::builder().timeout(PATIENCE).build().unwrap();
                    while !self.stopping.load(Ordering::Relaxed) {
                        self.one_order(base, &client);
                    }
                });
            }
            enough(self);
            self.stopping.store(true, Ordering::Relaxed);
        });
    }

    /// Sends no new request from now on.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Places and confirms an order. Without an answer, the client goes on to its next order.
    fn one_order(&self, base: &str, client: &Client) {
        let customer = self.next_customer.fetch_add(1, Ordering::Relaxed);
        let mut sent = Sent { customer, placed: None, refusal: None, version: 0 };
        let order = client.post(format!("{base}/orders")).header("Idempotency-Key", key(customer));
        match self.hear(order.json(&an_order(customer))) {
            Ok(placed) => {
                sent.version = 1;
                let url = format!("{base}/orders/{}/status", placed["id"]);
                sent.placed = Some(placed);
                let confirm = client.put(url).json(&json!({"status": "CONFIRMED"}));
                if self.hear(confirm).is_ok() {
                    sent.version = 2;
                }
            }
            Err(refusal) => sent.refusal = refusal,
        }
        self.orders.lock().unwrap().push(sent);
    }

    /// Sends a request. Returns the body of a success, or the code of the problem, or `Err(None)`
    /// without an answer.
    fn hear(&self, request: RequestBuilder) -> Result<Value, Option<String>> {
        let since = Instant::now();
        let heard = request.send().and_then(|answer| {
            let (status, headers) = (answer.status(), answer.headers().clone());
            answer.json::<Value>().map(|body| (status, headers, body))
        });
        let Ok((status, headers, body)) = heard else {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
            return Err(None);
        };
        if status.is_success() {
            self.succeeded.fetch_add(1, Ordering::Relaxed);
            return Ok(body);
        }
        let code = body["code"].as_str().unwrap_or_default().to_owned();
        let retry_after = headers.contains_key("retry-after");
        let refused = Refused { after: since.elapsed(), status, retry_after, code: code.clone() };
        self.refused.lock().unwrap().push(refused);
        Err(Some(code))
    }
}

/// The key under which a customer's order is placed.
pub(crate) fn key(customer: i64) -> String {
    format!("order-of-{customer}")
}
