//! Requests as they stand on the wire, and what comes back, byte for byte.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::PATIENCE;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The status line and the headers, in small letters.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Whether the service asks for the body that a head announces.
pub(crate) fn is_continued(base: &str, head: &str) -> bool {
    let mut socket = open(base);
    socket.write_all(head.as_bytes()).expect("the head is taken");
    let mut came = vec![0; CONTINUE.len()];
    socket.read_exact(&mut came).expect("an answer");
    came == CONTINUE
}

fn open(base: &str) -> TcpStream {
    let socket = TcpStream::connect(base.trim_start_matches("http://")).expect("a connection");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    socket
}

/// Sends bytes to a service and reads the first answer: a body with a length to its end, any other one as far as its
/// first bytes.
pub(crate) fn send(base: &str, request: &str) -> Reply {
    let mut socket = open(base);
    socket.write_all(request.as_bytes()).expect("the request is taken");
    let mut came = Vec::new();
    let mut read = |came: &mut Vec<u8>| {
        let mut buffer = [0; 4_096];
        let read = socket.read(&mut buffer).expect("bytes, or an end");
        came.extend_from_slice(&buffer[..read]);
        read > 0
    };
    let end = loop {
        if let Some(end) = came.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        assert!(read(&mut came), "an answer to {request:?}");
    };
    let head = String::from_utf8_lossy(&came[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let mut reply = Reply { status, head, body: String::new() };
    let length = reply.header("content-length").map(|length| length.parse::<usize>().unwrap());
    let bodiless = matches!(status, 100 | 204 | 304) || request.starts_with("HEAD ");
    let least = if bodiless { 0 } else { length.unwrap_or(1) };
    while came.len() < end + least && read(&mut came) {}
    reply.body = String::from_utf8_lossy(&came[end..]).into_owned();
    reply
}
