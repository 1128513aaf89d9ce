//! Honest clients: each places an order and confirms it, one request after the other on a kept connection, and reads
//! every answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::support::{PATIENCE, an_order};

/// Clients that write in the background until they are told to stop.
pub(crate) struct Honest {
    runtime: Runtime,
    clients: Vec<JoinHandle<Tally>>,
    stopping: Arc<AtomicBool>,
    since: Instant,
}

/// What became of the requests of honest clients.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Orders that were placed and confirmed.
    pub(crate) pairs: usize,
    /// Requests without success, by what they got: `503 unavailable`, or why there was no answer.
    pub(crate) failed: BTreeMap<String, usize>,
    /// How long the clients have written.
    pub(crate) lasted: Duration,
}

/// Lets this number of honest clients write for a time.
pub(crate) fn write_for(lasting: Duration, base: &str, clients: usize) -> Tally {
    let honest = Honest::start(base, clients);
    // It may return early, above all after threads of a scope have ended.
    while let Some(left) = lasting.checked_sub(honest.since.elapsed()) {
        std::thread::park_timeout(left);
    }
    honest.stop()
}

impl Honest {
    /// Starts this number of clients.
    pub(crate) fn start(base: &str, clients: usize) -> Self {
        // One thread, so that the service has the rest of the machine.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let stopping = Arc::new(AtomicBool::new(false));
        let customers = Arc::new(AtomicI64::new(1_000_000));
        let client = Client::builder().timeout(PATIENCE).build().expect("a client");
        let clients = (0..clients)
            .map(|_| {
                let (base, client) = (base.to_owned(), client.clone());
                let (stopping, customers) = (Arc::clone(&stopping), Arc::clone(&customers));
                runtime.spawn(async move {
                    let mut tally = Tally::default();
                    while !stopping.load(Ordering::Relaxed) {
                        let customer = customers.fetch_add(1, Ordering::Relaxed);
                        match place_and_confirm(&client, &base, customer).await {
                            Ok(()) => tally.pairs += 1,
                            Err(reason) => *tally.failed.entry(reason).or_default() += 1,
                        }
                    }
                    tally
                })
            })
            .collect();
        Self { runtime, clients, stopping, since: Instant::now() }
    }

    /// Lets requests under way end, and adds up.
    pub(crate) fn stop(self) -> Tally {
        self.stopping.store(true, Ordering::Relaxed);
        let mut all = Tally { lasted: self.since.elapsed(), ..Tally::default() };
        for client in self.clients {
            let one = self.runtime.block_on(client).expect("no client panics");
            all.pairs += one.pairs;
            for (reason, times) in one.failed {
                *all.failed.entry(reason).or_default() += times;
            }
        }
        all
    }
}

impl Tally {
    /// Pairs of writes a second.
    pub(crate) fn rate(&self) -> f64 {
        let pairs = u32::try_from(self.pairs).expect("few enough");
        f64::from(pairs) / self.lasted.as_secs_f64()
    }
}

async fn place_and_confirm(client: &Client, base: &str, customer: i64) -> Result<(), String> {
    let placed = send(client.post(format!("{base}/orders")).json(&an_order(customer))).await?;
    let confirm = client.put(format!("{base}/orders/{}/status", placed["id"]));
    send(confirm.json(&json!({ "status": "CONFIRMED" }))).await?;
    Ok(())
}

async fn send(request: RequestBuilder) -> Result<Value, String> {
    let answer = request.send().await.map_err(|error| format!("no answer: {error:?}"))?;
    let status = answer.status();
    let body: Value = answer.json().await.map_err(|error| format!("no body: {error:?}"))?;
    if status.is_success() {
        Ok(body)
    } else {
        Err(format!("{} {}", status.as_u16(), body["code"].as_str().unwrap_or_default()))
    }
}
