//! The table of another service: what `migrate --check` says of it, and what the service does with it.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test"
)]

mod support;

use std::path::Path;
use std::process::{Command, Output};

use order_testkit::databases::{Database, execute};
use reqwest::blocking::Response;
use serde_json::{Value, json};
use tokio::runtime::Builder;

use crate::support::{Service, eventually, fresh_folder};

/// Runs the program with a database, and gives what it printed.
fn order_service(url: &str, arguments: &[&str]) -> Output {
    let folder = fresh_folder();
    let done = Command::new(env!("CARGO_BIN_EXE_order-service"))
        .args(arguments)
        .arg(format!("--spring.datasource.url={url}"))
        .current_dir(&folder)
        .output()
        .unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    done
}

fn run(url: &str, statements: &[String]) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    for statement in statements {
        runtime.block_on(execute(url, statement)).unwrap();
    }
}

fn table(database: Database, customer: &str) -> String {
    let amount = if database == Database::Sqlite { "BIGINT" } else { "DECIMAL(19, 4)" };
    format!(
        "CREATE TABLE orders (id BIGINT NOT NULL PRIMARY KEY, customer_id {customer} NOT NULL, \
         items JSON NOT NULL, total_amount {amount} NOT NULL, status VARCHAR(20) NOT NULL, \
         created_at TIMESTAMP NOT NULL DEFAULT '2026-01-01 00:00:00', \
         updated_at TIMESTAMP NOT NULL DEFAULT '2026-01-01 00:00:00')"
    )
}

fn order(database: Database, id: i64, cents: i64, status: &str) -> String {
    let total = match database {
        Database::Sqlite => (cents * 100).to_string(),
        _ => format!("{}.{:02}", cents / 100, cents % 100),
    };
    format!(
        "INSERT INTO orders (id, customer_id, items, total_amount, status) VALUES ({id}, 42, \
         '[{{\"productId\":1,\"quantity\":3,\"unitPrice\":49.99}}]', {total}, '{status}')"
    )
}

/// The check names each unreadable order and column, and changes nothing; the service reads the rest.
#[test]
fn the_check_names_the_orders_that_cannot_be_read() {
    for database in Database::ALL {
        let scratch = database.scratch();
        let url = &scratch.url;
        let empty = order_service(url, &["migrate", "--check"]);
        assert!(empty.status.success(), "{empty:?}");
        let file = url.trim_start_matches("sqlite:").trim_start_matches("//");
        assert!(!Path::new(file).exists(), "it makes no file: {url}");
        let rows = (1..=1_500).map(|id| match id {
            1_200 => order(database, id, 16_000, "PENDING"),
            7 => order(database, id, 14_997, "SHIPPED"),
            _ => order(database, id, 14_997, "confirmed"),
        });
        let rows: Vec<_> = [table(database, "BIGINT")].into_iter().chain(rows).collect();
        run(url, &rows);
        for migrated in [false, true] {
            let checked = order_service(url, &["migrate", "--check"]);
            let said = String::from_utf8(checked.stdout).unwrap();
            let lines: Vec<_> = said.lines().collect();
            let [status, total, summary] = lines[..] else { panic!("{said}") };
            assert!(status.starts_with("order 7 cannot be read: status: "), "{said}");
            assert!(total.starts_with("order 1200 cannot be read: total_amount: is 160"), "{said}");
            assert_eq!(summary, "1500 orders checked, 2 cannot be read");
            assert_eq!(checked.status.code(), Some(1));
            if !migrated {
                let done = order_service(url, &["migrate"]);
                assert!(done.status.success(), "{done:?}");
            }
        }
        let service = Service::on(url);
        let unreadable = |response: Response, id: i64, column: &str| {
            assert_eq!(response.status(), 500);
            let problem: Value = response.json().unwrap();
            assert_eq!(problem["code"], "order_unreadable", "{problem}");
            assert_eq!(problem["orderId"], id, "{problem}");
            assert_eq!(problem["column"], column, "{problem}");
        };
        unreadable(service.get("/orders/7"), 7, "status");
        let change = service.put("/orders/1200/status", &json!({"status": "CONFIRMED"}));
        unreadable(change, 1_200, "total_amount");
        let confirmed = service.get("/orders/customer/42?limit=100&status=CONFIRMED");
        let confirmed: Value = confirmed.json().unwrap();
        assert_eq!(confirmed["orders"].as_array().unwrap().len(), 100, "in any spelling");
        let mut left_out = 0;
        let mut path = "/orders/customer/42?limit=100".to_owned();
        loop {
            let page = service.get(&path);
            let here = page.headers().get("x-orders-left-out");
            left_out += here.map_or(0, |count| count.to_str().unwrap().parse().unwrap());
            let page: Value = page.json().unwrap();
            let Some(cursor) = page["nextCursor"].as_str() else { break };
            path = format!("/orders/customer/42?limit=100&cursor={cursor}");
        }
        assert_eq!(left_out, 2);
        assert_eq!(service.metric("order_rows_unreadable_total"), Some(4.0));
    }
}

/// The table's times may be coarser than a clock; plain ones of MySQL and MariaDB round to seconds.
#[test]
fn one_instant_is_one_text() {
    for database in Database::ALL {
        let scratch = database.scratch();
        run(&scratch.url, &[table(database, "BIGINT")]);
        let service = Service::on(&scratch.url);
        for customer in 1..=8 {
            let placed = service.placed(customer);
            let path = format!("/orders/{}", placed["id"]);
            let read = |path: &str| service.get(path).json::<Value>().unwrap();
            assert_eq!(read(&path), placed);
            let status = format!("{path}/status");
            let changed = service.put(&status, &json!({"status": "CONFIRMED"}));
            let changed: Value = changed.json().unwrap();
            assert_eq!(read(&path), changed);
            assert_eq!(changed["createdAt"], placed["createdAt"]);
            let listed = read(&format!("/orders/customer/{customer}"));
            assert_eq!(listed["orders"][0], changed);
            let events = read(&format!("{path}/events"));
            let times = [&events[0], &events[1]].map(|event| &event["data"]["occurredAt"]);
            assert_eq!(times, [&placed["createdAt"], &changed["updatedAt"]], "{events}");
        }
    }
}

/// A table that needs an operator: nothing is changed, and the log says what to do, until it is done.
#[test]
fn an_unsuitable_table_is_refused_until_it_is_mended() {
    for database in [Database::Postgres, Database::Mariadb, Database::Mysql] {
        let scratch = database.scratch();
        let url = &scratch.url;
        run(url, &[table(database, "INT"), order(database, 1, 14_997, "PENDING")]);
        let checked = order_service(url, &["migrate", "--check"]);
        let said = String::from_utf8(checked.stdout).unwrap();
        assert!(said.starts_with("orders.customer_id is int"), "{said}");
        assert_eq!(checked.status.code(), Some(1));
        let service = Service::start(&[&format!("--spring.datasource.url={url}")]);
        let is_said = || service.log().contains("orders.customer_id is int");
        assert!(eventually(is_said), "{}", service.log());
        assert_eq!(service.get("/actuator/health/readiness").status(), 503);
        let done = order_service(url, &["migrate"]);
        assert!(done.status.success(), "{done:?}");
        service.wait_until_ready();
        assert_eq!(service.get("/orders/1").status(), 200);
        let checked = order_service(url, &["migrate", "--check"]);
        assert!(checked.status.success(), "{checked:?}");
    }
}
