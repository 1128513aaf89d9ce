//! The order routes: extract, ask the use case, answer. One file each.

mod change_status;
mod find;
mod history;
mod list;
mod place;
mod replace_lines;
mod stream;

use actix_web::http::StatusCode;
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use order_app::idempotency::{Answer, Fingerprint, Operation};
use order_app::orders::{Answered, WriteRequest};
use order_domain::Order;

use crate::edge::Trace;
use crate::problem::Problem;
use crate::request;

pub(crate) use change_status::*;
pub(crate) use find::*;
pub(crate) use history::*;
pub(crate) use list::*;
pub(crate) use place::*;
pub(crate) use replace_lines::*;
pub(crate) use stream::*;

/// What a write carries beside its command.
fn write_request(
    request: &HttpRequest,
    operation: Operation,
    fingerprint: impl FnOnce() -> Fingerprint,
    render: fn(&Order) -> Answer,
) -> Result<WriteRequest, Problem> {
    let trace = request.extensions().get::<Trace>().map(Trace::origin);
    Ok(WriteRequest {
        origin: trace.unwrap_or_default(),
        once: request::once(request, operation, fingerprint)?,
        render,
    })
}

/// Sends an answer as it was rendered.
fn send(answer: Answer) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    for header in answer.headers {
        response.insert_header(header);
    }
    response.body(answer.body)
}

/// Sends the answer to a write, and says so when it is a repetition.
fn send_answered(answered: Answered) -> HttpResponse {
    let mut response = send(answered.answer);
    if answered.replayed {
        let (name, value) = ("idempotency-replayed", "true");
        let name = actix_web::http::header::HeaderName::from_static(name);
        let value = actix_web::http::header::HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}
