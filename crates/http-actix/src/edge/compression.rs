//! Compresses answers for clients that accept gzip, by Tomcat's rules, which Spring Boot's settings are about:
//! whole bodies of the set types and size. Two kinds stay as they are. Answers with a strong `ETag`
//! (single orders, and what is recorded for repetitions) are equal byte for byte. Streams are sent as
//! they come.

use std::io::Write as _;

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::body::{BoxBody, MessageBody as _};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, VARY,
};
use actix_web::web::Bytes;
use flate2::Compression as Level;
use flate2::write::GzEncoder;

use crate::app::{App, Compression};

/// The answer as this client gets it.
pub(super) fn compressed(request: &HttpRequest, app: &App, response: HttpResponse) -> HttpResponse {
    let Some(compression) = &app.http.settings.compression else { return response };
    if !fits(compression, &response) {
        return response;
    }
    let accepts = accepts_gzip(request.headers());
    let mut is_compressed = false;
    let mut response = response.map_body(|_, body| {
        let body = match body.try_into_bytes() {
            Ok(body) => body,
            Err(body) => return body,
        };
        let smaller = accepts.then(|| gzip(&body)).flatten();
        is_compressed = smaller.is_some();
        BoxBody::new(smaller.unwrap_or(body))
    });
    let headers = response.headers_mut();
    // Caches must know, whichever form this client got.
    headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    if is_compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn fits(compression: &Compression, response: &HttpResponse) -> bool {
    let headers = response.headers();
    let has_own = [ETAG, CONTENT_ENCODING].iter().any(|name| headers.contains_key(name));
    let content = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content.and_then(|content| content.split(';').next()).unwrap_or_default().trim();
    let is_large = match response.body().size() {
        actix_web::body::BodySize::Sized(size) => {
            usize::try_from(size).is_ok_and(|size| size >= compression.least)
        }
        _ => false,
    };
    let is_of_type = compression.types.iter().any(|set| set.eq_ignore_ascii_case(essence));
    response.status() == StatusCode::OK && is_large && is_of_type && !has_own
}

/// Whether `Accept-Encoding` (RFC 9110) takes gzip: by its name, or by `*`, with a weight above 0.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let all = headers.get_all(ACCEPT_ENCODING).filter_map(|value| value.to_str().ok());
    let mut by_star = None;
    for coding in all.flat_map(|text| text.split(',')) {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().to_ascii_lowercase();
        let is_wanted = weight
            .strip_prefix("q=")
            .is_none_or(|weight| weight.trim().parse::<f32>().is_ok_and(|weight| weight > 0.0));
        match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => return is_wanted,
            "*" => by_star = Some(is_wanted),
            _ => {}
        }
    }
    by_star.unwrap_or(false)
}

fn gzip(body: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_by_its_name_or_by_a_star_and_not_with_weight_0() {
        for (text, expected) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("*", true),
            ("identity, *;q=0.1", true),
            ("gzip;q=0", false),
            ("gzip;q=0.000, *", false),
            ("*;q=0", false),
            ("gzip;q=x", false),
            ("br", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_str(text).unwrap());
            assert_eq!(accepts_gzip(&headers), expected, "{text}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
