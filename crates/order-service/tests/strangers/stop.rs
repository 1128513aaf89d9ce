//! Clients that neither take nor send anything do not hold up a stop.

use std::io::{Read as _, Write as _};

use libtest_mimic::Trial;

use crate::bytes_in::fill;
use crate::honest::Honest;
use crate::sockets::{connect, kept, service};
use crate::support::{Service, eventually};
use crate::{size, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("stop::clients_that_stall_do_not_hold_up_a_stop", stalled)]
}

fn stalled() {
    let strangers = size(5, 50);
    let service = service(&[]);
    let unread: Vec<_> = (0..strangers).map(|_| fill(&service, 2_000)).collect();
    let mut half_heads: Vec<_> = (0..strangers).map(|_| kept(&service)).collect();
    for stream in &mut half_heads {
        stream.write_all(b"GET /orders/1 HTTP/1.1\r\n").unwrap();
    }
    let half_bodies: Vec<_> = (0..strangers).map(|_| half_a_body(&service)).collect();
    let honest = Honest::start(&service.base, 4);
    // Answers wait to be taken.
    let waiting = || service.metric("http_server_connections{port=\"main\"}");
    assert!(eventually(|| waiting() >= Some(f64::from(u32::try_from(3 * strangers).unwrap()))));
    service.signal("TERM");
    let status = service.wait();
    let tally = honest.stop();
    println!("{strangers} stalled of each kind: {status}; {} pairs until the stop", tally.pairs);
    assert_eq!(status.code(), Some(0), "{}", service.log());
    drop((unread, half_heads, half_bodies));
}

/// A request whose body lacks a byte, and that the service has begun to work on.
fn half_a_body(service: &Service) -> std::net::TcpStream {
    let mut stream = connect(service);
    let head = "POST /orders HTTP/1.1\r\nhost: orders\r\ncontent-type: application/json\r\n\
                expect: 100-continue\r\ncontent-length: 3\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 25];
    stream.read_exact(&mut answer).expect("the service asks for the body");
    stream.write_all(b"{ ").unwrap();
    stream
}
