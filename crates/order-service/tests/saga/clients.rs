//! Clients in the storm: they place orders, cancel some at a random moment, and bring some that the saga has confirmed on to
//! `IN_PROGRESS` or `DELIVERED`. Every write has a key, and is sent again, to either service, until it succeeds or is refused for good.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use reqwest::blocking::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::dice::{Dice, pass};
use crate::support::an_order;

/// Longer than a service takes for any answer. A halted one gives none.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Longer than all faults together keep an order from its end.
const GIVE_UP: Duration = Duration::from_mins(15);
/// The pause before a write is sent again, or an order looked at again.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest time from placing an order to cancelling it: as long as most take to be confirmed, or longer.
const REGRET_WITHIN: u64 = 4_000;

/// The clients of a run, and what they were told.
pub(crate) struct Clients {
    bases: [String; 2],
    seed: u64,
    /// How many orders are placed in all.
    total: u64,
    /// How many are begun.
    begun: AtomicU64,
    /// Whether orders are still being placed.
    placing: AtomicBool,
    /// How many orders wait for what their client means to do.
    open: AtomicUsize,
    waiting: Mutex<VecDeque<Waiting>>,
    /// The orders that were answered with 201, each with the last status that was answered to its client's changes.
    told: Mutex<BTreeMap<i64, Option<&'static str>>>,
    /// How many attempts got no answer, or one that says "again". Faults explain these.
    failed: AtomicUsize,
    /// Answers that no fault explains.
    wrong: Mutex<Vec<String>>,
}

/// What a client means to do with an order.
#[derive(Clone, Copy)]
enum Plan {
    CancelAfter(Duration),
    /// As far as this status, once it is confirmed.
    BringTo(&'static [&'static str]),
}

/// An order that its client has not finished with.
struct Waiting {
    number: u64,
    order: i64,
    plan: Plan,
    since: Instant,
}

impl Clients {
    /// Clients that will place this many orders.
    pub(crate) fn new(bases: &[String; 2], seed: u64, total: u64) -> Self {
        Self {
            bases: bases.clone(),
            seed,
            total,
            begun: AtomicU64::new(0),
            placing: AtomicBool::new(false),
            open: AtomicUsize::new(0),
            waiting: Mutex::default(),
            told: Mutex::default(),
            failed: AtomicUsize::new(0),
            wrong: Mutex::default(),
        }
    }

    /// Places all orders, each of these threads one every `pace` at most, and does with them what their clients mean to.
    /// `then` is called when all are placed; what is meant with the last ones comes after it.
    pub(crate) fn run(&self, threads: usize, pace: Duration, then: impl FnOnce()) {
        self.placing.store(true, Ordering::SeqCst);
        std::thread::scope(|scope| {
            let placers: Vec<_> = (0..threads).map(|_| scope.spawn(|| self.place(pace))).collect();
            for _ in 0..threads {
                scope.spawn(|| self.follow());
            }
            let placed: Vec<_> = placers.into_iter().map(ScopedJoinHandle::join).collect();
            // Also after a panic: others wait for it.
            self.placing.store(false, Ordering::SeqCst);
            then();
            for placed in placed {
                placed.unwrap();
            }
        });
        let wrong = self.wrong.lock().unwrap();
        assert!(wrong.is_empty(), "{} answers, such as {:?}", wrong.len(), wrong.first());
    }

