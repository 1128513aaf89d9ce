//! Eureka's REST interface, one request to one server at a time. Every request has a deadline, every
//! answer a largest size. What counts is exactly what Eureka answers: a portal, a proxy or a page that
//! says 200 to everything is no registry.

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Client, Method, Response, StatusCode, Url, redirect};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::{Failure, StartError};
use crate::instance::{Instance, Status};
use crate::presence::Presence;
use crate::server_url::ServerUrl;
use crate::settings::EurekaServers;
use crate::wire::{Apps, AppsDocument, InstanceDocument};

/// A registry of ten thousand instances fits.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// The interface of any server.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    http: Client,
    timeout: Duration,
}

/// What a server answers to a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// It knows the instance.
    Yes,
    /// It does not: the instance has to register (again).
    No,
}

impl Api {
    /// Fails when no server is named, or no HTTP client can be made.
    pub(crate) fn new(settings: &EurekaServers) -> Result<Self, StartError> {
        if settings.urls.is_empty() {
            return Err(StartError::NoServers);
        }
        let timeout = settings.connect_timeout.saturating_add(settings.read_timeout);
        let json = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        let mut http = Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .default_headers(json)
            .connect_timeout(settings.connect_timeout)
            .timeout(timeout)
            // Credentials go to the servers that the settings name, and to no other.
            .redirect(redirect::Policy::none());
        if !settings.urls.iter().any(ServerUrl::is_encrypted) {
            // Without an encrypted connection the machine needs no certificates.
            http = http.tls_certs_only([]);
        }
        let http = http.build().map_err(|error| StartError::Client(in_words(&error)))?;
        Ok(Self { http, timeout })
    }

    /// All instances of all applications.
    pub(crate) async fn apps(&self, server: &ServerUrl) -> Result<Apps, Failure> {
        let document: AppsDocument = self.read(server.at(&["apps"])).await?;
        Ok(document.applications)
    }

    /// What the server knows of this instance.
    pub(crate) async fn find(
        &self,
        server: &ServerUrl,
        who: &Presence,
    ) -> Result<Option<Instance>, Failure> {
        let document = self.read(server.at(&["apps", &who.app, &who.id])).await;
        match document {
            Ok(document) => Ok(InstanceDocument::into_instance(document)),
            Err(Failure::Status(404)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Registers. Eureka answers 204, and nothing else.
    pub(crate) async fn register(
        &self,
        server: &ServerUrl,
        who: &Presence,
        body: &Value,
    ) -> Result<(), Failure> {
        let request = self.http.post(server.at(&["apps", &who.app])).json(body);
        match self.answered(request.send().await)?.status() {
            StatusCode::NO_CONTENT => Ok(()),
            other => Err(unlike(other, "to a registration, not 204")),
        }
    }

    /// Says that this instance is alive.
    pub(crate) async fn beat(
        &self,
        server: &ServerUrl,
        who: &Presence,
        status: Status,
        dirty_millis: u64,
    ) -> Result<Known, Failure> {
        let mut url = server.at(&["apps", &who.app, &who.id]);
        url.query_pairs_mut()
            .append_pair("status", status.name())
            .append_pair("lastDirtyTimestamp", &dirty_millis.to_string());
        self.tell(Method::PUT, url).await
    }

    /// Puts a status in the place of the instance's own.
    pub(crate) async fn override_status(
        &self,
        server: &ServerUrl,
        who: &Presence,
        status: Status,
    ) -> Result<Known, Failure> {
        let mut url = server.at(&["apps", &who.app, &who.id, "status"]);
        url.query_pairs_mut().append_pair("value", status.name());
        self.tell(Method::PUT, url).await
    }

    /// Adds to the instance's metadata.
    pub(crate) async fn annotate(
        &self,
        server: &ServerUrl,
        who: &Presence,
        key: &str,
        value: &str,
    ) -> Result<Known, Failure> {
        let mut url = server.at(&["apps", &who.app, &who.id, "metadata"]);
        url.query_pairs_mut().append_pair(key, value);
        self.tell(Method::PUT, url).await
    }

    /// Removes this instance, and the operator's status with it.
    pub(crate) async fn deregister(
        &self,
        server: &ServerUrl,
        who: &Presence,
    ) -> Result<Known, Failure> {
        self.tell(Method::DELETE, server.at(&["apps", &who.app, &who.id])).await
    }

    /// Eureka answers 200 when it knows the instance, and 404 when it does not.
    async fn tell(&self, method: Method, url: Url) -> Result<Known, Failure> {
        match self.answered(self.http.request(method, url).send().await) {
            Ok(answer) if answer.status() == StatusCode::OK => Ok(Known::Yes),
            Ok(answer) => Err(unlike(answer.status(), "where Eureka answers 200 or 404")),
            Err(Failure::Status(404)) => Ok(Known::No),
            Err(failure) => Err(failure),
        }
    }

    async fn read<T: DeserializeOwned>(&self, url: Url) -> Result<T, Failure> {
        let mut answer = self.answered(self.http.get(url).send().await)?;
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.failure(error))? {
            if bytes.len().saturating_add(chunk.len()) > LARGEST_ANSWER {
                return Err(Failure::TooLarge(LARGEST_ANSWER));
            }
            bytes.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&bytes).map_err(|error| {
            // The words of the error itself may quote the answer.
            let (what, line, column) = (error.classify(), error.line(), error.column());
            Failure::Garbage(format!("{what:?} error in line {line}, column {column}"))
        })
    }

    fn answered(&self, answer: Result<Response, reqwest::Error>) -> Result<Response, Failure> {
        let answer = answer.map_err(|error| self.failure(error))?;
        match answer.status() {
            status if status.is_success() => Ok(answer),
            StatusCode::UNAUTHORIZED => Err(Failure::Unauthorized),
            StatusCode::FORBIDDEN => Err(Failure::Forbidden),
            status => Err(Failure::Status(status.as_u16())),
        }
    }

    fn failure(&self, error: reqwest::Error) -> Failure {
        if error.is_timeout() {
            return Failure::TimedOut(self.timeout);
        }
        Failure::Unreachable(in_words(&error.without_url()))
    }
}

/// A status of success that Eureka never answers.
fn unlike(status: StatusCode, what: &str) -> Failure {
    Failure::Garbage(format!("{} {what}", status.as_u16()))
}

/// An error and all its causes: each says only a part.
fn in_words(error: &reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}
