//! The bytes of a JSON body: its content type, its size, and the time it may take to arrive.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::{HttpMessage as _, HttpRequest, web};
use futures_util::StreamExt as _;

use crate::app::App;
use crate::edge::{self, RequestBody};
use crate::problem::{Code, Problem};

/// The largest body.
const LARGEST: usize = 256 * 1024;
/// What is reserved before the client has sent anything.
const FIRST_RESERVE: usize = 1024;

/// Reads the whole body, then takes a permit for the request.
pub(crate) async fn json(request: &HttpRequest, app: &web::Data<App>) -> Result<Vec<u8>, Problem> {
    let bytes = read(request, *app.http.settings.body_deadline.get()).await?;
    edge::take_permit(request, app)?;
    Ok(bytes)
}

async fn read(request: &HttpRequest, deadline: Duration) -> Result<Vec<u8>, Problem> {
    if !is_json(request.headers()) {
        let detail =
            "The body must have the content type application/json, in UTF-8, uncompressed.";
        return Err(Problem::new(Code::UnsupportedMediaType, detail));
    }
    if announced(request.headers()).is_some_and(|length| length > LARGEST) {
        return Err(too_large());
    }
    let body: Option<RequestBody> = request.extensions().get::<RequestBody>().cloned();
    let body = body.unwrap_or_default();
    let Some(mut payload) = body.reader() else {
        return Ok(Vec::new());
    };
    let read = tokio::time::timeout(deadline, collect(&mut payload)).await;
    let read = read.unwrap_or_else(|_| {
        let detail = "The body did not arrive in time.";
        Err(Problem::new(Code::RequestTimeout, detail))
    });
    if read.is_err() {
        body.put_back(payload);
    }
    read
}

async fn collect(payload: &mut Payload) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::with_capacity(FIRST_RESERVE);
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| {
            Problem::new(Code::MalformedJson, "The body ends early or is badly framed.")
        })?;
        if bytes.len().saturating_add(chunk.len()) > LARGEST {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn too_large() -> Problem {
    Problem::new(Code::PayloadTooLarge, "The body may have 256 KiB.")
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// `application/json` or `application/…+json`; with a charset, only UTF-8.
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE);
    let (Some(value), None) = (types.next(), types.next()) else {
        return false;
    };
    let Ok(text) = value.to_str() else {
        return false;
    };
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let subtype = essence.strip_prefix("application/").unwrap_or_default();
    let charset_fits = |parameter: &str| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        !name.trim().eq_ignore_ascii_case("charset")
            || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    };
    let identity = |value: &actix_web::http::header::HeaderValue| {
        value.as_bytes().eq_ignore_ascii_case(b"identity")
    };
    (subtype == "json" || subtype.len() > "+json".len() && subtype.ends_with("+json"))
        && parts.all(charset_fits)
        && headers.get_all(CONTENT_ENCODING).all(identity)
}
