//! GraphQL over WebSocket, by the protocol `graphql-transport-ws`, which many clients take by default. The handshake is here.

mod connection;
mod frames;
mod operation;
mod protocol;
mod writing;

use std::rc::Rc;

use actix_http::ws::{self, HandshakeError};
use actix_web::http::header::{
    AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, TRANSFER_ENCODING,
};
use actix_web::http::{StatusCode, Version};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, web};
use tracing::Span;

use self::connection::Connection;
use self::frames::Frames;
use self::operation::Connected;
use super::api::Api;
use crate::app::App;
use crate::edge::{self, RequestBody, Trace, refused};
use crate::problem::{Code, Problem};

/// `GET` on the path of WebSocket, with the offer of it. A token in the head is checked at once; without one it comes in the
/// first message, because scripts in browsers cannot send that header here.
pub(crate) async fn open(
    request: HttpRequest,
    app: web::Data<App>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    edge::refuse_strangers(&request, &app)?;
    let accept = accepted(&request)?;
    if app.http.lifecycle.is_draining() {
        return Err(refused(Code::Draining));
    }
    let has_token = request.headers().contains_key(AUTHORIZATION);
    if has_token {
        edge::caller_by(&request, None).await?;
    }
    let body = request.extensions().get::<RequestBody>().cloned().unwrap_or_default();
    let payload = body.reader().ok_or_else(|| wrong("Upgrade", "must be websocket"))?;
    // Each operation has a permit of its own.
    edge::give_back_permit(&request);
    let trace = request.extensions().get::<Trace>().map(|trace| trace.id.clone());
    let stopped = app.http.lifecycle.clone().drained();
    let at = Rc::new(Connected { request, app, api, span: Span::current() });
    let frames = Frames::of(payload);
    let connection = Connection::new(at, frames, has_token, stopped, trace.unwrap_or_default());
    let mut response = HttpResponse::build(StatusCode::SWITCHING_PROTOCOLS);
    response
        .upgrade("websocket")
        .insert_header((SEC_WEBSOCKET_ACCEPT, accept))
        .insert_header((SEC_WEBSOCKET_PROTOCOL, protocol::NAME));
    Ok(response.streaming(connection))
}

/// What answers the key of a handshake (RFC 6455, section 4.2.2).
fn accepted(request: &HttpRequest) -> Result<HeaderValue, Problem> {
    for (name, header) in
        [("Content-Length", CONTENT_LENGTH), ("Transfer-Encoding", TRANSFER_ENCODING)]
    {
        if request.headers().contains_key(header) {
            return Err(wrong(name, "has no place in a handshake"));
        }
    }
    if request.version() < Version::HTTP_11 {
        return Err(wrong("Upgrade", "needs HTTP/1.1"));
    }
    ws::verify_handshake(request.head()).map_err(|error| match error {
        HandshakeError::NoVersionHeader | HandshakeError::UnsupportedVersion => {
            wrong("Sec-WebSocket-Version", "must be 13")
        }
        HandshakeError::BadWebsocketKey => wrong("Sec-WebSocket-Key", "must be 16 bytes in Base64"),
        HandshakeError::GetMethodRequired
        | HandshakeError::NoWebsocketUpgrade
        | HandshakeError::NoConnectionUpgrade => wrong("Connection", "must be Upgrade"),
    })?;
    if !offers(request.headers()) {
        return Err(wrong("Sec-WebSocket-Protocol", "must offer graphql-transport-ws"));
    }
    let mut keys = request.headers().get_all(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes);
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return Err(wrong("Sec-WebSocket-Key", "must stand once"));
    };
    let accept = ws::hash_key(key);
    HeaderValue::from_bytes(&accept).map_err(|error| Problem::internal(&error))
}

fn offers(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(SEC_WEBSOCKET_PROTOCOL).filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|name| name.trim() == protocol::NAME)
}

fn wrong(header: &'static str, message: &'static str) -> Problem {
    Problem::bad_header(Code::InvalidParameter, header, message)
}
