//! A collector of traces for tests (OTLP over HTTP, protobuf), with a chosen answer. It ends with the
//! process.

#![expect(
    clippy::expect_used,
    unreachable_pub,
    reason = "a broken expectation ends a test; each test binary has its own copy of this"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

/// The collector.
#[derive(Debug, Clone)]
pub struct Collector {
    address: String,
    /// The status of each answer. `None`: the connection stays open without an answer.
    reply: Option<u16>,
    heard: Arc<Mutex<Heard>>,
}

/// What it was sent so far.
#[derive(Debug, Default)]
pub struct Heard {
    /// All spans.
    pub spans: Vec<Span>,
    /// The attributes of the sender in the last request.
    pub resource: Vec<KeyValue>,
    /// The head of the last request.
    pub head: String,
}

impl Collector {
    /// Starts one that answers with this status, or with `None`, never.
    #[must_use]
    pub fn that_answers(reply: Option<u16>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let collector = Self { address, reply, heard: Arc::default() };
        let serving = collector.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let collector = serving.clone();
                thread::spawn(move || collector.serve(client));
            }
        });
        collector
    }

    /// Its URL, for `management.otlp.tracing.endpoint`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}/v1/traces", self.address)
    }

    /// Looks at what it was sent so far.
    pub fn heard<T>(&self, look: impl FnOnce(&Heard) -> T) -> T {
        look(&self.heard.lock().expect("no test panicked with it"))
    }

    fn serve(&self, client: TcpStream) {
        let mut answers = client.try_clone().expect("a socket");
        let mut client = BufReader::new(client);
        loop {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if client.read_line(&mut head).unwrap_or(0) == 0 {
                    return;
                }
            }
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
            });
            let mut body = vec![0; length.expect("a length")];
            if client.read_exact(&mut body).is_err() {
                return;
            }
            let Some(status) = self.reply else { continue };
            if status == 200 {
                self.hear(head, &body);
            }
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
            let _ = answers.write_all(answer.as_bytes());
        }
    }

    fn hear(&self, head: String, body: &[u8]) {
        let request = ExportTraceServiceRequest::decode(body).expect("an export request");
        let mut so_far = self.heard.lock().expect("no test panicked with it");
        so_far.head = head;
        for of_resource in request.resource_spans {
            so_far.resource = of_resource.resource.expect("a resource").attributes;
            for scope in of_resource.scope_spans {
                so_far.spans.extend(scope.spans);
            }
        }
    }
}

/// An attribute as text.
#[must_use]
pub fn attribute(all: &[KeyValue], name: &str) -> Option<String> {
    let found = all.iter().find(|attribute| attribute.key == name)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}
