//! The table of another service: what `migrate --check` says of it, and what the service does with it. `FULL_SIZE_TESTS=1` checks
//! a million orders on each database.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test"
)]

mod support;

use std::path::Path;
use std::process::{Command, Output, Stdio};

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

/// Fills the table by one statement with `count` orders, a power of ten. Ten of them cannot be read: the first, the last, and
/// those around the borders of pages. Answers with their ids.
fn filled(database: Database, url: &str, count: i64) -> [i64; 10] {
    let digits: Vec<_> = (0..10).map(|digit| format!("SELECT {digit} AS n")).collect();
    let digits = format!("({})", digits.join(" UNION ALL "));
    let places = count.ilog10();
    let sum: Vec<_> =
        (0..places).map(|place| format!("{} * d{place}.n", 10_i64.pow(place))).collect();
    let from: Vec<_> = (0..places).map(|place| format!("{digits} AS d{place}")).collect();
    let row = order(database, 0, 14_997, "PENDING");
    let (insert, values) = row.split_once("VALUES (0, ").unwrap();
    let values = values.strip_suffix(')').unwrap();
    let fill = format!(
        "{insert} SELECT id, {values} FROM (SELECT 1 + {} AS id FROM {}) AS numbers",
        sum.join(" + "),
        from.join(", ")
    );
    let middle = count / 2;
    let broken =
        [1, 2, 1_000, 1_001, 5_000, middle + 999, middle + 1_000, middle + 1_001, count - 1, count];
    let spoil = broken.iter().map(|id| match id % 2 {
        0 => format!("UPDATE orders SET status = 'SHIPPED' WHERE id = {id}"),
        _ => format!("UPDATE orders SET total_amount = 1 WHERE id = {id}"),
    });
    let all: Vec<_> = [table(database, "BIGINT"), fill].into_iter().chain(spoil).collect();
    run(url, &all);
    broken
}

/// What a check printed, what it said meanwhile, and the most memory that it had, in KiB.
fn checked(url: &str) -> (String, String, u64) {
    let folder = fresh_folder();
    let mut child = Command::new(env!("CARGO_BIN_EXE_order-service"))
        .args(["migrate", "--check", &format!("--spring.datasource.url={url}")])
        .current_dir(&folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut peak, status) = (0, format!("/proc/{}/status", child.id()));
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(&status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let size = line.and_then(|size| size.trim().strip_suffix(" kB")?.parse().ok());
        peak = size.unwrap_or(peak);
    }
    let output = child.wait_with_output().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let [said, meanwhile] =
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    (said, meanwhile, peak)
}

/// A long table is read in one go, in memory that does not depend on its length.
#[test]
fn the_check_of_a_long_table_names_ten_orders_in_the_memory_of_a_short_one() {
    let is_full_size = std::env::var_os("FULL_SIZE_TESTS").is_some();
    let (databases, count) = if is_full_size {
        (&Database::ALL[..], 1_000_000)
    } else {
        (&[Database::Sqlite][..], 100_000)
    };
    for &database in databases {
        let peaks = [10_000, count].map(|count| {
            let scratch = database.scratch();
            let broken = filled(database, &scratch.url, count);
            let (said, meanwhile, peak) = checked(&scratch.url);
            let lines: Vec<_> = said.lines().collect();
            let (summary, named) = lines.split_last().unwrap();
            assert_eq!(named.len(), broken.len(), "{said}");
            for (line, id) in named.iter().zip(broken) {
                let column = if id % 2 == 0 { "status" } else { "total_amount" };
                let expected = format!("order {id} cannot be read: {column}: ");
                assert!(line.starts_with(&expected), "{line}");
            }
            assert_eq!(*summary, format!("{count} orders checked, 10 cannot be read"));
            let first = meanwhile.lines().next().unwrap_or_default();
            let so_far = broken.iter().filter(|id| **id <= 10_000).count();
            let progress = format!("10000 orders checked, {so_far} cannot be read");
            assert!(first.contains(&progress), "{meanwhile}");
            peak
        });
        assert!(peaks[0] > 0 && peaks[1] < peaks[0] * 3 / 2, "{peaks:?}");
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

/// Without leave to migrate, the service says what has not run, and changes nothing, until an operator runs it.
#[test]
fn migrations_that_have_not_run_are_named_where_the_start_may_not_run_them() {
    for database in Database::ALL {
        let scratch = database.scratch();
        let url = &scratch.url;
        run(url, &[table(database, "BIGINT"), order(database, 1, 14_997, "PENDING")]);
        let at = format!("--spring.datasource.url={url}");
        let service = Service::start(&[&at, "--order.migrate-at-start=false"]);
        let named = "`order-service migrate` runs them: 0001_orders, 0002_";
        assert!(eventually(|| service.log().contains(named)), "{}", service.log());
        assert_eq!(service.get("/actuator/health/readiness").status(), 503);
        let done = order_service(url, &["migrate"]);
        assert!(done.status.success(), "{done:?}");
        service.wait_until_ready();
        assert_eq!(service.get("/orders/1").status(), 200);
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
