//! No broker is there for the whole load, for longer than an order may wait for its confirmation: orders are taken all the same, and
//! none expires by it. When the brokers are back, every saga confirms its order. That the time is in force shows by an order
//! whose reservation inventory does not answer: it expires.

use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use order_testkit::databases::{Database, count};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::chaos::Halted;
use crate::cluster::{BROKERS, Killed, process};
use crate::participants::Participant;
use crate::scene::Topics;
use crate::support::{Service, an_order};
use crate::verdict::{Effects, ledger};
use crate::{size, trial, until};

/// The time counts only after commands can be sent for two of these: it has to be enough for participants to come back to brokers
/// that have just started.
const RESEND_AFTER: &str = "--order.saga.resend-after=10s";
/// The product whose reservations the participant does not answer.
const UNANSWERED: i64 = 408;
/// From the return of the brokers on.
const CONFIRMED_WITHIN: Duration = Duration::from_mins(2);

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![trial("away::brokers_that_are_killed_expire_no_order", || {
        nothing_expires(3, || Killed::now(&BROKERS));
    })];
    if size(false, true) {
        // A hang is noticed only when time-outs are over, so the time for an order is longer than those.
        trials.push(trial("away::brokers_that_hang_expire_no_order", || {
            nothing_expires(45, || BROKERS.map(|broker| Halted::now(process(broker))));
        }));
    }
    trials
}

/// `deadline` is the time for an order in seconds. The brokers are away until what `away` returns is dropped.
fn nothing_expires<A>(deadline: u32, away: impl FnOnce() -> A) {
    let (scratch, topics) = (Database::Postgres.scratch(), Topics::on_the_cluster());
    let mut settings = topics.settings(&scratch.url, &topics.replies.servers);
    settings.extend([format!("--order.saga.deadline={deadline}s"), RESEND_AFTER.to_owned()]);
    let settings: Vec<_> = settings.iter().map(String::as_str).collect();
    let service = Service::start(&settings);
    service.wait_until_ready();
    let inventory = Participant::start("inventory", &topics.inventory, &[]);
    let payment = Participant::start("payment", &topics.payment, &[]);
    let shop = Shop(&service);
    let first = shop.place(&an_order(1));
    let confirmed = |orders: &[i64]| orders.iter().all(|order| shop.is_confirmed(*order));
    assert!(until(CONFIRMED_WITHIN, || confirmed(&[first])), "{}", service.log());

    let brokers = away();
    let orders: Vec<i64> =
        (2..size(52, 502)).map(|customer| shop.place(&an_order(customer))).collect();
    let placed = Instant::now();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let counted = |of: &str| runtime.block_on(count(&scratch.url, of)).unwrap();
    let young = format!(
        "sagas WHERE created_at > timezone('UTC', now()) - interval '{} seconds'",
        2 * deadline
    );
    let patience = Duration::from_secs(u64::from(2 * deadline)) + CONFIRMED_WITHIN;
    assert!(until(patience, || counted(&young) == 0), "time passes");
    let waiting = counted("sagas WHERE state = 'RUNNING' AND due_at IS NOT NULL");
    assert_eq!(waiting, i64::try_from(orders.len()).unwrap(), "all wait, and none is lost");
    assert_eq!(counted("orders WHERE status = 'PENDING'"), waiting, "none has expired");
    eprintln!("{waiting} orders waited for {:?}", placed.elapsed());
    drop(brokers);

    let back = Instant::now();
    let mut nobodys = an_order(1);
    nobodys["items"][0]["productId"] = UNANSWERED.into();
    let unanswered = shop.place(&nobodys);
    let expired = "orders WHERE status = 'CANCELLED'";
    assert!(
        until(CONFIRMED_WITHIN, || confirmed(&orders) || counted(expired) > 1),
        "{}",
        service.log()
    );
    let after = back.elapsed();
    assert!(confirmed(&orders), "{} orders are cancelled", counted(expired));
    let is_expired = || {
        let order = shop.order(unanswered);
        (&order["status"], &order["cancelReason"]) == (&json!("CANCELLED"), &json!("EXPIRED"))
    };
    assert!(until(CONFIRMED_WITHIN, is_expired), "{}", shop.order(unanswered));
    assert_eq!(counted(expired), 1, "that one alone");
    eprintln!("all confirmed {after:?} after the brokers were back");
    for participant in [&inventory, &payment] {
        let ledger = ledger(&participant.audit());
        assert_eq!(ledger.len(), orders.len() + 1, "{}", participant.name);
        let held = Effects { held: 1, returned: 0, made_final: 0 };
        assert!(ledger.values().all(|effects| *effects == held), "{ledger:?}");
    }
    service.signal("TERM");
    assert_eq!(service.wait().code(), Some(0), "{}", service.log());
}

/// A client of the service.
struct Shop<'a>(&'a Service);

impl Shop<'_> {
    /// Places an order; it is taken at the first attempt.
    fn place(&self, order: &Value) -> i64 {
        let answer = self.0.post("/orders", order);
        assert_eq!(answer.status(), StatusCode::CREATED);
        answer.json::<Value>().unwrap()["id"].as_i64().unwrap()
    }

    fn order(&self, order: i64) -> Value {
        self.0.get(&format!("/orders/{order}")).json().unwrap()
    }

    fn is_confirmed(&self, order: i64) -> bool {
        let saga = || self.0.get(&format!("/orders/{order}/saga")).json::<Value>().unwrap();
        self.order(order)["status"] == "CONFIRMED" && saga()["state"] == "READY"
    }
}
