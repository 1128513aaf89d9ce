//! `GET /events`.

use actix_web::body;
use actix_web::http::Method;
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, web};

use crate::app::App;
use crate::body::EventStream;
use crate::edge::{self, Trace, caller, refused, run_to_end};
use crate::problem::{Code, Problem};
use crate::request;
use crate::schema::{LastEventId, StreamQuery};

/// Listen to the events of all orders
///
/// Server-sent events (WHATWG HTML): what happens from now on, or from the last event id on that the
/// client has. `id` is the event's place in the journal, `event` its type, `data` the event in the
/// JSON format of `CloudEvents`. Blocks without `data` only move the last event id. Lines that begin
/// with a colon are signs of life.
#[utoipa::path(
    get,
    path = "/events",
    operation_id = "streamEvents",
    tag = "orders",
    params(LastEventId, StreamQuery),
    responses((
        status = 200,
        description = "The events, without an end. It ends when the instance stops, and when the token does.",
        body = String,
        content_type = "text/event-stream",
    )),
)]
pub(crate) async fn stream(
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    if app.http.lifecycle.is_draining() {
        return Err(refused(Code::Draining));
    }
    let (start, filter) = request::stream(&request)?;
    let (caller, feed) = (caller(&request)?, app.http.feed.clone());
    let subscription =
        run_to_end(&request, async move { feed.subscribe(&caller, start, filter).await }).await?;
    let mut response = edge::event_stream();
    if request.method() == Method::HEAD {
        // The stream has no length, not the length 0.
        return Ok(response.body(body::None::new()));
    }
    let trace = request.extensions().get::<Trace>().map(|trace| trace.id.clone());
    let stopped = app.http.lifecycle.clone().drained();
    Ok(response.streaming(EventStream::new(subscription, stopped, trace.unwrap_or_default())))
}
