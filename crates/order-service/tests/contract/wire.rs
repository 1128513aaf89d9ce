//! Requests and answers, text for text. Every answer of every case is checked here for what the
//! contract promises of all answers and all problems.

use std::sync::LazyLock;

use reqwest::Method;
use reqwest::blocking::Client;
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use serde_json::Value;

use crate::support::{PATIENCE, Service};

/// The client of all threads.
static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    Client::builder().timeout(PATIENCE).redirect(Policy::none()).build().expect("a client")
});

/// Words, in small letters, that would reveal how the service is built.
const INTERNALS: &[&str] = &[
    "sql",
    "postgres",
    "maria",
    "diesel",
    "serde",
    "actix",
    "tokio",
    "hyper",
    "rustc",
    "panicked",
    "backtrace",
    ".rs",
    "src/",
    "/tmp",
    "/home",
    "/var/",
    "select ",
    "insert into",
    "constraint",
    "at line",
    "line 1 column",
    "utf-8 sequence",
    "orders.db",
    "127.0.0.1",
];

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Service {
    /// Reads a path.
    pub(crate) fn read(&self, path: &str) -> Reply {
        self.ask("GET", path, &[], "")
    }

    /// Sends a request; a body is sent as JSON, an empty one not at all.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Reply {
        let body = body.into();
        let headers = [&[("content-type", "application/json")], headers].concat();
        let skip = usize::from(body.is_empty());
        self.ask_plainly(method, path, &headers[skip..], body)
    }

    /// The same with the given content type alone.
    pub(crate) fn ask_plainly(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Reply {
        let body = body.into();
        let verb = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = CLIENT.request(verb, self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_empty() {
            request = request.body(body);
        }
        let answer = request.send().unwrap_or_else(|error| panic!("{method} {path}: {error:?}"));
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().unwrap_or_else(|error| panic!("{method} {path}: {error:?}"));
        let reply = Reply { status, headers, text };
        reply.check(path);
        reply
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?;
        assert!(values.next().is_none(), "{name} stands once: {self:?}");
        Some(value.to_str().expect("a header of text"))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The order in the answer to a success, whose entity tag is its version.
    pub(crate) fn order(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"));
        let order = self.json();
        assert_eq!(self.header("etag"), Some(format!("\"{}\"", order["version"]).as_str()));
        order
    }

    /// The problem of a request that was refused.
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        let problem = self.json();
        assert_eq!((self.status, problem["code"].as_str()), (status, Some(code)), "{self:?}");
        problem
    }

    /// Where the problem says that something is wrong: pointers into the body.
    pub(crate) fn pointers(&self) -> Vec<String> {
        self.places("pointer")
    }

    /// The same for parameters or headers.
    pub(crate) fn places(&self, kind: &str) -> Vec<String> {
        let problem = self.json();
        let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("errors: {problem}"));
        errors.iter().map(|error| error[kind].as_str().expect("a place").to_owned()).collect()
    }

    fn check(&self, path: &str) {
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"), "{path}: {self:?}");
        let uncached = self.header("cache-control").is_some_and(|value| value.contains("no-store"));
        assert!(uncached || self.header("etag").is_some(), "{path}: {self:?}");
        if self.status >= 400 && !self.text.is_empty() {
            self.check_problem(path);
        }
    }

    fn check_problem(&self, path: &str) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{problem}");
        for member in ["type", "title", "detail", "instance", "code", "traceId"] {
            let text = problem[member].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{member} in {problem}");
        }
        let (path, _) = path.split_once('?').unwrap_or((path, ""));
        assert_eq!(problem["instance"], path);
        assert!(problem["type"].as_str().unwrap().ends_with(problem["code"].as_str().unwrap()));
        assert!(is_trace_id(problem["traceId"].as_str().unwrap()), "{problem}");
        for error in problem["errors"].as_array().into_iter().flatten() {
            for member in ["code", "message"] {
                assert!(error[member].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
            }
        }
        let told = self.text.to_lowercase();
        for internal in INTERNALS {
            assert!(!told.contains(internal), "\"{internal}\" must stay inside: {told}");
        }
    }
}

/// 32 hexadecimal digits, not all zero.
fn is_trace_id(text: &str) -> bool {
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    text.len() == 32 && text.bytes().all(digit) && text.bytes().any(|b| b != b'0')
}
