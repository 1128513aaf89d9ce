//! Many more clients at once than requests are worked on: what the service gets done does not shrink with them.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use order_testkit::databases::Database;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::process::peak_memory;
use crate::support::{Service, an_order, eventually};
use crate::{demand, size, trial};

/// Where the many come from, and where a client of another address does.
const HERE: [u8; 4] = [127, 0, 0, 1];
const ELSEWHERE: [u8; 4] = [127, 0, 0, 2];
/// How many requests are worked on at once where clients take turns.
const PLACES: u32 = 16;

pub(crate) fn trials() -> Vec<Trial> {
    let more = Database::ALL.map(|database| {
        let name = format!("{}::many_more_clients_get_as_much_done", database.name());
        trial(name, move || more_clients_get_as_much_done(database))
    });
    let turns = trial("sqlite::many_requests_of_one_address_refuse_none_of_another", || {
        many_requests_of_one_address_refuse_none_of_another(Database::Sqlite);
    });
    more.into_iter().chain([turns]).collect()
}

fn many_requests_of_one_address_refuse_none_of_another(database: Database) {
    let scratch = database.scratch();
    let service = started(&scratch.url, PLACES);
    let lasting = Duration::from_millis(size(2_000, 10_000));
    let [alone, beside] = std::thread::scope(|scope| {
        let alone = load(&service, 8, lasting, ELSEWHERE);
        let many = scope.spawn(|| load(&service, size(200, 900), lasting * 2, HERE));
        // From here on there is a line.
        let in_flight = || service.metric("http_server_requests_in_flight");
        assert!(eventually(|| in_flight().is_some_and(|now| now >= f64::from(PLACES))));
        let beside = load(&service, 8, lasting, ELSEWHERE);
        println!("the many: {:?}", many.join().expect("no client panics"));
        [alone, beside]
    });
    println!(
        "8 clients of another address: {:.0} orders a second alone, {:.0} beside the many, refused {:?}",
        alone.rate(),
        beside.rate(),
        beside.others
    );
    assert!(beside.placed > 0 && beside.others.is_empty(), "{beside:?}");
}

fn started(url: &str, max_in_flight: u32) -> Service {
    let service = Service::start(&[
        &format!("--spring.datasource.url={url}"),
        &format!("--order.max-in-flight={max_in_flight}"),
    ]);
    service.wait_until_ready();
    service
}

fn more_clients_get_as_much_done(database: Database) {
    let scratch = database.scratch();
    let service = started(&scratch.url, size(64, 128));
    let lasting = Duration::from_millis(size(1_200, 10_000));
    let few = size(48, 96);
    let many = size(300, 600);
    // The first seconds of a process are not like the others.
    let _ = load(&service, few, lasting / 2, HERE);
    demand(0.5, || crowded(database, &service, (few, many), lasting));
    let lines =
        service.log().lines().filter(|line| line.contains("\"code\":\"overloaded\"")).count();
    assert_eq!(lines, 0, "a refusal has no line of its own");
}

/// The share of their rate that many clients have of what a few have before and after them.
fn crowded(
    database: Database,
    service: &Service,
    (few, many): (usize, usize),
    lasting: Duration,
) -> f64 {
    let usual = load(service, few, lasting, HERE);
    let crowded = load(service, many, lasting, HERE);
    let again = load(service, few, lasting, HERE);
    let least = usual.rate().min(again.rate());
    println!(
        "{}: {few} clients {:.0} and {:.0} orders a second, {many} clients {:.0} ({:.0} %), other answers {:?}, at \
         most {} MiB",
        database.name(),
        usual.rate(),
        again.rate(),
        crowded.rate(),
        100.0 * crowded.rate() / least,
        crowded.others,
        peak_memory(service) / 1024
    );
    assert!(usual.others.is_empty() && again.others.is_empty(), "{usual:?} {again:?}");
    // Who is not served is told so, and nothing else.
    assert!(crowded.others.keys().all(|status| *status == 503), "{crowded:?}");
    crowded.rate() / least
}

/// What clients got.
#[derive(Debug, Default)]
struct Load {
    placed: u32,
    others: BTreeMap<u16, u32>,
    lasted: Duration,
}

impl Load {
    fn rate(&self) -> f64 {
        f64::from(self.placed) / self.lasted.as_secs_f64()
    }
}

/// Lets clients place orders, each one after the other on its own connection, as fast as they are answered.
fn load(service: &Service, clients: usize, lasting: Duration, from: [u8; 4]) -> Load {
    let address = service.base.trim_start_matches("http://").to_owned();
    let worker = std::thread::spawn(move || {
        // The machine is the service's; what is left is for the clients.
        let thread = std::fs::read_link("/proc/thread-self").expect("a thread");
        let thread = thread.file_name().expect("its id").to_owned();
        let _ = Command::new("renice").args(["-n", "10", "-p"]).arg(thread).output();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(all(&address, clients, lasting, from))
    });
    worker.join().expect("no client panics")
}

async fn all(address: &str, clients: usize, lasting: Duration, from: [u8; 4]) -> Load {
    let body = an_order(7).to_string();
    let request: Arc<str> = format!(
        "POST /orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into();
    let mut sockets = Vec::new();
    for _ in 0..clients {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((from, 0).into()).expect("an address of loopback");
        let address = address.parse().expect("an address");
        sockets.push(socket.connect(address).await.expect("a connection"));
    }
    let start = Instant::now();
    let end = start + lasting;
    let mut running: JoinSet<_> =
        sockets.into_iter().map(|socket| one(socket, Arc::clone(&request), end)).collect();
    let mut load = Load::default();
    while let Some(one) = running.join_next().await {
        for (status, times) in one.expect("no client panics") {
            if status == 201 {
                load.placed += times;
            } else {
                *load.others.entry(status).or_default() += times;
            }
        }
    }
    load.lasted = start.elapsed();
    load
}

async fn one(mut socket: TcpStream, request: Arc<str>, until: Instant) -> BTreeMap<u16, u32> {
    let mut statuses = BTreeMap::new();
    let mut buffer = Vec::with_capacity(2_048);
    while Instant::now() < until {
        socket.write_all(request.as_bytes()).await.expect("the request is taken");
        buffer.clear();
        let end = loop {
            assert!(socket.read_buf(&mut buffer).await.expect("an answer") > 0, "an answer");
            if let Some(end) = end(&buffer) {
                break end;
            }
        };
        assert_eq!(end, buffer.len(), "one answer to a request");
        let status = std::str::from_utf8(&buffer[9..12]).expect("a status").parse().unwrap();
        *statuses.entry(status).or_default() += 1;
    }
    statuses
}

/// Where an answer ends, when all of it has come.
fn end(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&answer[..head]).expect("a head");
    let (_, length) = text.split_once("content-length: ").expect("a length");
    let length: usize = length.split("\r\n").next()?.parse().expect("a length");
    (answer.len() >= head + length).then_some(head + length)
}
