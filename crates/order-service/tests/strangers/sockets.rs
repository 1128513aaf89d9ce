//! Connections that send next to nothing, and more of them than there may be.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;

use crate::honest::{Honest, write_for};
use crate::process::{descriptors, memory};
use crate::support::{PATIENCE, Service, eventually};
use crate::{demand, size, trial};

const CLIENTS: usize = 8;
const MEASURED: Duration = Duration::from_secs(2);

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("sockets::half_a_second_head_holds_a_socket_for_its_deadline_only", || {
            demand(0.5, half_heads);
        }),
        trial("sockets::a_new_client_is_served_when_strangers_have_all_connections", full),
        trial("sockets::a_lack_of_descriptors_is_one_line_and_ends_with_the_lack", no_descriptors),
    ]
}

/// A service on an empty database, with options.
pub(crate) fn service(options: &[&str]) -> Service {
    let service = Service::start(options);
    service.wait_until_ready();
    service
}

/// A connection to a service.
pub(crate) fn connect(service: &Service) -> TcpStream {
    let address = service.base.strip_prefix("http://").unwrap();
    let stream = TcpStream::connect(address).expect("the service listens");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A connection on which one request was answered.
pub(crate) fn kept(service: &Service) -> TcpStream {
    let mut stream = connect(service);
    stream.write_all(b"GET /orders/9000000000000000 HTTP/1.1\r\nhost: orders\r\n\r\n").unwrap();
    let mut answer = [0; 4_096];
    let read = stream.read(&mut answer).expect("an answer");
    let answer = String::from_utf8_lossy(&answer[..read]);
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    stream
}

fn is_alive(service: &Service) -> bool {
    service.get("/actuator/health/liveness").status() == 200
}

/// The share of their rate that honest clients have beside half heads.
fn half_heads() -> f64 {
    let strangers = size(300, 1_000);
    let service = service(&["--server.tomcat.connection-timeout=3s"]);
    let (usual, before) = (write_for(MEASURED, &service.base, CLIENTS), memory(&service));
    let idle = descriptors(&service);
    let honest = Honest::start(&service.base, CLIENTS);
    let mut streams: Vec<_> = (0..strangers).map(|_| kept(&service)).collect();
    for stream in &mut streams {
        stream.write_all(b"GET /orders/1 HTTP/1.1\r\nhost:").unwrap();
    }
    assert!(is_alive(&service));
    for stream in &mut streams {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer, and the end");
        assert!(answer.starts_with(b"HTTP/1.1 408"), "{:?}", String::from_utf8_lossy(&answer));
    }
    drop(streams);
    let beside = honest.stop();
    println!(
        "{strangers} half heads: {:.0} pairs/s beside them, {:.0} without; {} KiB more",
        beside.rate(),
        usual.rate(),
        memory(&service).saturating_sub(before),
    );
    assert!(beside.failed.is_empty() && usual.failed.is_empty(), "{:?}", beside.failed);
    let head = r#"http_server_connections_closed_total{port="main",reason="head"}"#;
    // A client of the test may be as late, on a machine with much to do.
    let closed = service.metric(head).unwrap_or_default();
    let [least, most] =
        [strangers, strangers + CLIENTS].map(|all| f64::from(u32::try_from(all).unwrap()));
    assert!((least..=most).contains(&closed), "{closed}");
    assert!(eventually(|| descriptors(&service) <= idle + CLIENTS));
    beside.rate() / usual.rate()
}

fn full() {
    let (most, strangers) = size((100, 300), (1_000, 3_000));
    let most_option = format!("--server.tomcat.max-connections={most}");
    let service = service(&[&most_option]);
    let before = descriptors(&service);
    let honest = Honest::start(&service.base, CLIENTS);
    let mut streams = Vec::new();
    for number in 0..strangers {
        streams.push(connect(&service));
        if number % 50 == 0 {
            assert!(is_alive(&service));
        }
    }
    // A new client each time: it is served, or told at once; closed at once while all connections are younger than those
    // that make room.
    let (mut served, mut told, mut closed) = (0, 0, 0);
    let new_client = || {
        let client = reqwest::blocking::Client::builder().timeout(PATIENCE).build().unwrap();
        let answer = client.get(service.url("/orders/9000000000000000")).send();
        answer.map(|answer| answer.status().as_u16()).ok()
    };
    assert!(eventually(|| {
        match new_client() {
            Some(404) => served += 1,
            Some(other) => {
                assert_eq!(other, 503);
                told += 1;
            }
            None => closed += 1,
        }
        served == 20
    }));
    let open = descriptors(&service);
    let beside = honest.stop();
    println!(
        "{strangers} connections where {most} may be: {open} descriptors, {before} before; {told} new clients told and \
         {closed} closed before {served} were served; {:.0} pairs/s beside",
        beside.rate()
    );
    assert!(beside.failed.is_empty(), "{:?}", beside.failed);
    assert!(open <= before + most + CLIENTS + 128);
    assert_eq!(service.log().matches("all connections are taken").count(), 1);
}

fn no_descriptors() {
    let service = service(&[]);
    allow(&service, &descriptors(&service).to_string());
    let waiting: Vec<_> = (0..20).map(|_| connect(&service)).collect();
    let since = Instant::now();
    // Accepting is tried again twice a second.
    assert!(eventually(|| {
        since.elapsed() > MEASURED && service.log().contains("Error accepting connection")
    }));
    let lines = service.log().matches("Error accepting connection").count();
    println!("{lines} lines in {:?} without descriptors", since.elapsed());
    assert_eq!(lines, 1);
    drop(waiting);
    allow(&service, "");
    assert!(is_alive(&service));
}

/// Sets how many descriptors a running service may have; an empty text is as many as it could raise it to.
fn allow(service: &Service, most: &str) {
    let (pid, hard) = (service.pid().to_string(), format!("/proc/{}/limits", service.pid()));
    let limits = std::fs::read_to_string(hard).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let hard = line.split_whitespace().nth(4).unwrap();
    let most = if most.is_empty() { hard } else { most };
    let limit = format!("--nofile={most}:{hard}");
    let set = Command::new("prlimit").args(["--pid", &pid, &limit]).status();
    assert!(set.expect("prlimit of util-linux runs").success());
}
