//! Sends steps to the collector, many at a time: OTLP over HTTP, in protobuf, as Spring Boot does.
//! A batch that the collector did not take for now is sent again; one that it refuses is lost.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::Context as _;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use order_app::traces::TARGET;
use prost::Message as _;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, StatusCode, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use super::{Counts, Span};
use crate::settings::Tracing;

/// The most steps in one request.
const BATCH: usize = 512;
/// How long the first step of a batch waits for others.
const GATHERING: Duration = Duration::from_secs(1);
/// The pauses before a batch is sent again: the first, each further one twice as long, the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long the last steps may take at a stop.
const LAST: Duration = Duration::from_secs(2);
/// More than a collector has to say.
const LONGEST_ANSWER: usize = 64 * 1024;

/// What waits to be sent, before anything is.
pub(crate) struct Unsent {
    pub(super) waiting: mpsc::Receiver<Span>,
    pub(super) counts: Arc<Counts>,
    pub(super) resource: Vec<KeyValue>,
    pub(super) endpoint: SecretString,
    pub(super) settings: Tracing,
}

/// The running exporter.
pub(crate) struct Exporting {
    counts: Arc<Counts>,
    tell: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Unsent {
    /// Starts sending. No collector is asked, so it may be down.
    pub(crate) fn start(self) -> anyhow::Result<Exporting> {
        let Self { waiting, counts, resource, endpoint, settings } = self;
        let endpoint = endpoint.expose_secret().to_owned();
        let client = client(&settings, &endpoint);
        let client = client.context("wrong settings under management.otlp.tracing")?;
        let of = Arc::clone(&counts);
        let exporter = Exporter { client, endpoint, counts: of, resource, failing: false };
        let (tell, told) = oneshot::channel();
        let task = tokio::spawn(exporter.run(waiting, told));
        Ok(Exporting { counts, tell, task })
    }
}

impl Exporting {
    /// What became of the steps.
    pub(crate) fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// Sends what waits, once, and ends; by then at the latest.
    pub(crate) async fn stop(self, end: Instant) {
        let soon = Instant::now().checked_add(LAST).unwrap_or(end).min(end);
        // It has ended by itself, and said why, when nobody hears this.
        let _ = self.tell.send(());
        let mut task = self.task;
        if timeout_at(soon, &mut task).await.is_err() {
            task.abort();
            tracing::warn!("the last steps of traces were not sent in time");
        }
    }
}

struct Exporter {
    client: Client,
    endpoint: String,
    counts: Arc<Counts>,
    resource: Vec<KeyValue>,
    /// Whether the last attempt failed; told once.
    failing: bool,
}

/// Why a batch was not taken.
enum Failure {
    /// It may be taken later.
    Passing(String),
    /// It never will be.
    Lasting(String),
}

impl Exporter {
    async fn run(mut self, mut waiting: mpsc::Receiver<Span>, mut told: oneshot::Receiver<()>) {
        loop {
            let (batch, goes_on) = gather(&mut waiting, &mut told).await;
            let goes_on =
                if batch.is_empty() { goes_on } else { self.send(batch, goes_on, &mut told).await };
            if goes_on.is_break() {
                break;
            }
        }
        while let Ok(first) = waiting.try_recv() {
            let mut batch = vec![first];
            while batch.len() < BATCH
                && let Ok(next) = waiting.try_recv()
            {
                batch.push(next);
            }
            // Each is tried once, whatever becomes of it.
            let _ = self.send(batch, ControlFlow::Break(()), &mut told).await;
        }
    }

