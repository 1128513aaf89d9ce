//! The management port: a server of its own for operators, behind the same edge as the main one.
//! It serves the actuator, which the main port has as well, and the operations that change
//! something, which exist here alone. What an operation does is decided behind the traits and use
//! cases that it is given; who may reach the port is a matter of its address.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use async_trait::async_trait;
use metrics::Gauge;
use order_app::operations::Operations;
use serde_json::json;

use crate::actuator;
use crate::docs::Docs;
use crate::problem::{Code, Problem};
use crate::request::Query;
use crate::server::{App, Http, HttpSettings, run};
use crate::{openapi, routes};

/// Few people and programs ask here, and what they ask for may take the database a while.
const MOST_IN_FLIGHT: usize = 32;
/// The process is about to end when this server stops: nobody waits for idle connections.
const SHUTDOWN: Duration = Duration::from_secs(1);

/// What there is to see and do about events.
const EVENTS: &[(&str, &str)] = &[
    ("events", "/events"),
    ("events-parked", "/events/parked"),
    ("events-parked-orderId", "/events/parked/{orderId}"),
    ("events-skipped", "/events/skipped"),
    ("events-replays", "/events/replays"),
    ("events-replays-replayId", "/events/replays/{replayId}"),
];

/// What the management port serves beside the actuator.
#[derive(Clone, Default)]
pub struct Management {
    /// Reads the settings again; without it there is no such operation.
    pub refresh: Option<Arc<dyn Refresh>>,
    /// What may be done about events.
    pub operations: Option<Operations>,
}

/// Reads the settings again while the process runs.
///
/// Laws:
/// * A refresh changes everything that it can, or nothing.
/// * One that is refused has changed nothing.
/// * A caller that goes away does not leave it half done.
#[async_trait]
pub trait Refresh: Send + Sync {
    /// Applies what has changed and can be applied.
    async fn refresh(&self) -> Result<Refreshed, RefreshRefused>;
}

/// What a refresh came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refreshed {
    /// The keys whose values differ from those before it, sorted; applied or not.
    pub changed: Vec<String>,
    /// The keys whose values wait for a restart, since this refresh or an earlier one, sorted.
    pub needs_restart: Vec<String>,
    /// Where settings come from that could be done without and did not answer: what they gave before
    /// still applies. Each entry says why, without secrets.
    pub not_answered: Vec<String>,
}

/// Why a refresh has changed nothing.
#[derive(Debug)]
pub enum RefreshRefused {
    /// Another one is running.
    Running,
    /// The new settings are wrong: each entry says of one what, without secrets.
    Invalid(Vec<String>),
    /// Where settings come from does not answer. The cause is for the log.
    Unavailable(Box<dyn std::error::Error + Send + Sync>),
}

/// Serves the management port on a listener until the returned server is stopped. `http` is what
/// the main server has; its limits do not count here. Like [`serve`](crate::serve), it must be
/// called on a tokio runtime.
///
/// # Errors
/// When the listener cannot be used.
pub fn serve_management(
    mut http: Http,
    management: Management,
    listener: TcpListener,
) -> std::io::Result<Server> {
    // What is counted and limited is the load of the main port.
    http.in_flight = Arc::default();
    http.settings = HttpSettings {
        max_in_flight: MOST_IN_FLIGHT.into(),
        workers: Some(1),
        shutdown_timeout: SHUTDOWN,
        health_details: http.settings.health_details.or(Some(true)),
        ..http.settings
    };
    let docs = Docs::new(|_| openapi::management_openapi_json(), &http.events_topic);
    let app = App::new(http, Gauge::noop(), docs);
    let management = web::Data::new(management);
    run(&app, listener, move |config| {
        config.app_data(management.clone());
        routes::configure_management(config);
    })
}

/// `GET /actuator`.
pub(crate) async fn links(request: HttpRequest, management: web::Data<Management>) -> HttpResponse {
    let refresh = management.refresh.as_ref().map(|_| ("refresh", "/refresh"));
    let events = management.operations.as_ref().map(|_| EVENTS).into_iter().flatten();
    let more: Vec<_> = refresh.into_iter().chain(events.copied()).collect();
    actuator::linked(&request, &more)
}

/// Read the settings again
///
/// As in Spring Cloud: answers the keys whose values have changed. All that can be changed is, or
/// nothing. The header `x-needs-restart` names the keys whose values wait for a restart;
/// `x-not-answered` says which config servers gave nothing, where what they gave before still applies.
#[utoipa::path(
    post,
    path = "/actuator/refresh",
    operation_id = "refresh",
    tag = "settings",
    responses((
        status = 200,
        description = "The keys that have changed.",
        body = Vec<String>,
        content_type = "application/vnd.spring-boot.actuator.v3+json",
    )),
)]
pub(crate) async fn refresh(
    request: HttpRequest,
    management: web::Data<Management>,
) -> Result<HttpResponse, Problem> {
    Query::refuse_any(&request)?;
    let Some(refresh) = management.refresh.clone() else {
        return Err(Problem::new(Code::NotFound, "There is nothing to refresh."));
    };
    // Whoever asked may go away; the refresh goes on.
    let running = actix_web::rt::spawn(async move { refresh.refresh().await });
    let refreshed = running.await.map_err(|panicked| {
        Problem::new(Code::InternalError, "Something went wrong here.").caused_by(&panicked)
    })?;
    let Refreshed { changed, needs_restart, not_answered } = refreshed?;
    let mut response = actuator::spring(StatusCode::OK, &json!(changed));
    insert(&mut response, "x-needs-restart", &needs_restart.join(", "));
    if !not_answered.is_empty() {
        insert(&mut response, "x-not-answered", &not_answered.join("; "));
    }
    Ok(response)
}

fn insert(response: &mut HttpResponse, name: &'static str, value: &str) {
    let plain = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
    if let Ok(value) = HeaderValue::from_str(&value.chars().map(plain).collect::<String>()) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}

impl From<RefreshRefused> for Problem {
    fn from(refused: RefreshRefused) -> Self {
        match refused {
            RefreshRefused::Running => {
                let detail = "A refresh is running already. Nothing was done; try again.";
                Self::new(Code::RefreshInProgress, detail)
            }
            RefreshRefused::Invalid(problems) => {
                let detail = "The new settings are wrong. The old ones still apply, all of them.";
                Self::new(Code::RefreshRefused, detail).member("problems", problems)
            }
            RefreshRefused::Unavailable(cause) => {
                let detail = "The settings cannot be read now. The old ones still apply.";
                Self::new(Code::Unavailable, detail).caused_by(&*cause)
            }
        }
    }
}
