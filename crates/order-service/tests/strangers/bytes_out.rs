//! Bytes out: clients that ask for large answers and do not read them. Pages end by their bytes, and what waits for clients
//! is bounded, so that memory is.

use std::time::Duration;

use libtest_mimic::Trial;
use order_testkit::databases::Database;
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;

use crate::honest::{Honest, write_for};
use crate::process::peak_memory;
use crate::support::{PATIENCE, Service, eventually, within};
use crate::{demand, size, trial};

/// The customer of the large orders.
const CUSTOMER: i64 = 77;
/// The most bytes of a page: a mebibyte of documents, and one more of them.
const MOST: usize = (1 << 20) + 300_000;
/// How much more memory the service may need, in MiB: the budget for unread answers, and what the pages take that are being made.
/// 32 of them are at a time; each has a mebibyte as it was read, as it was understood, and as it is written.
const UNREAD: u64 = 64;
const FEW_PAGES: u64 = 32;
const ALL_PAGES: u64 = 3 * 32;
/// And in KiB, the buffer of each connection.
const BUFFER: u64 = 48;

pub(crate) fn trials() -> Vec<Trial> {
    let trials = Database::ALL.map(|database| {
        let name = database.name();
        [
            trial(format!("{name}::pages_end_by_their_bytes_and_links_lead_on"), move || {
                pages_end_by_their_bytes(database);
            }),
            trial(format!("{name}::unread_answers_cost_no_memory_and_no_request"), move || {
                demand(0.5, || unread_answers_beside(database));
            }),
        ]
    });
    trials.into_iter().flatten().collect()
}

/// As many lines as an order may have, with the longest names: about 180 KB.
fn large_lines(price: usize) -> Value {
    let name = "\u{1d11e}".repeat(200);
    let line = |product| json!({"productId": product, "name": name, "quantity": 1, "unitPrice": price.to_string()});
    (1..=200).map(line).collect()
}

/// Places a large order.
fn place_large(service: &Service) -> i64 {
    let order = json!({"customerId": CUSTOMER, "items": large_lines(1)});
    let placed = service.post("/orders", &order);
    assert_eq!(placed.status(), 201);
    placed.json::<Value>().unwrap()["id"].as_i64().unwrap()
}

/// Places a large order with versions.
fn place_with_versions(service: &Service, versions: usize) -> i64 {
    let id = place_large(service);
    for version in 2..=versions {
        let changed =
            service.put(&format!("/orders/{id}"), &json!({"items": large_lines(version)}));
        assert_eq!(changed.status(), 200);
    }
    id
}

/// Follows the links from a page on. Returns the bytes of each page, and what the pages hold.
fn pages(
    service: &Service,
    first: &str,
    of: impl Fn(&Value) -> &Value,
) -> (Vec<usize>, Vec<Value>) {
    let (mut sizes, mut all, mut at) = (Vec::new(), Vec::new(), Some(first.to_owned()));
    while let Some(target) = at {
        let answer = service.get(&target);
        assert_eq!(answer.status(), 200, "{target}");
        let link = answer.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        at = link.map(|link| link[1..].split_once('>').unwrap().0.to_owned());
        let body = answer.bytes().unwrap();
        sizes.push(body.len());
        let page: Value = serde_json::from_slice(&body).unwrap();
        all.extend(of(&page).as_array().unwrap().iter().cloned());
    }
    (sizes, all)
}

fn pages_end_by_their_bytes(database: Database) {
    let (scratch, versions, orders) = (database.scratch(), size(12, 200), size(12, 100));
    let service = Service::on(&scratch.url);
    let id = place_with_versions(&service, versions);
    let history = format!("/orders/{id}/events?limit=1000");
    let (sizes, events) = pages(&service, &history, |page| page);
    println!(
        "{versions} versions, {} KiB in {} pages",
        sizes.iter().sum::<usize>() >> 10,
        sizes.len()
    );
    assert!(sizes.len() > 1 && sizes.iter().all(|size| *size <= MOST), "{sizes:?}");
    let sequences: Vec<_> = events.iter().map(|event| event["data"]["sequence"].clone()).collect();
    assert_eq!(sequences, (1..=versions).map(Value::from).collect::<Vec<_>>());

    let mut ids: Vec<_> = (1..orders).map(|_| place_large(&service)).chain([id]).collect();
    let list = format!("/orders/customer/{CUSTOMER}?limit=100");
    let (sizes, found) = pages(&service, &list, |page| &page["orders"]);
    let kib = sizes.iter().sum::<usize>() >> 10;
    println!("{orders} orders, {kib} KiB in {} pages", sizes.len());
    assert!(sizes.len() > 1 && sizes.iter().all(|size| *size <= MOST), "{sizes:?}");
    let mut found: Vec<_> = found.iter().map(|order| order["id"].as_i64().unwrap()).collect();
    found.sort_unstable();
    ids.sort_unstable();
    assert_eq!(found, ids);
}

