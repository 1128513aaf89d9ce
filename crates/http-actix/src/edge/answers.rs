//! Counts large answers against the budget for those that clients have not taken (`unread.rs`), or refuses them. The answer to a
//! write is always sent: its effect is there. Small answers fit into the framework's buffer of a connection, and are not
//! counted. And the head of answers that have no end.

use actix_web::body::{BodySize, BoxBody, MessageBody as _};
use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, HttpResponseBuilder};

use crate::app::App;
use crate::problem::{Code, Problem};

/// An answer of more bytes is large. The framework's buffer of a connection has as many.
pub(crate) const LARGE: usize = 32 << 10;

/// Marks an answer to a request that has changed nothing, whatever its method is.
pub(crate) struct OfRead;

/// The head of a stream of events (WHATWG HTML, section 9.2).
pub(crate) fn event_stream() -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        // Otherwise nginx would hold events back.
        .insert_header(("x-accel-buffering", "no"))
        // A client whose stream has ended goes to another instance.
        .force_close();
    response
}

/// The answer as it goes to its connection; the problem to answer instead, when there is no room for it.
pub(super) fn counted(
    app: &App,
    method: &Method,
    is_watch: bool,
    response: HttpResponse,
) -> Result<HttpResponse, Problem> {
    let BodySize::Sized(size) = response.body().size() else { return Ok(response) };
    if *method == Method::HEAD || usize::try_from(size).is_ok_and(|size| size <= LARGE) {
        return Ok(response);
    }
    let is_read = *method == Method::GET || response.extensions().contains::<OfRead>();
    // Metrics show an overload.
    let must = is_watch || !is_read || !response.status().is_success();
    let mut refused = false;
    let response = response.map_body(|_, body| match body.try_into_bytes() {
        Err(body) => body,
        Ok(bytes) => {
            if let Some(answer) = app.unread.hold(bytes, must) {
                BoxBody::new(answer)
            } else {
                refused = true;
                BoxBody::new(())
            }
        }
    });
    if refused { Err(no_room_for_answer()) } else { Ok(response) }
}

/// The problem of a read whose large answer has no room.
pub(crate) fn no_room_for_answer() -> Problem {
    let detail = "Too many large answers wait for clients that do not read. Try again.";
    Problem::new(Code::Overloaded, detail)
}
