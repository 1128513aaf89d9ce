//! Asks config servers over HTTP, one after the other until one answers. Every request has a deadline,
//! every answer a largest size, and only a document is a success. When to ask again is decided in
//! `config_server.rs`.

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, StatusCode, redirect};
use secrecy::{ExposeSecret as _, SecretString};

use super::document::Document;
use super::server::{Failure, Failures, Server};
use super::source::{Caller, Question, Source};

/// The largest answer that is read, in bytes: far more than the settings of a service.
const LARGEST_ANSWER: usize = 4 * 1024 * 1024;
/// The first form has the lines of the server's files; older servers answer in the second.
const DOCUMENT: &str = "application/vnd.spring-cloud.config-server.v2+json, application/json;q=0.9";
/// Spring's user for a password without a user.
const USER: &str = "user";

/// The HTTP client for one question.
pub(super) struct Fetcher<'a> {
    http: Client,
    timeout: Duration,
    caller: &'a Caller,
    question: &'a Question,
}

impl<'a> Fetcher<'a> {
    /// An error says in words why there is no client.
    pub(super) fn new(source: &'a Source, servers: &[Server]) -> Result<Self, String> {
        let timeout = source.connect_timeout.saturating_add(source.read_timeout);
        let mut http = Client::builder()
            .user_agent(source.user_agent)
            .default_headers(headers(&source.caller)?)
            .connect_timeout(source.connect_timeout)
            .timeout(timeout)
            // A redirect must not take the credentials to another server.
            .redirect(redirect::Policy::none());
        if !servers.iter().any(Server::is_encrypted) {
            // Without encryption the machine needs no certificates.
            http = http.tls_certs_only([]);
        }
        let http = http.build().map_err(|error| in_words(&error))?;
        Ok(Self { http, timeout, caller: &source.caller, question: &source.question })
    }

    /// The document of the first server that answers, and that server.
    pub(super) async fn ask(&self, servers: &[Server]) -> Result<(Document, Server), Failures> {
        let mut failures = Vec::new();
        for server in servers {
            match self.ask_one(server).await {
                Ok(document) => return Ok((document, server.clone())),
                Err(failure) => failures.push((server.to_string(), failure)),
            }
        }
        Err(Failures::Servers(failures))
    }

    /// The document of the first label that exists.
    async fn ask_one(&self, server: &Server) -> Result<Document, Failure> {
        let Question { application, profile, labels } = self.question;
        if labels.is_empty() {
            return self.read(server, &[application, profile]).await;
        }
        for label in labels {
            // The server takes even an escaped slash for the end of the segment.
            let label = label.replace('/', "(_)");
            match self.read(server, &[application, profile, &label]).await {
                Err(Failure::NotFound) => {}
                other => return other,
            }
        }
        Err(Failure::NotFound)
    }

    async fn read(&self, server: &Server, path: &[&str]) -> Result<Document, Failure> {
        let mut request = self.http.get(server.at(path));
        let (of_url, its_password) = server.credentials().unzip();
        let username = self.caller.username.as_deref().or(of_url);
        let password = self.caller.password.as_ref().or(its_password);
        if username.is_some() || password.is_some() {
            let username = username.unwrap_or(USER);
            request = request.basic_auth(username, password.map(SecretString::expose_secret));
        }
        let mut answer = self.answered(request.send().await)?;
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.failure(error))? {
            if bytes.len().saturating_add(chunk.len()) > LARGEST_ANSWER {
                return Err(Failure::TooLarge(LARGEST_ANSWER));
            }
            bytes.extend_from_slice(&chunk);
        }
        Document::parse(&bytes)
    }

    fn answered(&self, answer: Result<Response, reqwest::Error>) -> Result<Response, Failure> {
        let answer = answer.map_err(|error| self.failure(error))?;
        match answer.status() {
            status if status.is_success() => {}
            StatusCode::UNAUTHORIZED => return Err(Failure::Unauthorized),
            StatusCode::FORBIDDEN => return Err(Failure::Forbidden),
            StatusCode::NOT_FOUND => return Err(Failure::NotFound),
            status => return Err(Failure::Status(status.as_u16())),
        }
        let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if kind.is_some_and(|kind| kind.trim_start().starts_with("text/html")) {
            return Err(Failure::Page);
        }
        Ok(answer)
    }

    fn failure(&self, error: reqwest::Error) -> Failure {
        if error.is_timeout() {
            return Failure::TimedOut(self.timeout);
        }
        Failure::Unreachable(in_words(&error.without_url()))
    }
}

fn headers(caller: &Caller) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(DOCUMENT))]);
    let token = caller.token.iter().map(|token| ("x-config-token", token));
    let further = caller.headers.iter().map(|(name, value)| (name.as_str(), value));
    for (name, value) in token.chain(further) {
        let wrong = || format!("the header {name} cannot be sent");
        let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.insert(HeaderName::try_from(name).map_err(|_| wrong())?, value);
    }
    Ok(headers)
}

/// An error with all its causes: each text is only a part.
fn in_words(error: &reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}
