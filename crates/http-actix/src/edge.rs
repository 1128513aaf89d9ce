//! The edge: what every request passes on its way in and out. Limits and rates, pages of other origins, the trace,
//! draining, panics, the headers that every answer has, the addresses in them, compression, the memory of large
//! answers, the access log and the metrics. It knows no route.

mod address;
mod answers;
mod authority;
mod callers;
mod compression;
mod cors;
mod limits;
mod origins;
mod permits;
mod rates;
mod record;
mod trace;
mod unread;

use std::cell::Cell;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Instant;

use actix_web::body::{BodySize, BoxBody, MessageBody as _};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{
    CACHE_CONTROL, ETAG, HeaderName, HeaderValue, LINK, LOCATION, STRICT_TRANSPORT_SECURITY,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::http::{ConnectionType, Method, StatusCode, Version};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest, HttpResponse, web};
use futures_util::FutureExt as _;
use order_domain::OrderId;
use tracing::{Instrument as _, Span};

use crate::app::App;
use crate::connections;
use crate::problem::{Code, Problem};
use crate::site::StrictTransport;

pub(crate) use address::Address;
use address::Forwarded;
pub(crate) use answers::{LARGE, OfRead, event_stream, no_room_for_answer};
pub(crate) use callers::{Guard, caller, caller_by, guard, identify};
use cors::Ruling;
pub(crate) use cors::refuse_strangers;
use permits::Client;
pub(crate) use permits::{
    Permit, give_back_permit, permit_beside, permit_of, refused, run_to_end, take_page,
    take_permit, use_cases,
};
pub(crate) use record::failure as log_failure;
pub(crate) use trace::Trace;
pub(crate) use unread::{RequestBody, offers_websocket};

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What is known of a request before it is answered.
struct Exchange {
    method: Method,
    path: String,
    /// The pattern of the route; there are few, so it can be a label of metrics.
    route: Route,
    trace: Trace,
    /// Its step of the trace.
    step: Span,
    body: RequestBody,
    /// The address of the client.
    client: Option<IpAddr>,
    /// What the settings say of the page that asks; `None` where they say nothing of pages.
    cors: Option<Ruling>,
    /// Whether the client offered another protocol.
    offers_upgrade: bool,
    /// Whether the answer may come in chunks (RFC 9112, section 6.1).
    takes_chunks: bool,
    started: Instant,
    /// Whether it is in the log and the metrics.
    is_recorded: Cell<bool>,
}

/// The route of a request, noted as soon as it is known, so that the log has it even when the handler
/// panics. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Route(Rc<Noted>);

#[derive(Default)]
struct Noted {
    pattern: Cell<Option<&'static str>>,
    /// Whether orchestrators and scrapers ask it all the time.
    is_watch: Cell<bool>,
    /// The order that the request is about.
    order: Cell<Option<i64>>,
}

impl Route {
    /// Notes the pattern of the route on which a request has come, and the order in its path.
    pub(crate) fn note(request: &ServiceRequest, pattern: &'static str, is_watch: bool) {
        if let Some(route) = request.extensions().get::<Self>() {
            route.0.pattern.set(Some(pattern));
            route.0.is_watch.set(is_watch);
            let id = request.match_info().get("id").and_then(|id| id.parse::<OrderId>().ok());
            route.0.order.set(id.map(OrderId::get));
        }
    }

    /// Notes the order that a request has made, which the answer names.
    fn note_new(&self, response: &HttpResponse) {
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let id = location.and_then(|path| path.strip_prefix("/orders/")?.parse::<OrderId>().ok());
        if let Some(id) = id {
            self.0.order.set(Some(id.get()));
        }
    }
}

