//! Certificates that change, and clients that do not end their handshakes, while others are served.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use order_testkit::SelfSigned;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::support::{eventually, within};
use crate::{Secure, hold, is_full_size, trusting};

/// The service's part is in `application/certificates.rs`, whose tests move the clock.
#[test]
fn certificates_change_under_load_and_no_request_fails() {
    let secure = Secure::start(&[]);
    let all: Vec<_> = (0..8).map(|days| SelfSigned::valid_for(31 + days, "orders")).collect();
    let trusted: Vec<_> = all.iter().chain([&secure.own]).collect();
    let (is_over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let loads = |outcome: &str| {
        let series =
            format!("order_tls_certificate_loads_total{{port=\"main\",outcome=\"{outcome}\"}}");
        secure.service.metric(&series).unwrap()
    };
    let wanted = if is_full_size() { 6.0 } else { 1.0 };
    thread::scope(|scope| {
        for keeps in [true, false] {
            let (secure, trusted, is_over, answered) = (&secure, &trusted, &is_over, &answered);
            scope.spawn(move || {
                let client = || trusting(trusted).build().unwrap();
                let mut kept = client();
                while !is_over.load(Ordering::Relaxed) {
                    if !keeps {
                        kept = client();
                    }
                    let answer = kept.get(secure.url("/orders/9")).send();
                    assert_eq!(answer.unwrap().status(), 404);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let mut next = all.iter().cycle();
        let changed = within(Duration::from_mins(2), || {
            hold(&secure.folder, next.next().unwrap());
            let before = answered.load(Ordering::Relaxed);
            // Requests come between any two changes.
            let has_gone_on = || answered.load(Ordering::Relaxed) > before + 20;
            assert!(eventually(has_gone_on), "{}", secure.service.log());
            loads("loaded") >= wanted
        });
        is_over.store(true, Ordering::Relaxed);
        assert!(changed, "{}", secure.service.log());
    });
    let days =
        secure.service.metric("order_tls_certificate_expires_seconds{port=\"main\"}").unwrap();
    assert!(days > 30.0 * 86_400.0, "{days}");
}

#[test]
fn half_open_handshakes_keep_nobody_out() {
    let secure = Secure::start(&[]);
    let hello = hello();
    let count = if is_full_size() { 10_000 } else { 1_500 };
    let client = || trusting(&[&secure.own]).build().unwrap();
    let mut half_open = Vec::new();
    for number in 0..count {
        let Ok(mut tcp) = TcpStream::connect(format!("127.0.0.1:{}", secure.port)) else {
            continue;
        };
        if number % 2 == 0 {
            let _ = tcp.write_all(&hello);
        }
        half_open.push(tcp);
        if number % 500 == 499 {
            let served =
                || client().get(secure.url("/orders/9")).send().is_ok_and(|a| a.status() == 404);
            assert!(eventually(served), "after {number}: {}", secure.service.log());
        }
    }
    let series = "http_server_connections_closed_total{port=\"main\",reason=\"handshake\"}";
    let closed = || secure.service.metric(series).is_some_and(|closed| closed > 0.0);
    assert!(eventually(closed), "{}", secure.service.log());
}

/// The first message of a client.
fn hello() -> Vec<u8> {
    let config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let mut connection =
        ClientConnection::new(config.into(), "localhost".try_into().unwrap()).unwrap();
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).unwrap();
    hello
}
