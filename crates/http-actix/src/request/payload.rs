//! The bytes of a JSON body: its content type, its size, and the time it may take to arrive.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue,
};
use actix_web::{HttpMessage as _, HttpRequest, web};
use futures_util::StreamExt as _;

use crate::app::App;
use crate::edge::{self, RequestBody};
use crate::problem::{Code, Problem};

/// The largest body.
const LARGEST: usize = 256 * 1024;
/// The names of UTF-8, and of ASCII, which is a part of it.
const CHARSETS: &[&str] = &["utf-8", "utf8", "us-ascii", "ascii"];
/// The longest word of a header that an answer repeats.
const LONGEST_SHOWN: usize = 64;
/// What is reserved before the client has sent anything.
const FIRST_RESERVE: usize = 1024;

/// Reads the whole body, then takes a permit for the request.
pub(crate) async fn json(request: &HttpRequest, app: &web::Data<App>) -> Result<Vec<u8>, Problem> {
    let bytes = read(request, *app.http.settings.body_deadline.get()).await?;
    edge::take_permit(request, app).await?;
    Ok(bytes)
}

async fn read(request: &HttpRequest, deadline: Duration) -> Result<Vec<u8>, Problem> {
    check_media(request.headers())
        .map_err(|detail| Problem::new(Code::UnsupportedMediaType, detail))?;
    if announced(request.headers()).is_some_and(|length| length > LARGEST) {
        return Err(too_large());
    }
    let body: Option<RequestBody> = request.extensions().get::<RequestBody>().cloned();
    let body = body.unwrap_or_default();
    let Some(mut payload) = body.reader() else {
        return Ok(Vec::new());
    };
    let length = body.is_unframed().then(|| announced(request.headers()).unwrap_or(0));
    let read = tokio::time::timeout(deadline, collect(&mut payload, length)).await;
    let read = read.unwrap_or_else(|_| {
        let detail = "The body did not arrive in time.";
        Err(Problem::new(Code::RequestTimeout, detail))
    });
    if read.is_err() || length.is_some() {
        body.put_back(payload);
    }
    read
}

/// Reads to the end, or up to a length.
async fn collect(payload: &mut Payload, length: Option<usize>) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::with_capacity(FIRST_RESERVE);
    while length.is_none_or(|length| bytes.len() < length) {
        let Some(chunk) = payload.next().await else { break };
        let chunk = chunk.map_err(|_| {
            Problem::new(Code::MalformedJson, "The body ends early or is badly framed.")
        })?;
        if bytes.len().saturating_add(chunk.len()) > LARGEST {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    bytes.truncate(length.unwrap_or(usize::MAX));
    Ok(bytes)
}

fn too_large() -> Problem {
    Problem::new(Code::PayloadTooLarge, "The body may have 256 KiB.")
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// `application/json` or `application/…+json`; with a charset, only UTF-8 or its part ASCII.
fn check_media(headers: &HeaderMap) -> Result<(), String> {
    let mut types = headers.get_all(CONTENT_TYPE);
    let text = match (types.next().map(HeaderValue::to_str), types.next()) {
        (Some(Ok(text)), None) => text,
        (None, _) => {
            return Err("The body has no content type; it must be application/json.".into());
        }
        _ => return Err("The body must have one content type, application/json.".into()),
    };
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let subtype = essence.strip_prefix("application/").unwrap_or_default();
    if subtype != "json" && (subtype.len() <= "+json".len() || !subtype.ends_with("+json")) {
        let named = shown(&essence);
        return Err(format!("The content type {named} is not taken; it must be application/json."));
    }
    let mut charsets = parts.filter_map(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let is_charset = name.trim().eq_ignore_ascii_case("charset");
        is_charset.then(|| value.trim().trim_matches('"'))
    });
    let is_known = |name: &&str| CHARSETS.iter().any(|known| known.eq_ignore_ascii_case(name));
    if let Some(other) = charsets.find(|name| !is_known(name)) {
        return Err(format!("The charset {} is not taken; it must be utf-8.", shown(other)));
    }
    let identity = |value: &&HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    match headers.get_all(CONTENT_ENCODING).find(|value| !identity(value)) {
        None => Ok(()),
        Some(other) => {
            let named = shown(other.to_str().unwrap_or_default());
            Err(format!("The content encoding {named} is not taken; send the body uncompressed."))
        }
    }
}

/// A word of a header as an answer may repeat it: only a token (RFC 9110, section 5.6.2) of usual length.
fn shown(text: &str) -> String {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~/".contains(&b);
    let fits = (1..=LONGEST_SHOWN).contains(&text.len()) && text.bytes().all(token);
    if fits { format!("`{text}`") } else { "sent".to_owned() }
}