    /// Sends a batch, and again until it is taken or refused; at a stop only once.
    async fn send(
        &mut self,
        batch: Vec<Span>,
        mut goes_on: ControlFlow<()>,
        told: &mut oneshot::Receiver<()>,
    ) -> ControlFlow<()> {
        let steps = batch.len();
        let body = self.body(batch);
        let mut pause = FIRST_PAUSE;
        loop {
            let is_last = goes_on.is_break();
            let failure = match self.attempt(&body).await {
                Ok(rejected) => {
                    self.taken(steps, rejected);
                    return goes_on;
                }
                Err(failure) => failure,
            };
            self.counts.failures.fetch_add(1, Relaxed);
            let (Failure::Passing(cause) | Failure::Lasting(cause)) = &failure;
            self.failed(cause);
            if is_last || matches!(failure, Failure::Lasting(_)) {
                Counts::add(&self.counts.lost, steps);
                return goes_on;
            }
            tokio::select! {
                () = sleep(pause) => {}
                _ = &mut *told => goes_on = ControlFlow::Break(()),
            }
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    fn body(&self, spans: Vec<Span>) -> Vec<u8> {
        let scope = InstrumentationScope {
            name: TARGET.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
        let resource = Resource { attributes: self.resource.clone(), ..Resource::default() };
        let resource_spans = vec![ResourceSpans {
            resource: Some(resource),
            scope_spans,
            ..ResourceSpans::default()
        }];
        ExportTraceServiceRequest { resource_spans }.encode_to_vec()
    }

    /// One request; answers how many steps the collector took but threw away.
    async fn attempt(&self, body: &[u8]) -> Result<usize, Failure> {
        let passing = |error: reqwest::Error| {
            Failure::Passing(order_app::errors::chain(&error.without_url()))
        };
        let request = self.client.post(&self.endpoint).body(body.to_vec());
        let mut answer = request.send().await.map_err(passing)?;
        checked(&answer)?;
        let mut said = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(passing)? {
            if said.len().saturating_add(chunk.len()) > LONGEST_ANSWER {
                return Ok(0);
            }
            said.extend_from_slice(&chunk);
        }
        let partly = ExportTraceServiceResponse::decode(said.as_slice()).ok();
        let partly = partly.and_then(|answer| answer.partial_success);
        Ok(partly.and_then(|part| usize::try_from(part.rejected_spans).ok()).unwrap_or(0))
    }

    fn taken(&mut self, steps: usize, rejected: usize) {
        Counts::add(&self.counts.sent, steps.saturating_sub(rejected));
        Counts::add(&self.counts.lost, rejected.min(steps));
        if std::mem::take(&mut self.failing) {
            tracing::info!("traces are sent again");
        }
    }

    fn failed(&mut self, cause: &str) {
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(cause, "traces are not sent; steps may be lost, requests are not");
        }
    }
}

/// The next steps, as many as come while the first waits; and whether there will be more.
async fn gather(
    waiting: &mut mpsc::Receiver<Span>,
    told: &mut oneshot::Receiver<()>,
) -> (Vec<Span>, ControlFlow<()>) {
    let mut batch = Vec::new();
    tokio::select! {
        came = waiting.recv() => match came {
            Some(first) => batch.push(first),
            None => return (batch, ControlFlow::Break(())),
        },
        _ = &mut *told => return (batch, ControlFlow::Break(())),
    }
    let enough = async {
        while batch.len() < BATCH
            && let Some(next) = waiting.recv().await
        {
            batch.push(next);
        }
    };
    let goes_on = tokio::select! {
        () = enough => ControlFlow::Continue(()),
        () = sleep(GATHERING) => ControlFlow::Continue(()),
        _ = told => ControlFlow::Break(()),
    };
    (batch, goes_on)
}

/// What the protocol says about status codes: these four pass, others do not.
fn checked(answer: &Response) -> Result<(), Failure> {
    let status = answer.status();
    let said = || format!("the collector answered {}", status.as_u16());
    match status {
        status if status.is_success() => Ok(()),
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Err(Failure::Passing(said())),
        _ => Err(Failure::Lasting(said())),
    }
}

fn client(settings: &Tracing, endpoint: &str) -> anyhow::Result<Client> {
    let protobuf = HeaderValue::from_static("application/x-protobuf");
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, protobuf)]);
    for (name, value) in &settings.headers {
        let wrong = || format!("the header {name} cannot be sent");
        let mut value = HeaderValue::from_str(value.expose_secret()).with_context(wrong)?;
        value.set_sensitive(true);
        headers.insert(HeaderName::try_from(name).with_context(wrong)?, value);
    }
    let mut client = Client::builder()
        .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .connect_timeout(settings.connect_timeout)
        .timeout(settings.timeout)
        // Headers may be credentials, for the collector that the settings name.
        .redirect(redirect::Policy::none());
    if endpoint.starts_with("http://") {
        // Where nothing is encrypted, the machine needs no certificates.
        client = client.tls_certs_only([]);
    }
    Ok(client.build()?)
}