/// Answers a request. Whatever the routes return, the answer is complete and recorded.
pub(crate) async fn answer(
    app: web::Data<App>,
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    let exchange = Exchange::begin(&app, &mut request);
    let admitted = admit(&app, &request, &exchange).await;
    let span = exchange.trace.around();
    if let Err(problem) = admitted {
        let response = span.in_scope(|| exchange.finish_problem(&app, &problem));
        return Ok(request.into_response(response));
    }
    if exchange.is_preflight() {
        let allowed = HttpResponse::Ok().finish();
        let response = span.in_scope(|| exchange.finish(&app, allowed));
        return Ok(request.into_response(response));
    }
    // A panic takes the request with it, so the framework gets the answer as an error.
    let guarded = AssertUnwindSafe(async { next.call(request).await });
    let guarded = guarded.catch_unwind().instrument(exchange.step.clone());
    match guarded.instrument(span.clone()).await {
        Ok(Ok(answered)) => {
            let (request, mut response) = answered.into_parts();
            exchange.route.note_new(&response);
            refer(&request, &app, &mut response);
            let response = compression::compressed(&request, &app, response);
            let is_watch = exchange.route.0.is_watch.get();
            let response = match answers::counted(&app, &exchange.method, is_watch, response) {
                Ok(response) => span.in_scope(|| exchange.finish(&app, response)),
                Err(problem) => span.in_scope(|| exchange.finish_problem(&app, &problem)),
            };
            Ok(ServiceResponse::new(request, response))
        }
        Ok(Err(error)) => {
            let problem = Problem::from(&error);
            Err(outside(span.in_scope(|| exchange.finish_problem(&app, &problem))))
        }
        Err(panic) => {
            let problem = panicked(&*panic);
            Err(outside(span.in_scope(|| exchange.finish_problem(&app, &problem))))
        }
    }
}

/// Whether a request has come when all connections were taken. Probes are answered there, nothing else is.
fn is_beyond(request: &ServiceRequest, app: &App) -> bool {
    connections::is_above_share(request) && !app.site.is_watched(request.path())
}

/// Decides by the head of a request whether it is worked on.
async fn admit(app: &App, request: &ServiceRequest, exchange: &Exchange) -> Result<(), Problem> {
    let refused = limits::check(request)
        .or_else(|| authority::check(request.head(), app.scheme()))
        .or_else(|| origins::check(request, app, exchange.cors.as_ref()))
        .or_else(|| exchange.cors.as_ref().and_then(Ruling::refused));
    let refused =
        refused.or_else(|| is_beyond(request, app).then(|| permits::refused(Code::Overloaded)));
    if let Some(problem) = refused {
        return Err(problem);
    }
    if exchange.is_preflight() {
        return Ok(());
    }
    let client = Client(exchange.client);
    request.extensions_mut().insert(client);
    rates::count_first(request.request(), app)?;
    let permit = permits::enter(app, request.head(), request.match_info().as_str(), client).await;
    let permit = permit.map_err(permits::refused)?;
    if let Some(permit) = permit {
        request.extensions_mut().insert(permit);
    }
    Ok(())
}

impl Exchange {
    fn begin(app: &App, request: &mut ServiceRequest) -> Self {
        let sampling = app.http.settings.sampling;
        let trace = Trace::of(request.headers(), &*app.http.entropy, sampling);
        let step = trace.step();
        let body = RequestBody::take(request);
        let is_unframed = body.is_unframed();
        let peer = request.peer_addr().map(|peer| peer.ip());
        let client = Forwarded::of(request.headers(), peer, &app.http.settings.proxies).client;
        let cors = Ruling::of(request.request(), app);
        request.extensions_mut().insert(trace.clone());
        request.extensions_mut().insert(body.clone());
        let route = Route::default();
        request.extensions_mut().insert(route.clone());
        Self {
            method: request.method().clone(),
            path: request.path().to_owned(),
            route,
            trace,
            step,
            body,
            client,
            cors,
            offers_upgrade: request.head().upgrade(),
            takes_chunks: request.version() >= Version::HTTP_11 && !is_unframed,
            started: Instant::now(),
            is_recorded: Cell::new(false),
        }
    }

