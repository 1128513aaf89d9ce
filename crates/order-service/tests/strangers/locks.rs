//! A foreign session holds a lock: of an order that clients change, of a key that clients want to use. The other clients go
//! on, and what needs the lock is answered in time, with nothing written.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use order_testkit::databases::{Database, Session, count};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::honest::{self, Tally};
use crate::support::{Service, an_order, client, eventually};
use crate::{demand, size, trial};

const SERVERS: [Database; 3] = [Database::Postgres, Database::Mariadb, Database::Mysql];
/// Clients that write other orders.
const HONEST: usize = 24;
/// Clients that need the lock.
const STUCK: usize = 6;
/// The budget of a request, and what the machine may add under load.
const ANSWERED_WITHIN: Duration = Duration::from_millis(2_500);

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for server in SERVERS {
        let name = server.name();
        trials.push(trial(
            format!("{name}::a_locked_order_costs_other_orders_nothing"),
            move || {
                a_locked_order(server);
            },
        ));
        trials.push(trial(
            format!("{name}::many_locked_orders_cost_the_others_little"),
            move || {
                many_locked_orders(server);
            },
        ));
        trials.push(trial(
            format!("{name}::a_locked_key_costs_other_customers_nothing"),
            move || {
                a_locked_key(server);
            },
        ));
        trials.push(trial(format!("{name}::a_locked_table_leaves_no_write_in_doubt"), move || {
            a_locked_table(server);
        }));
    }
    trials.push(trial("sqlite::a_foreign_writer_leaves_no_write_in_doubt", || {
        a_locked_table(Database::Sqlite);
    }));
    trials
}

/// A service on an empty database, and a session past it.
struct Rig {
    service: Service,
    session: Session,
    runtime: Runtime,
    url: String,
}

impl Rig {
    fn on(url: &str) -> Self {
        let service = Service::on(url);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let session = runtime.block_on(Session::to(url)).expect("the database is there");
        Self { service, session, runtime, url: url.to_owned() }
    }

    /// Runs statements in the foreign session.
    fn run(&mut self, statements: &str) {
        self.runtime.block_on(self.session.run(statements)).expect("the session works");
    }

    fn count(&self, of: &str) -> i64 {
        self.runtime.block_on(count(&self.url, of)).expect("the database counts")
    }

    /// The rates of honest clients beside the stuck ones, without the lock and with it, and what the stuck ones got.
    fn measure(
        &mut self,
        lock: &str,
        request: &(dyn Fn(&Service, i64) -> Answer + Sync),
    ) -> (Tally, Tally, Vec<Answer>) {
        let lasting = size(Duration::from_secs(2), Duration::from_secs(6));
        let (free, _) = beside(&self.service, lasting, request);
        self.run(lock);
        let (held, stuck) = beside(&self.service, lasting, request);
        self.run("ROLLBACK");
        (slower(free, beside(&self.service, lasting / 2, request).0), held, stuck)
    }
}

/// The number of the next request of a stuck client: each gives an order other lines than those before.
static NUMBERS: AtomicI64 = AtomicI64::new(1);

/// What a stuck client got, and after how long.
type Answer = (StatusCode, Value, Duration);

fn answer(request: reqwest::blocking::RequestBuilder) -> Answer {
    let begin = Instant::now();
    let answer = request.send().expect("an answer");
    let status = answer.status();
    (status, answer.json().expect("a body"), begin.elapsed())
}

/// Gives an order other lines.
fn replace(service: &Service, id: &Value, number: i64) -> Answer {
    let lines = json!({"items": [{"productId": number + 1, "quantity": 1, "unitPrice": "1.00"}]});
    answer(client().put(service.url(&format!("/orders/{id}"))).json(&lines))
}

/// Lets honest clients write beside clients that send a request again and again.
fn beside(
    service: &Service,
    lasting: Duration,
    request: &(dyn Fn(&Service, i64) -> Answer + Sync),
) -> (Tally, Vec<Answer>) {
    let stopping = AtomicBool::new(false);
    thread::scope(|scope| {
        let one = || {
            let mut got = Vec::new();
            while !stopping.load(Ordering::Relaxed) {
                got.push(request(service, NUMBERS.fetch_add(1, Ordering::Relaxed)));
            }
            got
        };
        let stuck = [(); STUCK].map(|()| scope.spawn(one));
        let tally = honest::write_for(lasting, &service.base, HONEST);
        stopping.store(true, Ordering::Relaxed);
        let got = stuck.into_iter().flat_map(|client| client.join().expect("no panic")).collect();
        (tally, got)
    })
}

/// The slower one of two rates without the lock, before and after it: the load of the machine changes.
fn slower(before: Tally, after: Tally) -> Tally {
    if after.rate() < before.rate() { after } else { before }
}

