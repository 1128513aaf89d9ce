//! The `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header-07).

use actix_web::HttpRequest;

use crate::problem::{Code, Problem};

const NAME: &str = "Idempotency-Key";
const LONGEST: usize = 255;

/// The key under which the request is executed once, if it has one.
pub(crate) fn key(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let mut values = request.headers().get_all(NAME);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    match (value.to_str().ok().and_then(read), values.next()) {
        (Some(key), None) => Ok(Some(key)),
        _ => Err(Problem::bad_header(
            Code::InvalidIdempotencyKey,
            NAME,
            "must stand once: 1 to 255 visible ASCII characters, bare or as a quoted string",
        )),
    }
}

/// The key of a bare or quoted (RFC 8941, section 3.3.3) value: `"abc"` and `abc` are the same.
fn read(value: &str) -> Option<String> {
    match value.strip_prefix('"') {
        None => bare(value),
        Some(rest) => bare(&unquote(rest.strip_suffix('"')?)?),
    }
}

/// A key that stands alone, if it is one.
pub(crate) fn bare(key: &str) -> Option<String> {
    let fits = (1..=LONGEST).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    fits.then(|| key.to_owned())
}

/// Undoes the escapes `\"` and `\\`. A bare quote or any other escape is an error.
fn unquote(inner: &str) -> Option<String> {
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return None,
            '\\' => out.push(chars.next().filter(|c| matches!(c, '"' | '\\'))?),
            c => out.push(c),
        }
    }
    Some(out)
}