    fn is_preflight(&self) -> bool {
        self.cors.as_ref().is_some_and(Ruling::is_preflight)
    }

    /// Completes an answer of the routes. Errors are rendered as problems here, because a problem names
    /// the path and the trace id of its request.
    fn finish(&self, app: &App, response: HttpResponse) -> HttpResponse {
        let Some(error) = response.error() else {
            return self.complete(app, response, None);
        };
        match error.as_error::<Problem>() {
            Some(problem) => self.finish_problem(app, problem),
            None => self.finish_problem(app, &Problem::from(error)),
        }
    }

    fn finish_problem(&self, app: &App, problem: &Problem) -> HttpResponse {
        if problem.code() == Code::Overloaded {
            app.admission.count_refusal();
        }
        if problem.code().status().is_server_error() {
            record::failure(problem);
        }
        let mut response =
            problem.render(&self.path, &self.trace.id, app.http.settings.forms.amounts);
        if let Some(lacking) = problem.lacks().and_then(|lacks| callers::lacking(app, lacks)) {
            response.headers_mut().insert(WWW_AUTHENTICATE, lacking);
        }
        let mut response = self.complete(app, response, Some(problem.code()));
        if app.http.lifecycle.is_draining() {
            response.head_mut().set_connection_type(ConnectionType::Close);
        }
        response
    }

    fn complete(&self, app: &App, mut response: HttpResponse, code: Option<Code>) -> HttpResponse {
        let headers = response.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if !headers.contains_key(ETAG) && !headers.contains_key(CACHE_CONTROL) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if let Some(transport) = app.site.strict_transport() {
            headers.insert(STRICT_TRANSPORT_SECURITY, of_tls_alone(transport));
        }
        if let Some(cors) = &self.cors {
            cors.complete(headers);
        }
        if let Ok(id) = HeaderValue::from_str(&self.trace.correlation_id) {
            headers.insert(X_REQUEST_ID.clone(), id);
        }
        let is_upgraded = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        if self.offers_upgrade && !is_upgraded {
            // The framework closes such a connection, but would answer `connection: upgrade`.
            response.head_mut().set_connection_type(ConnectionType::Close);
        }
        if !self.takes_chunks && response.body().size() == BodySize::Stream {
            // Its end is that of the connection.
            response.head_mut().no_chunking(true);
            if !is_upgraded {
                response.head_mut().set_connection_type(ConnectionType::Close);
            }
        }
        record::answered(self, response.status(), code);
        self.is_recorded.set(true);
        self.body.close_if_unread(response)
    }
}

/// What browsers keep for a year.
fn of_tls_alone(transport: StrictTransport) -> HeaderValue {
    HeaderValue::from_static(match transport {
        StrictTransport::Host => "max-age=31536000",
        StrictTransport::SubDomains => "max-age=31536000; includeSubDomains",
    })
}

/// The framework drops a request whose client has closed the connection.
impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.is_recorded.get() {
            record::given_up(self);
        }
    }
}

/// Endpoints write `Location` and `Link` as by default; clients get the paths under which they reach this port.
fn refer(request: &HttpRequest, app: &App, response: &mut HttpResponse) {
    let headers = response.headers_mut();
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let location = location.and_then(|path| address::reference(request, app, path));
    let link = headers.get(LINK).and_then(|value| value.to_str().ok());
    let link = link.and_then(|link| link.strip_prefix('<')?.split_once('>'));
    let link = link.and_then(|(path, rest)| {
        Some(format!("<{}>{rest}", address::reference(request, app, path)?))
    });
    for (name, value) in [(LOCATION, location), (LINK, link)] {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    }
}

/// An answer for the framework when the request was lost with a handler.
fn outside(response: HttpResponse) -> Error {
    InternalError::from_response("answered at the edge", response).into()
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Problem {
    let said = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned());
    let message = format!("panic: {}", said.as_deref().unwrap_or("no message"));
    let cause: Box<dyn std::error::Error> = message.into();
    Problem::internal(&*cause)
}