/// Connections with small windows, on which answers are asked for and not read.
struct Strangers {
    runtime: Runtime,
    connections: Vec<TcpStream>,
}

impl Strangers {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, connections: Vec::new() }
    }

    fn ask(&mut self, service: &Service, target: &str, times: usize) {
        let host = service.base.strip_prefix("http://").unwrap();
        let request = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n").repeat(times);
        let connection = self.runtime.block_on(async {
            let socket = TcpSocket::new_v4().unwrap();
            // Not where the honest ones are: those who wait for their turn take it by their addresses.
            socket.bind(([127, 0, 0, 2], 0).into()).unwrap();
            socket.set_recv_buffer_size(4_096).unwrap();
            let connection = socket.connect(host.parse().unwrap()).await.unwrap();
            connection.writable().await.unwrap();
            assert_eq!(connection.try_write(request.as_bytes()).unwrap(), request.len());
            connection
        });
        self.connections.push(connection);
    }
}

/// The share of their rate that honest clients have beside unread answers.
fn unread_answers_beside(database: Database) -> f64 {
    let (scratch, lasting) = (database.scratch(), Duration::from_secs(size(2, 20)));
    let service = Service::on(&scratch.url);
    let id = place_with_versions(&service, size(40, 200));
    for _ in 1..8 {
        place_large(&service);
    }
    let clients = size(4, 50);
    let alone = write_for(lasting, &service.base, clients);
    let before = peak_memory(&service);

    let honest = Honest::start(&service.base, clients);
    let history = format!("/orders/{id}/events?limit=1000");
    let list = format!("/orders/customer/{CUSTOMER}?limit=100");
    let others = [format!("/orders/{id}"), "/openapi.json".to_owned()];
    let mut strangers = Strangers::new();
    for other in others.iter().cycle().take(size(2, 200)) {
        for large in [&history, &history, &list, &list] {
            strangers.ask(&service, large, 8);
        }
        strangers.ask(&service, other, 40);
    }
    // The kernel takes the first ones.
    let wait = || unread(&service) > f64::from(4 << 20);
    assert!(within(3 * PATIENCE, wait), "{} bytes are unread", unread(&service));
    let meanwhile = honest.stop();
    let beside = write_for(lasting, &service.base, clients);
    let grown = peak_memory(&service).saturating_sub(before);
    println!(
        "memory {} MiB more, {:.0} MiB unread; {:.0} pairs a second, {:.0} alone",
        grown >> 10,
        unread(&service) / f64::from(1 << 20),
        beside.rate(),
        alone.rate()
    );
    for tally in [&alone, &meanwhile, &beside] {
        assert!(tally.failed.is_empty() && tally.pairs > 0, "{tally:?}");
    }
    let buffers = (u64::try_from(strangers.connections.len()).unwrap() * BUFFER) >> 10;
    let most = UNREAD + size(FEW_PAGES, ALL_PAGES) + buffers;
    assert!(grown >> 10 <= most, "{grown} KiB more, and {most} MiB may be");
    // Memory is given back when the strangers go.
    drop(strangers);
    assert!(eventually(|| unread(&service) < 1.0), "{} bytes are unread", unread(&service));
    assert_eq!(service.get(&format!("/orders/{id}")).status(), 200);
    beside.rate() / alone.rate()
}

/// How many bytes of large answers clients have not taken.
fn unread(service: &Service) -> f64 {
    service.metric("http_server_unread_answer_bytes").unwrap_or_default()
}