    /// What the clients were told, by order.
    pub(crate) fn told(&self) -> BTreeMap<i64, Option<&'static str>> {
        self.told.lock().unwrap().clone()
    }

    /// How many attempts have failed.
    pub(crate) fn failed(&self) -> usize {
        self.failed.load(Ordering::Relaxed)
    }

    fn place(&self, pace: Duration) {
        let client = client();
        loop {
            let begin = Instant::now();
            let number = self.begun.fetch_add(1, Ordering::Relaxed);
            if number >= self.total {
                return;
            }
            let body = an_order(i64::try_from(number).unwrap() + 1);
            let placed = self.until_heard(number, |base| {
                let request = client.post(format!("{base}/orders")).json(&body);
                request.header("Idempotency-Key", format!("{number}-placed"))
            });
            if let Some(placed) = placed {
                let order = placed["id"].as_i64().unwrap();
                self.told.lock().unwrap().insert(order, None);
                if let Some(plan) = self.plan(number) {
                    self.open.fetch_add(1, Ordering::SeqCst);
                    let waiting = Waiting { number, order, plan, since: Instant::now() };
                    self.waiting.lock().unwrap().push_back(waiting);
                }
            }
            pass(pace.saturating_sub(begin.elapsed()));
        }
    }

    /// Half of the orders are brought on, a quarter is cancelled, a quarter is left alone.
    fn plan(&self, number: u64) -> Option<Plan> {
        let dice = Dice::new(self.seed, 1_000 + number);
        match dice.below(8) {
            0 | 1 => Some(Plan::CancelAfter(Duration::from_millis(dice.below(REGRET_WITHIN)))),
            2 => Some(Plan::BringTo(&["IN_PROGRESS"])),
            3..=5 => Some(Plan::BringTo(&["IN_PROGRESS", "DELIVERED"])),
            _ => None,
        }
    }

    /// Takes one waiting order after the other, until none is left and none will come.
    fn follow(&self) {
        let client = client();
        loop {
            let next = self.waiting.lock().unwrap().pop_front();
            let Some(waiting) = next else {
                // In this sequence: what is placed is counted as open before.
                let is_placed = !self.placing.load(Ordering::SeqCst);
                if is_placed && self.open.load(Ordering::SeqCst) == 0 {
                    return;
                }
                pass(PAUSE);
                continue;
            };
            if self.is_finished(&client, &waiting) {
                self.open.fetch_sub(1, Ordering::SeqCst);
            } else {
                self.waiting.lock().unwrap().push_back(waiting);
                pass(PAUSE);
            }
        }
    }

    fn is_finished(&self, client: &Client, waiting: &Waiting) -> bool {
        let Waiting { number, order, plan, since } = waiting;
        match plan {
            Plan::CancelAfter(time) if since.elapsed() < *time => return false,
            Plan::CancelAfter(_) => self.move_to(client, *number, *order, "CANCELLED"),
            Plan::BringTo(path) => {
                let base = &self.bases[usize::try_from(number % 2).unwrap()];
                let found = client.get(format!("{base}/orders/{order}")).send();
                let found = found.and_then(reqwest::blocking::Response::json::<Value>);
                match found.as_ref().map(|found| found["status"].as_str().unwrap_or_default()) {
                    Ok("CONFIRMED") => {
                        path.iter().for_each(|to| self.move_to(client, *number, *order, to));
                    }
                    // Stock or payment was refused, or the order has expired.
                    Ok("CANCELLED") => {}
                    _ if since.elapsed() > GIVE_UP => {
                        self.wrong.lock().unwrap().push(format!("{order} is not confirmed"));
                    }
                    _ => return false,
                }
            }
        }
        true
    }

    fn move_to(&self, client: &Client, number: u64, order: i64, status: &'static str) {
        let moved = self.until_heard(number, |base| {
            let request = client.put(format!("{base}/orders/{order}/status"));
            let key = format!("{number}-{status}");
            request.json(&json!({ "status": status })).header("Idempotency-Key", key)
        });
        // No panic: the others would wait for this order for ever.
        match moved {
            Some(moved) if moved["status"] == status && moved["id"] == order => {
                self.told.lock().unwrap().insert(order, Some(status));
            }
            Some(moved) => self.wrong.lock().unwrap().push(format!("not {status}: {moved}")),
            None => {}
        }
    }

    /// Sends a write until it succeeds, to the services in turn. Returns `None` if it is refused for good.
    fn until_heard(&self, number: u64, request: impl Fn(&str) -> RequestBuilder) -> Option<Value> {
        let first = Instant::now();
        let turns = self.bases.iter().cycle().skip(usize::try_from(number % 2).unwrap());
        for base in turns.take_while(|_| first.elapsed() < GIVE_UP) {
            let heard = request(base).send().and_then(|answer| {
                let status = answer.status().as_u16();
                answer.json::<Value>().map(|body| (status, body))
            });
            match heard {
                Ok((200 | 201, body)) => return Some(body),
                // "Again": also 409, if an earlier attempt is still under way, or the saga moves the order.
                Ok((503, _)) | Err(_) => {}
                Ok((409, body))
                    if body["code"] == "idempotency_in_progress"
                        || body["code"] == "concurrent_update" => {}
                Ok((status, body)) => {
                    self.wrong.lock().unwrap().push(format!("{status}: {body}"));
                    return None;
                }
            }
            self.failed.fetch_add(1, Ordering::Relaxed);
            pass(PAUSE);
        }
        self.wrong.lock().unwrap().push("no attempt succeeded for too long".to_owned());
        None
    }
}

fn client() -> Client {
    Client::builder().timeout(ANSWER_WITHIN).build().unwrap()
}
