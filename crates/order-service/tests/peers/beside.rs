//! The order service of before and this one on one database, both under load.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use order_testkit::databases::Database;
use reqwest::blocking::Response;
use serde_json::{Value, json};

use crate::spring::{Load, Program, Shop};
use crate::support::{Service, an_order};
use crate::{CUSTOMER, table_is_accepted};

/// As many as the old service's.
const THREADS: usize = 4;

#[test]
fn both_services_place_orders_side_by_side_and_read_all_of_them() {
    // The shop's entity on PostgreSQL has a @Version.
    for (database, mapping) in [
        (Database::Mysql, None),
        (Database::Postgres, Some("--spring.jpa.mapping-resources=versioned.xml")),
    ] {
        let shop = Shop::on(database);
        let old = Program::old_order_service(&shop, mapping.as_slice());
        old.wait_until_ready();
        let before = old.post("/orders", &an_order(CUSTOMER))["id"].as_i64().unwrap();
        table_is_accepted(&shop);
        let options = ["--eureka.client.enabled=false"];
        let service = Service::start_in(&shop.folder("new"), &options, &shop.credentials());
        service.wait_until_ready();

        let seconds = if is_full_size() { 60 } else { 10 };
        let (theirs, ours) = std::thread::scope(|scope| {
            let theirs = scope.spawn(|| old.load(seconds, CUSTOMER));
            let ours = load(&service, Duration::from_secs(seconds));
            (theirs.join().unwrap(), ours)
        });
        assert_eq!(theirs.failures, [""; 0], "{}: {}", database.name(), old.log());
        assert_eq!(ours.failures, [""; 0], "{}: {}", database.name(), service.log());
        let all: BTreeSet<_> =
            theirs.ids.iter().chain(&ours.ids).copied().chain([before]).collect();
        assert!(!theirs.ids.is_empty() && !ours.ids.is_empty());
        assert_eq!(all.len(), theirs.ids.len() + ours.ids.len() + 1, "each id is given once");
        for id in all {
            let path = format!("/orders/{id}");
            let new: Value = service.get(&path).json().unwrap();
            assert_eq!(seen(&new), seen(&old.get(&path)), "{}: {id}", database.name());
        }
    }
}

/// What both services tell of an order, in one form.
fn seen(order: &Value) -> Value {
    let amount = &order["totalAmount"];
    let amount = amount.as_str().map_or_else(|| amount.as_f64(), |text| text.parse().ok());
    json!([order["id"], order["customerId"], order["status"], amount])
}

fn load(service: &Service, time: Duration) -> Load {
    let start = Instant::now();
    let one_thread = || {
        let mut done = Load { ids: Vec::new(), failures: Vec::new() };
        while start.elapsed() < time {
            match one_order(service) {
                Ok(id) => done.ids.push(id),
                Err(failure) => done.failures.push(failure),
            }
        }
        done
    };
    std::thread::scope(|scope| {
        let threads = [(); THREADS].map(|()| scope.spawn(one_thread));
        let done = threads.map(|thread| thread.join().unwrap());
        let (ids, failures): (Vec<_>, Vec<_>) =
            done.into_iter().map(|done| (done.ids, done.failures)).unzip();
        Load { ids: ids.concat(), failures: failures.concat() }
    })
}

/// Places, confirms and reads an order, and reads the newest ones of both services.
fn one_order(service: &Service) -> Result<i64, String> {
    let placed = body(service.post("/orders", &an_order(CUSTOMER)))?;
    let path = format!("/orders/{}", placed["id"]);
    let status = json!({ "status": "CONFIRMED" });
    let confirmed = body(service.put(&format!("{path}/status"), &status))?;
    let read = body(service.get(&path))?;
    if read != confirmed {
        return Err(format!("confirmed as {confirmed}, read as {read}"));
    }
    let newest = service.get(&format!("/orders/customer/{CUSTOMER}"));
    if let Some(count) = newest.headers().get("x-orders-left-out") {
        return Err(format!("{count:?} orders are left out"));
    }
    let _ = body(newest)?;
    placed["id"].as_i64().ok_or_else(|| format!("no id in {placed}"))
}

fn body(answer: Response) -> Result<Value, String> {
    let status = answer.status();
    let text = answer.text().map_err(|error| error.to_string())?;
    if !status.is_success() {
        return Err(format!("{status} {text}"));
    }
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

/// Whether the long form was asked for.
fn is_full_size() -> bool {
    std::env::var_os("FULL_SIZE_TESTS").is_some()
}
