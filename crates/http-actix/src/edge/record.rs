//! Records each answered request: one line in the access log, one measurement, and the cause of a
//! failure. The composition root decides where logs and metrics go.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use metrics::Histogram;

use super::Exchange;
use crate::problem::{Code, Problem};

/// Logs the cause of a failure, once, with the trace id of the span around it.
pub(crate) fn failure(problem: &Problem) {
    let code = problem.code().as_str();
    match (problem.cause(), problem.code()) {
        (Some(cause), Code::InternalError) => tracing::error!(code, cause, "a request failed"),
        (Some(cause), _) => tracing::warn!(code, cause, "a request failed"),
        // Refused on purpose, such as `overloaded`: it is counted.
        (None, _) => tracing::debug!(code, "a request was refused"),
    }
}

/// Logs and counts an answer. The path stays out: it names orders and customers.
pub(super) fn answered(exchange: &Exchange, status: StatusCode, code: Option<Code>) {
    let took = exchange.started.elapsed();
    let method = label(&exchange.method);
    let route = match exchange.route.0.pattern.get() {
        Some(route) => route,
        None if status == StatusCode::NOT_FOUND => "NOT_FOUND",
        None => "UNKNOWN",
    };
    let code = code.map(Code::as_str);
    // The level of a line is a part of its call site.
    macro_rules! access {
        ($level:ident) => {
            tracing::event!(
                target: "access",
                tracing::Level::$level,
                method,
                route,
                status = status.as_u16(),
                code,
                client.address = exchange.client.map(tracing::field::display),
                duration_ms = took.as_secs_f64() * 1_000.0,
                order.id = exchange.route.0.order.get(),
                trace_id = exchange.trace.id.as_str(),
                request_id = exchange.trace.correlation_id.as_str(),
            )
        };
    }
    // Probes and scrapes come all the time, and say nothing of the work. Refusals come by the thousand, when there is
    // no time to write of each; metrics tell how many there are.
    let is_refusal =
        [Code::Overloaded, Code::RateLimited].map(|code| Some(code.as_str())).contains(&code);
    if is_watch(exchange) || is_refusal {
        access!(DEBUG);
    } else {
        access!(INFO);
    }
    let labels = Labels { method, route, status, code };
    if !exchange.step.is_disabled() {
        traced(exchange, labels);
    }
    measure(labels, took);
}

/// Whether a request only looks at the service: a probe, or a scrape.
fn is_watch(exchange: &Exchange) -> bool {
    exchange.route.0.is_watch.get() && matches!(exchange.method, Method::GET | Method::HEAD)
}

/// Completes the step of the trace, by OpenTelemetry's names.
fn traced(exchange: &Exchange, Labels { method, route, status, code }: Labels) {
    let step = &exchange.step;
    step.record("otel.name", tracing::field::display(format_args!("{method} {route}")));
    step.record("http.request.method", method);
    step.record("http.route", route);
    step.record("http.response.status_code", status.as_u16());
    if let Some(order) = exchange.route.0.order.get() {
        step.record("order.id", order);
    }
    // An error of the client is no failure of the service.
    if status.is_server_error() {
        step.record("otel.status_code", "ERROR");
        step.record("error.type", code.unwrap_or("_OTHER"));
    }
}

/// What a measurement is filed under.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Labels {
    method: &'static str,
    route: &'static str,
    status: StatusCode,
    /// The code of the problem, if the answer is one.
    code: Option<&'static str>,
}

thread_local! {
    /// The histograms that this thread has used: there are few, and looking one up in the registry
    /// costs more than recording in it.
    static HISTOGRAMS: RefCell<HashMap<Labels, Histogram>> = RefCell::default();
}

fn measure(labels: Labels, took: Duration) {
    HISTOGRAMS.with_borrow_mut(|known| {
        known.entry(labels).or_insert_with(|| histogram(labels)).record(took);
    });
}

/// By Spring Boot's names. Where Spring has the class of an exception, we have the code of a problem.
fn histogram(Labels { method, route, status, code }: Labels) -> Histogram {
    let code = code.unwrap_or("none");
    metrics::histogram!(
        "http_server_requests_seconds",
        "method" => method,
        "uri" => route,
        "status" => status.as_str().to_owned(),
        "outcome" => outcome(status),
        "exception" => code,
        "error" => code,
    )
}

/// The status of a request whose client was gone before there was an answer, as proxies write it.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// Logs and counts a request whose client has gone away. What it asked for may go on.
pub(super) fn given_up(exchange: &Exchange) {
    let status = StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or(StatusCode::BAD_REQUEST);
    answered(exchange, status, None);
}

/// The names that Spring Boot gives, which dashboards know.
fn outcome(status: StatusCode) -> &'static str {
    match status.as_u16() {
        CLIENT_CLOSED_REQUEST => "UNKNOWN",
        100..=199 => "INFORMATIONAL",
        200..=299 => "SUCCESS",
        300..=399 => "REDIRECTION",
        400..=499 => "CLIENT_ERROR",
        500..=599 => "SERVER_ERROR",
        _ => "UNKNOWN",
    }
}

/// Clients may invent methods; labels must stay few.
fn label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => "UNKNOWN",
    }
}
