//! A server that answers as a test tells it, well or badly, and remembers what it was asked.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::support::PATIENCE;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Method and path, such as `PUT /eureka/apps/A/i`, without the query.
    pub(crate) what: String,
    /// What comes after the question mark.
    pub(crate) query: String,
    pub(crate) accept: Option<String>,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Value,
}

/// An answer, or none.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Status(u16),
    Json(Value),
    Text(String),
    /// 302 to another address.
    Redirect(String),
    /// JSON that does not end.
    Endless,
    /// Nothing, on an open connection.
    Silence,
}

type Conduct = Box<dyn FnMut(&Heard) -> Reply + Send>;

/// The server; it ends with its runtime.
#[derive(Clone)]
pub(crate) struct Stub {
    pub(crate) url: String,
    heard: Arc<watch::Sender<Vec<Heard>>>,
    conduct: Arc<Mutex<Conduct>>,
}

impl Stub {
    pub(crate) async fn that(conduct: impl FnMut(&Heard) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/eureka", listener.local_addr().unwrap());
        let heard = Arc::new(watch::channel(Vec::new()).0);
        let stub = Self { url, heard, conduct: Arc::new(Mutex::new(Box::new(conduct))) };
        let serving = stub.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let stub = serving.clone();
                tokio::spawn(async move { stub.answer(client).await });
            }
        });
        stub
    }

    /// A healthy server that knows no instance.
    pub(crate) async fn willing() -> Self {
        Self::that(willing).await
    }

    /// Behaves in another way from now on.
    pub(crate) fn behave(&self, conduct: impl FnMut(&Heard) -> Reply + Send + 'static) {
        *self.conduct.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(conduct);
    }

    /// What it has been asked so far.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.borrow().clone()
    }

    /// Forgets that.
    pub(crate) fn forget(&self) {
        self.heard.send_modify(Vec::clear);
    }

    /// Waits until it has been asked something the given number of times; answers the last one.
    pub(crate) async fn until_asked(&self, what: &str, times: usize) -> Heard {
        let mut heard = self.heard.subscribe();
        let asked = |all: &Vec<Heard>| all.iter().filter(|one| one.what == what).count() >= times;
        let waited = timeout(PATIENCE, heard.wait_for(asked)).await;
        assert!(waited.is_ok(), "not asked {what} {times} times, but {:?}", self.heard());
        let mut asked = self.heard().into_iter().filter(|one| one.what == what);
        asked.nth(times.saturating_sub(1)).unwrap()
    }

    async fn answer(&self, client: TcpStream) {
        let (from, mut to) = client.into_split();
        let Some(request) = read(BufReader::new(from)).await else {
            return;
        };
        let reply = {
            let mut conduct = self.conduct.lock().unwrap_or_else(PoisonError::into_inner);
            (*conduct)(&request)
        };
        self.heard.send_modify(|heard| heard.push(request));
        let head = |status: u16, length: usize| {
            format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n")
        };
        let answer = match reply {
            Reply::Status(status) => head(status, 0) + "\r\n",
            Reply::Json(json) => with_body(&head, &json.to_string()),
            Reply::Text(text) => with_body(&head, &text),
            Reply::Redirect(url) => head(302, 0) + &format!("location: {url}\r\n\r\n"),
            Reply::Silence => return std::future::pending().await,
            Reply::Endless => return endless(&mut to).await,
        };
        let _ = to.write_all(answer.as_bytes()).await;
    }
}

fn with_body(head: &impl Fn(u16, usize) -> String, body: &str) -> String {
    head(200, body.len()) + "content-type: application/json\r\n\r\n" + body
}

async fn endless(to: &mut (impl AsyncWrite + Unpin)) {
    let _ = to.write_all(b"HTTP/1.1 200 x\r\nconnection: close\r\n\r\n{\"applications\": [").await;
    let more = b"{},".repeat(20_000);
    while to.write_all(&more).await.is_ok() {}
}

async fn read(mut from: BufReader<impl AsyncRead + Unpin>) -> Option<Heard> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        from.read_line(&mut line).await.ok()?;
        match line.trim() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let header = |name: &str| {
        let named = |line: &&String| {
            line.split_once(':').is_some_and(|(n, _)| n.eq_ignore_ascii_case(name))
        };
        let line = lines.iter().skip(1).find(named)?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let length = header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    from.read_exact(&mut body).await.ok()?;
    let mut words = lines.first()?.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Some(Heard {
        what: format!("{method} {path}"),
        query: query.to_owned(),
        accept: header("accept"),
        authorization: header("authorization"),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    })
}

/// What a healthy server answers that knows no instance.
pub(crate) fn willing(request: &Heard) -> Reply {
    match &*request.what {
        "GET /eureka/apps" => registry_of(&[]),
        what if what.starts_with("GET ") => Reply::Status(404),
        what if what.starts_with("POST ") => Reply::Status(204),
        _ => Reply::Status(200),
    }
}

/// A registry of instances, as it is answered.
pub(crate) fn registry_of(instances: &[Value]) -> Reply {
    let application = json!([{"name": "A", "instance": instances}]);
    Reply::Json(json!({"applications": {"application": application}}))
}
