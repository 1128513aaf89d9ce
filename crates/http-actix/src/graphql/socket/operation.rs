//! One operation on a WebSocket: a request of its own. It passes what a request over HTTP passes: its caller is asked for
//! again, counted by rate, and given a permit.

use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::{HttpMessage as _, HttpRequest, web};
use async_graphql::parser::types::OperationType;
use async_graphql::{Response, ServerError};
use futures_util::stream::{LocalBoxStream, once};
use futures_util::{FutureExt as _, StreamExt as _};
use tracing::{Instrument as _, Span};

use super::super::answers::{is_executed, json};
use super::super::api::{Api, Prepared, Refused};
use super::super::asking::Asking;
use super::super::envelope::Envelope;
use super::super::errors::server_error;
use super::super::measures;
use super::writing::Frame;
use super::{frames, protocol};
use crate::app::App;
use crate::edge::{self, Permit, Trace};
use crate::problem::{Code, Problem};

/// What all operations of a connection work with.
pub(super) struct Connected {
    pub(super) request: HttpRequest,
    pub(super) app: web::Data<App>,
    pub(super) api: web::Data<Api>,
    /// The span of the handshake.
    pub(super) span: Span,
}

/// One of the operations of a connection, until nothing of it runs any more.
pub(super) struct Slot {
    _among: Rc<()>,
}

impl Slot {
    pub(super) fn of(all: &Rc<()>) -> Self {
        Self { _among: Rc::clone(all) }
    }
}

/// What comes of an operation. When no more comes, it is complete.
pub(super) enum Said {
    Answer(Frame),
    /// It is not executed, and says why.
    Refused(Frame),
    /// The caller's token proves nothing any more.
    Forbidden,
    /// An answer could not be made.
    Failed,
}

/// The answers of an operation.
pub(super) type Answers = LocalBoxStream<'static, Said>;

/// Begins an operation. `authorization` is what the client has said of its token.
pub(super) fn begin(
    at: &Rc<Connected>,
    authorization: Option<Rc<str>>,
    (id, slot): (String, Slot),
    envelope: Envelope,
) -> Answers {
    let (at, span) = (Rc::clone(at), at.span.clone());
    let starting = async move {
        let started = start(&at, authorization.as_deref(), (&id, slot), envelope).await;
        started.unwrap_or_else(|refused| once(async { refused }).boxed_local())
    };
    once(starting.instrument(span)).flatten().boxed_local()
}

async fn start(
    at: &Connected,
    authorization: Option<&str>,
    (id, slot): (&str, Slot),
    envelope: Envelope,
) -> Result<Answers, Said> {
    let caller = edge::caller_by(&at.request, authorization).await;
    let caller = caller.map_err(|problem| at.refused(id, &problem))?;
    let prepared = at.api.prepare(envelope);
    let Prepared { request: asked, kind, measure } =
        prepared.map_err(|Refused { error, .. }| refused(id, &[*error]))?;
    measures::cost(measure.cost);
    // A subscription waits more than it works, and has a limit of its own.
    let permit = if kind == OperationType::Subscription {
        None
    } else {
        let permit = edge::permit_beside(&at.request, &at.app, measure.reads_pages).await;
        Some(permit.map_err(|problem| at.refused(id, &problem))?)
    };
    let waited = permit.as_ref().map(Permit::waited).unwrap_or_default();
    let (orders, feed) = (at.app.http.orders.after(waited), at.app.http.feed.clone());
    let origin = at.request.extensions().get::<Trace>().map(Trace::origin).unwrap_or_default();
    let (held, values) = (permit.as_ref().map(Permit::held), at.api.settings.max_values);
    let asking = Arc::new(Asking::new(caller, orders, feed, origin, held, values));
    let asked = asked.data(Arc::clone(&asking));
    let id = id.to_owned();
    if kind == OperationType::Subscription {
        let responses = measures::of_stream(kind, at.api.stream(asked));
        return Ok(as_they_come(responses, asking, id, slot));
    }
    let (app, executing) = (at.app.clone(), measures::of_execution(kind, at.api.execute(asked)));
    let executed = async move {
        let response = executing.await;
        drop((permit, slot));
        answer(&app, kind, &id, &response)
    };
    // It runs to its end, and counts until then, also when the client goes away.
    let executed = actix_web::rt::spawn(executed.in_current_span());
    Ok(once(executed.map(|said| said.unwrap_or(Said::Failed))).boxed_local())
}

/// The answers of a subscription.
fn as_they_come(
    responses: impl futures_util::Stream<Item = Response> + 'static,
    asking: Arc<Asking>,
    id: String,
    slot: Slot,
) -> Answers {
    let responses = AssertUnwindSafe(responses).catch_unwind();
    let said = responses.map(move |response| match response {
        Ok(response) if is_executed(&response) => {
            Said::Answer(Frame::Small(frames::text(&protocol::next(&id, &json(&response)))))
        }
        Ok(response) => refused(&id, &response.errors),
        Err(_) => Said::Failed,
    });
    let end = async move {
        drop(slot);
        asking.is_cut().then_some(Said::Forbidden)
    };
    said.chain(once(end).filter_map(std::future::ready)).boxed_local()
}

/// The answer of what was executed at once. A large one counts against the budget of those that clients have not taken.
fn answer(app: &App, kind: OperationType, id: &str, response: &Response) -> Said {
    if !is_executed(response) {
        return refused(id, &response.errors);
    }
    let frame = frames::text(&protocol::next(id, &json(response)));
    match Frame::held(app, frame, kind == OperationType::Mutation) {
        Some(frame) => Said::Answer(frame),
        None => refused(id, &[server_error(&edge::no_room_for_answer(), None)]),
    }
}

fn refused(id: &str, errors: &[ServerError]) -> Said {
    Said::Refused(Frame::Small(frames::text(&protocol::error(id, errors))))
}

impl Connected {
    fn refused(&self, id: &str, problem: &Problem) -> Said {
        if problem.code() == Code::Unauthenticated {
            return Said::Forbidden;
        }
        let extensions = self.request.extensions();
        let request_id = extensions.get::<Trace>().map(|trace| trace.correlation_id.as_str());
        refused(id, &[server_error(problem, request_id)])
    }
}
