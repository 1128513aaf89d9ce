//! Request bodies that are not read to their end. The framework would read on for as long as the
//! client sends chunks. While this file holds the rest of the body, the framework closes the connection
//! instead, after a short time in which the client can read the answer.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, RequestHead, ServiceRequest};
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, TRANSFER_ENCODING, UPGRADE};
use actix_web::web::Bytes;
use actix_web::{HttpMessage as _, HttpResponse};

/// The body of the request that is being answered. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct RequestBody {
    rest: Rc<RefCell<Option<Payload>>>,
    is_unframed: bool,
}

impl RequestBody {
    pub(super) fn take(request: &mut ServiceRequest) -> Self {
        let rest = match request.take_payload() {
            Payload::None => None,
            payload => Some(payload),
        };
        let is_unframed = rest.is_some() && is_unframed(request.head());
        Self { rest: Rc::new(RefCell::new(rest)), is_unframed }
    }

    /// Whether the framework takes all that comes on the connection for the body. The body itself is as long as its
    /// `Content-Length` says, and empty without it (RFC 9112, section 6.3).
    pub(crate) fn is_unframed(&self) -> bool {
        self.is_unframed
    }

    /// The body, to be read. A reader that stops early must [put it back](Self::put_back).
    pub(crate) fn reader(&self) -> Option<Payload> {
        self.rest.borrow_mut().take()
    }

    pub(crate) fn put_back(&self, payload: Payload) {
        *self.rest.borrow_mut() = Some(payload);
    }

    /// Keeps the rest of the body for as long as the answer is being sent.
    pub(super) fn close_if_unread(&self, response: HttpResponse) -> HttpResponse {
        match self.reader() {
            None => response,
            Some(unread) => {
                response.map_body(|_, body| BoxBody::new(Holding { body, _unread: unread }))
            }
        }
    }
}

/// The framework expects the bytes of another protocol behind these heads.
fn is_unframed(head: &RequestHead) -> bool {
    head.method == Method::CONNECT
        || (offers_websocket(head.headers()) && !head.headers().contains_key(TRANSFER_ENCODING))
}

/// Whether a client offers to go on by WebSocket.
pub(crate) fn offers_websocket(headers: &HeaderMap) -> bool {
    headers
        .get_all(UPGRADE)
        .any(|value| value.to_str().is_ok_and(|text| text.trim().eq_ignore_ascii_case("websocket")))
}

struct Holding {
    body: BoxBody,
    _unread: Payload,
}

impl MessageBody for Holding {
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
