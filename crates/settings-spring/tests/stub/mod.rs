//! A config server for tests that gives the answer that a test sets, right or wrong. It runs on a thread
//! of its own, because settings are loaded without a runtime, and ends with the process.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// An answer of the stub.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// A document of one source, `stub.yml`, with these entries as JSON members.
    Settings(&'static str),
    /// This status, and no body.
    Status(u16),
    /// This content type and body.
    Text(&'static str, &'static str),
    /// A body that does not end.
    Endless,
    /// No answer on an open connection.
    Silence,
    /// No answer; the connection is closed.
    Nothing,
}

/// A request: its path, and its headers as they came.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) path: String,
    pub(crate) headers: String,
}

#[derive(Clone)]
pub(crate) struct Stub {
    /// Without `http://`.
    pub(crate) address: String,
    reply: Arc<Mutex<Reply>>,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Stub {
    pub(crate) fn that_answers(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let stub = Self { address, reply: Arc::new(Mutex::new(reply)), heard: Arc::default() };
        let serving = stub.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let stub = serving.clone();
                thread::spawn(move || stub.answer(client.unwrap()));
            }
        });
        stub
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sets the answer from now on.
    pub(crate) fn answers(&self, reply: Reply) {
        *self.reply.lock().unwrap() = reply;
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    fn answer(&self, mut client: TcpStream) {
        let mut lines = BufReader::new(client.try_clone().unwrap()).lines().map_while(Result::ok);
        let Some(request) = lines.next() else { return };
        let headers: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
        let path = request.split(' ').nth(1).unwrap().to_owned();
        self.heard.lock().unwrap().push(Heard { path, headers: headers.join("\n") });
        let reply = self.reply.lock().unwrap().clone();
        let (status, kind, body) = match reply {
            Reply::Settings(entries) => (200, "application/json", document(entries)),
            Reply::Status(status) => (status, "text/plain", String::new()),
            Reply::Text(kind, body) => (200, kind, body.to_owned()),
            Reply::Nothing => return,
            Reply::Silence => loop {
                thread::park();
            },
            Reply::Endless => {
                let head = "HTTP/1.1 200 x\r\nconnection: close\r\n\r\n{\"propertySources\": [";
                let _ = client.write_all(head.as_bytes());
                while client.write_all(&[b' '; 16_000]).is_ok() {}
                return;
            }
        };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\
             location: http://127.0.0.1:1/\r\nconnection: close\r\n\r\n"
        );
        let _ = client.write_all((head + &body).as_bytes());
    }
}

fn document(entries: &str) -> String {
    format!(
        r#"{{"version":"c0ffee","propertySources":[{{"name":"stub.yml","source":{{{entries}}}}}]}}"#
    )
}