/// The share of their rate that the honest clients have. None of them fails, and the others are told that nothing was written.
fn judge(what: &str, service: &Service, (free, held, stuck): (Tally, Tally, Vec<Answer>)) -> f64 {
    let ratio = held.rate() / free.rate();
    let slowest = stuck.iter().map(|(_, _, after)| *after).max().unwrap_or_default();
    println!(
        "{what}: {:.0} pairs/s without the lock, {:.0} with it (ratio {ratio:.2}), failed {:?}; {} answers to those that \
         need the lock, the slowest after {slowest:?}; {:?} meetings",
        free.rate(),
        held.rate(),
        held.failed,
        stuck.len(),
        service.metric("order_commit_held_total"),
    );
    assert!(held.failed.is_empty(), "{:?}\n{}", held.failed, service.log());
    assert!(!stuck.is_empty());
    for (status, body, after) in &stuck {
        assert_eq!(
            (*status, &body["code"]),
            (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable"))
        );
        assert!(*after < ANSWERED_WITHIN, "{after:?}");
    }
    ratio
}

fn a_locked_order(server: Database) {
    let scratch = server.scratch();
    let mut rig = Rig::on(&scratch.url);
    let order = rig.service.placed(1);
    let id = order["id"].clone();
    let lock = format!("BEGIN; UPDATE orders SET version = version WHERE id = {id}");
    demand(0.5, || {
        let measured = rig.measure(&lock, &|service, number| replace(service, &id, number));
        judge(server.name(), &rig.service, measured)
    });
    let written = rig.count(&format!("outbox WHERE order_id = {id}"));
    let (status, changed, _) = replace(&rig.service, &id, 1_000_000);
    assert_eq!(status, StatusCode::OK, "the lock is gone: {changed}");
    assert_eq!(rig.count(&format!("outbox WHERE order_id = {id}")), written + 1);
}

fn many_locked_orders(server: Database) {
    let scratch = server.scratch();
    let mut rig = Rig::on(&scratch.url);
    let ids: Vec<Value> = (0..size(60, 600)).map(|_| rig.service.placed(1)["id"].clone()).collect();
    if server != Database::Postgres {
        // Otherwise it would lock the gaps between all orders as well.
        rig.run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
    }
    let lock = "BEGIN; UPDATE orders SET version = version WHERE customer_id = 1";
    let next = |number: i64| &ids[usize::try_from(number).unwrap() % ids.len()];
    demand(0.5, || {
        let measured = rig.measure(lock, &|service, number| replace(service, next(number), number));
        judge(&format!("{}, many orders", server.name()), &rig.service, measured)
    });
}

fn a_locked_key(server: Database) {
    let scratch = server.scratch();
    let mut rig = Rig::on(&scratch.url);
    let lock = "BEGIN; INSERT INTO orders (id, customer_id, items, total_amount, status, created_at, updated_at, \
         version, currency, client_reference) VALUES (90000000, 5, '[]', 0, 'PENDING', '2026-01-01', '2026-01-01', \
         1, 'USD', 'R-1')";
    let mut body = an_order(5);
    body["clientReference"] = "R-1".into();
    let place = |service: &Service, _| answer(client().post(service.url("/orders")).json(&body));
    let lasting = size(Duration::from_secs(2), Duration::from_secs(6));
    demand(0.5, || {
        // Without the lock the first of these requests would take the key.
        let free = honest::write_for(lasting, &rig.service.base, HONEST);
        rig.run(lock);
        let (held, stuck) = beside(&rig.service, lasting, &place);
        rig.run("ROLLBACK");
        let free = slower(free, honest::write_for(lasting / 2, &rig.service.base, HONEST));
        judge(&format!("{}, a key", server.name()), &rig.service, (free, held, stuck))
    });
    assert_eq!(place(&rig.service, 0).0, StatusCode::CREATED, "the lock is gone");
}

/// All writes need this lock, so none succeeds, and each is known to have written nothing.
fn a_locked_table(server: Database) {
    let scratch = server.scratch();
    let mut rig = Rig::on(&scratch.url);
    let _ = rig.service.placed(1);
    let before = rig.count("outbox");
    rig.run(match server {
        Database::Sqlite => "PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE",
        Database::Postgres => "BEGIN; LOCK TABLE orders IN EXCLUSIVE MODE",
        Database::Mariadb | Database::Mysql => "LOCK TABLES orders READ",
    });
    let place =
        |service: &Service, _| answer(client().post(service.url("/orders")).json(&an_order(1)));
    let (tally, stuck) =
        beside(&rig.service, size(Duration::from_secs(2), Duration::from_secs(6)), &place);
    rig.run(match server {
        Database::Sqlite | Database::Postgres => "ROLLBACK",
        Database::Mariadb | Database::Mysql => "UNLOCK TABLES",
    });
    let slowest = stuck.iter().map(|(_, _, after)| *after).max().unwrap_or_default();
    println!("{}, the table: {:?}, the slowest after {slowest:?}", server.name(), tally.failed);
    assert_eq!(tally.pairs, 0);
    assert!(tally.failed.keys().all(|reason| reason == "503 unavailable"), "{:?}", tally.failed);
    assert!(
        stuck
            .iter()
            .all(|(_, body, after)| body["code"] == "unavailable" && *after < ANSWERED_WITHIN)
    );
    assert!(
        eventually(|| place(&rig.service, 0).0 == StatusCode::CREATED),
        "{}",
        rig.service.log()
    );
    // What succeeded is one order, and nothing of what was refused came later.
    assert_eq!(rig.count("outbox"), before + 1);
}
