//! Bytes that clients send without reading answers, or without ever sending a whole request.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;

use libtest_mimic::Trial;
use tokio::net::TcpSocket;

use crate::honest::Honest;
use crate::process::{descriptors, memory, peak_memory};
use crate::sockets::{connect, service};
use crate::support::{PATIENCE, Service, eventually, within};
use crate::{size, trial};

const CLIENTS: usize = 4;
/// What a connection may hold, in KiB: what the library reads and writes ahead, and a few requests.
const KIB_PER_CONNECTION: u64 = 256;
/// What honest clients may add in the meantime, in KiB.
const SLACK: u64 = 12 * 1024;
/// A large document, of which few fill the buffers of the system.
const READ: &[u8] = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nhost: orders\r\n\r\n";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("bytes_in::clients_that_read_nothing_fill_no_memory_and_are_closed", unread),
        trial("bytes_in::a_body_that_never_ends_fills_no_memory_and_is_given_up", endless),
    ]
}

/// Sends until the service takes nothing more. Little of what it answers fits in the system's buffers.
pub(crate) fn fill(service: &Service, requests: usize) -> TcpStream {
    let address = service.base.strip_prefix("http://").unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        socket.connect(address).await.expect("the service listens")
    });
    let mut stream = stream.into_std().unwrap();
    let all = READ.repeat(requests);
    let mut sent = 0;
    while sent < all.len() {
        match stream.write(&all[sent..]) {
            Ok(taken) => sent += taken,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
                break;
            }
        }
    }
    stream
}

fn unread() {
    let strangers = size(40, 100);
    let service = service(&["--order.answer-deadline=500ms"]);
    let _ = service.placed(1);
    let (before, idle) = (peak_memory(&service), descriptors(&service));
    let honest = Honest::start(&service.base, CLIENTS);
    // The system may take the answers to 2,000 requests from the service, so that none waits.
    let streams: Vec<_> = (0..strangers).map(|_| fill(&service, 20_000)).collect();
    let closed = r#"http_server_connections_closed_total{port="main",reason="answer"}"#;
    let all = f64::from(u32::try_from(strangers).unwrap());
    assert!(
        within(3 * PATIENCE, || service.metric(closed) == Some(all)),
        "{:?}",
        service.metric(closed)
    );
    let beside = honest.stop();
    let more = peak_memory(&service).saturating_sub(before);
    println!("{strangers} pipelines: {more} KiB more at most, {:.0} pairs/s beside", beside.rate());
    assert!(beside.failed.is_empty(), "{:?}", beside.failed);
    let each = KIB_PER_CONNECTION * u64::try_from(strangers).unwrap();
    assert!(more <= each + SLACK, "{more} KiB");
    drop(streams);
    assert!(eventually(|| descriptors(&service) <= idle + CLIENTS));
}

fn endless() {
    let strangers = size(10, 50);
    let service = service(&["--order.body-deadline=2s"]);
    let _ = service.placed(1);
    let before = peak_memory(&service);
    let honest = Honest::start(&service.base, CLIENTS);
    let post = "POST /orders HTTP/1.1\r\nhost: orders\r\ncontent-type: application/json\r\n";
    let lacking: Vec<_> = (0..strangers)
        .map(|_| {
            let mut stream = connect(&service);
            write!(stream, "{post}content-length: 3\r\n\r\n{{ ").unwrap();
            stream
        })
        .collect();
    // Chunk extensions, trailers.
    let framing = ["1;", "0\r\nx: "].into_iter().cycle().take(strangers);
    let endless: Vec<_> = framing
        .map(|framing| {
            let mut stream = connect(&service);
            write!(stream, "{post}transfer-encoding: chunked\r\n\r\n{framing}").unwrap();
            thread::spawn(move || {
                let mut sent = 0_usize;
                while let Ok(taken) = stream.write(&[b'x'; 16_384]) {
                    sent += taken;
                }
                sent
            })
        })
        .collect();
    let sent: Vec<_> = endless.into_iter().map(|one| one.join().unwrap() / 1_024).collect();
    for mut stream in lacking {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer, and the end");
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
    let beside = honest.stop();
    let more = peak_memory(&service).saturating_sub(before);
    println!(
        "{strangers} endless bodies: given up after {} KiB at most; {more} KiB more memory at most, {} KiB now; {:.0} pairs/s beside",
        sent.iter().max().unwrap(),
        memory(&service).saturating_sub(before),
        beside.rate()
    );
    assert!(beside.failed.is_empty(), "{:?}", beside.failed);
    assert!(more <= KIB_PER_CONNECTION * u64::try_from(2 * strangers).unwrap() + SLACK);
}
