//! Request bodies that are not read to their end. The framework would read on for as long as the
//! client sends chunks. While this file holds the rest of the body, the framework closes the connection
//! instead, after a short time in which the client can read the answer.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::web::Bytes;
use actix_web::{HttpMessage as _, HttpResponse};

/// The body of the request that is being answered. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct RequestBody(Rc<RefCell<Option<Payload>>>);

impl RequestBody {
    pub(super) fn take(request: &mut ServiceRequest) -> Self {
        let body = match request.take_payload() {
            Payload::None => None,
            payload => Some(payload),
        };
        Self(Rc::new(RefCell::new(body)))
    }

    /// The body, to be read. A reader that stops early must [put it back](Self::put_back).
    pub(crate) fn reader(&self) -> Option<Payload> {
        self.0.borrow_mut().take()
    }

    pub(crate) fn put_back(&self, payload: Payload) {
        *self.0.borrow_mut() = Some(payload);
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
