//! Sends spans to the collector in batches: OTLP over HTTP, in protobuf, as Spring Boot does. A batch
//! is sent again while the collector is unreachable or busy, and dropped when the collector refuses.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use prost::Message as _;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, redirect};
use secrecy::ExposeSecret as _;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{Span, SpanCounts, TraceSettings, attribute};
use crate::ambient::{Ambient, Service};

/// The most spans in one request.
const BATCH: usize = 512;
/// How long the first span of a batch waits for others.
const GATHERING: Duration = Duration::from_secs(1);
/// The pause before a batch is sent again; each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long a stop waits for the last spans.
const LAST: Duration = Duration::from_secs(2);
/// The most bytes of an answer that are read.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Recorded spans that wait to be sent, before the exporter runs.
#[derive(Debug)]
pub struct Unsent {
    pub(super) waiting: mpsc::Receiver<Span>,
    pub(super) counts: Arc<SpanCounts>,
    pub(super) settings: TraceSettings,
    pub(super) service: Service,
    pub(super) ambient: Ambient,
}

/// The running exporter.
#[derive(Debug)]
pub struct Exporter {
    counts: Arc<SpanCounts>,
    tell: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Why spans cannot be sent to a collector with these settings.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A header has a name or a value that HTTP does not allow.
    #[error("the header {0} cannot be sent")]
    Header(String, #[source] Box<dyn Error + Send + Sync>),
    /// The HTTP client does not start.
    #[error(transparent)]
    Client(#[from] reqwest::Error),
}

impl Unsent {
    /// Starts to send, on the current runtime. The collector may be down.
    ///
    /// # Errors
    /// When a header or the URL of the settings cannot be used.
    pub fn start(self) -> Result<Exporter, ExportError> {
        let Self { waiting, counts, settings, service, ambient } = self;
        let attributes = resource(&settings, &service);
        let sender = Sender {
            client: client(&settings, &service)?,
            endpoint: settings.endpoint.expose_secret().to_owned(),
            counts: Arc::clone(&counts),
            resource: Resource { attributes, ..Resource::default() },
            scope: InstrumentationScope {
                name: ambient.trace_target.to_owned(),
                version: service.version.to_owned(),
                ..InstrumentationScope::default()
            },
            causes: ambient.causes,
            failing: false,
            stopping: false,
        };
        let (tell, told) = oneshot::channel();
        let task = tokio::spawn(sender.run(waiting, told));
        Ok(Exporter { counts, tell, task })
    }
}

impl Exporter {
    /// What became of the spans.
    #[must_use]
    pub fn counts(&self) -> Arc<SpanCounts> {
        Arc::clone(&self.counts)
    }

    /// Sends each waiting span once, and stops: after two seconds or at `end`, whichever is sooner.
    pub async fn stop(self, end: Instant) {
        let soon = Instant::now().checked_add(LAST).unwrap_or(end).min(end);
        // An exporter that has ended already does not hear this, and has logged why.
        let _ = self.tell.send(());
        let mut task = self.task;
        if timeout_at(soon, &mut task).await.is_err() {
            task.abort();
            tracing::warn!("the last steps of traces were not sent in time");
        }
    }
}

/// The exporter's task.
struct Sender {
    client: Client,
    endpoint: String,
    counts: Arc<SpanCounts>,
    resource: Resource,
    scope: InstrumentationScope,
    causes: fn(&(dyn Error + 'static)) -> String,
    /// Whether the last attempt failed. Only a change is logged.
    failing: bool,
    /// From now on, each batch is sent once.
    stopping: bool,
}

/// Why the collector did not accept a batch.
struct Failure {
    cause: String,
    /// The collector may accept it later.
    is_passing: bool,
}

impl Sender {
    async fn run(mut self, mut waiting: mpsc::Receiver<Span>, mut told: oneshot::Receiver<()>) {
        while !self.stopping {
            let mut batch = Vec::new();
            tokio::select! {
                () = gather(&mut waiting, &mut batch) => self.stopping = batch.is_empty(),
                _ = &mut told => self.stopping = true,
            }
            self.send(batch, &mut told).await;
        }
        waiting.close();
        let mut batch = Vec::new();
        while waiting.recv_many(&mut batch, BATCH).await > 0 {
            self.send(std::mem::take(&mut batch), &mut told).await;
        }
    }

    /// Sends a batch until it is accepted or refused; at a stop, once.
    async fn send(&mut self, batch: Vec<Span>, told: &mut oneshot::Receiver<()>) {
        let spans = batch.len();
        if spans == 0 {
            return;
        }
        let body = self.body(batch);
        let mut pause = FIRST_PAUSE;
        loop {
            let failure = match self.attempt(&body).await {
                Ok(rejected) => return self.accepted(spans, rejected),
                Err(failure) => failure,
            };
            self.failed(&failure.cause);
            if self.stopping || !failure.is_passing {
                return SpanCounts::add(&self.counts.lost, spans);
            }
            tokio::select! {
                () = sleep(pause) => {}
                _ = &mut *told => self.stopping = true,
            }
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    fn body(&self, spans: Vec<Span>) -> Vec<u8> {
        let scope = Some(self.scope.clone());
        let scope_spans = vec![ScopeSpans { scope, spans, ..ScopeSpans::default() }];
        let resource = Some(self.resource.clone());
        let resource_spans =
            vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }];
        ExportTraceServiceRequest { resource_spans }.encode_to_vec()
    }

    /// Sends one request; returns how many of its spans the collector rejected.
    async fn attempt(&self, body: &[u8]) -> Result<usize, Failure> {
        let causes = self.causes;
        let passing = |error: reqwest::Error| Failure {
            cause: causes(&error.without_url()),
            is_passing: true,
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

    fn accepted(&mut self, spans: usize, rejected: usize) {
        SpanCounts::add(&self.counts.sent, spans.saturating_sub(rejected));
        SpanCounts::add(&self.counts.lost, rejected.min(spans));
        if std::mem::take(&mut self.failing) {
            tracing::info!("traces are sent again");
        }
    }

    fn failed(&mut self, cause: &str) {
        SpanCounts::add(&self.counts.failures, 1);
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(cause, "traces are not sent; steps may be lost, requests are not");
        }
    }
}

/// Fills a batch: waits for a span, and then at most [`GATHERING`] for others. The batch stays empty
/// when there will be no more spans.
async fn gather(waiting: &mut mpsc::Receiver<Span>, batch: &mut Vec<Span>) {
    waiting.recv_many(batch, BATCH).await;
    let others = async {
        while batch.len() < BATCH
            && waiting.recv_many(batch, BATCH.saturating_sub(batch.len())).await > 0
        {}
    };
    let _ = timeout(GATHERING, others).await;
}

/// As OTLP rules: a batch is sent again after these four status codes, and after no other.
fn checked(answer: &Response) -> Result<(), Failure> {
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    Err(Failure {
        cause: format!("the collector answered {}", status.as_u16()),
        is_passing: matches!(status.as_u16(), 429 | 502 | 503 | 504),
    })
}

fn client(settings: &TraceSettings, service: &Service) -> Result<Client, ExportError> {
    let protobuf = HeaderValue::from_static("application/x-protobuf");
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, protobuf)]);
    for (name, value) in &settings.headers {
        let wrong = |cause| ExportError::Header(name.clone(), cause);
        let value = HeaderValue::from_str(value.expose_secret());
        let mut value = value.map_err(|cause| wrong(cause.into()))?;
        value.set_sensitive(true);
        let name = HeaderName::try_from(name).map_err(|cause| wrong(cause.into()))?;
        headers.insert(name, value);
    }
    let mut client = Client::builder()
        .user_agent(format!("{}/{}", service.program, service.version))
        .default_headers(headers)
        .connect_timeout(settings.connect_timeout)
        .timeout(settings.timeout)
        // Headers may be credentials, and are meant for this collector alone.
        .redirect(redirect::Policy::none());
    if settings.endpoint.expose_secret().starts_with("http://") {
        // Nothing is encrypted, so the machine needs no certificates.
        client = client.tls_certs_only([]);
    }
    Ok(client.build()?)
}

/// The attributes of the process. Those of the settings win.
fn resource(settings: &TraceSettings, service: &Service) -> Vec<KeyValue> {
    let own = [
        ("service.name", service.name.as_str()),
        ("service.instance.id", &service.instance),
        ("service.version", service.version),
        ("telemetry.sdk.language", "rust"),
        ("telemetry.sdk.name", service.program),
        ("telemetry.sdk.version", service.version),
    ];
    let given = &settings.resource_attributes;
    let own = own.into_iter().filter(|(name, _)| !given.contains_key(*name));
    let given = given.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    own.chain(given)
        .map(|(name, value)| attribute(name, Value::StringValue(value.into())))
        .collect()
}
