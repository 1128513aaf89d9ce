//! The requests on a connection tell it when they begin, when their bodies have come, and when their answers are
//! written.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::ConnectionType;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;
use actix_web::{Error, HttpMessage as _, HttpRequest};
use futures_util::Stream;

use super::state::State;

/// Whether a request has come on a connection above the share of its port, which is for probes.
pub(crate) fn is_above_share(request: &ServiceRequest) -> bool {
    request.conn_data::<Rc<State>>().is_some_and(|state| state.is_above_share)
}

/// A connection that speaks another protocol, while it does.
pub(crate) struct Upgraded(Option<Rc<State>>);

impl Upgraded {
    /// That of the request that has offered the protocol.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        Self(request.conn_data::<Rc<State>>().map(Rc::clone))
    }

    /// Notes that the protocol has ended on both sides: the library then does not wait for more of the client.
    pub(crate) fn ends(&self) {
        if let Some(state) = &self.0 {
            state.end();
        }
    }

    /// Notes whether it waits for its client. Then it makes room for others where there is none, as one without a request does.
    pub(crate) fn rests(&self, rests: bool) {
        if let Some(state) = &self.0 {
            state.rest(rests);
        }
    }
}

/// Answers a request.
pub(crate) async fn serve<F>(
    mut request: ServiceRequest,
    answer: impl FnOnce(ServiceRequest) -> F,
) -> Result<ServiceResponse<Answer>, Error>
where
    F: Future<Output = Result<ServiceResponse<BoxBody>, Error>>,
{
    let asked = request.conn_data::<Rc<State>>().map(|state| Asked(Rc::clone(state)));
    if let Some(Asked(state)) = &asked {
        if request.head().expect() {
            state.ask_first();
        }
        match request.take_payload() {
            Payload::None => state.asked(false),
            payload => {
                state.asked(true);
                let incoming = Incoming { payload, state: Rc::clone(state) };
                request.set_payload(Payload::Stream { payload: Box::pin(incoming) });
            }
        }
    }
    let mut response = answer(request).await?;
    if let Some(Asked(state)) = &asked {
        let ends = response.response().extensions().contains::<Ends>();
        let head = response.response_mut().head_mut();
        if state.is_above_share {
            head.set_connection_type(ConnectionType::Close);
        }
        let kind = head.headers().get(CONTENT_TYPE);
        let is_stream = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        if is_stream && !ends {
            state.streams();
        }
    }
    Ok(response.map_body(|_, body| Answer { body, _asked: asked }))
}

/// Marks a stream of events that has all there is to send, and is taken as fast as other answers.
pub(crate) struct Ends;

/// A request that is not answered yet.
struct Asked(Rc<State>);

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.answered();
    }
}

/// The body of an answer.
pub(crate) struct Answer {
    body: BoxBody,
    _asked: Option<Asked>,
}

impl MessageBody for Answer {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(cx)
    }
}

/// The body of a request.
struct Incoming {
    payload: Payload,
    state: Rc<State>,
}

impl Stream for Incoming {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let next = ready!(Pin::new(&mut this.payload).poll_next(cx));
        match &next {
            Some(Ok(content)) => this.state.read_content(content.len()),
            Some(Err(_)) | None => this.state.read_to_end(),
        }
        Poll::Ready(next)
    }
}
