//! The `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header-07).

use actix_web::HttpRequest;
use order_app::idempotency::{Fingerprint, IdempotencyKey, Operation};
use order_app::orders::Once;

use crate::problem::{Code, Problem};

const NAME: &str = "Idempotency-Key";
/// Everybody, as long as nobody logs in.
const CALLER: &str = "anonymous";
const LONGEST: usize = 255;

/// The wish that the request be executed once, if it was sent; only then is the fingerprint taken.
pub(crate) fn once(
    request: &HttpRequest,
    operation: Operation,
    fingerprint: impl FnOnce() -> Fingerprint,
) -> Result<Option<Once>, Problem> {
    let mut values = request.headers().get_all(NAME);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let key = value.to_str().ok().and_then(key);
    match (key, values.next()) {
        (Some(key), None) => Ok(Some(Once {
            key: IdempotencyKey { caller: CALLER.to_owned(), operation, key },
            fingerprint: fingerprint(),
        })),
        _ => Err(Problem::bad_header(
            Code::InvalidIdempotencyKey,
            NAME,
            "must stand once: 1 to 255 visible ASCII characters, bare or as a quoted string",
        )),
    }
}

/// The key of a bare or quoted (RFC 8941, section 3.3.3) value: `"abc"` and `abc` are the same.
fn key(value: &str) -> Option<String> {
    let key = match value.strip_prefix('"') {
        None => value.to_owned(),
        Some(rest) => unquote(rest.strip_suffix('"')?)?,
    };
    let fits = (1..=LONGEST).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    fits.then_some(key)
}

/// Undoes the escapes `\"` and `\\`; a bare quote or any other escape is no quoted string.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_key_and_a_bare_one_are_the_same() {
        assert_eq!(key("abc"), Some("abc".to_owned()));
        assert_eq!(key("\"abc\""), Some("abc".to_owned()));
        assert_eq!(key(r#""a\"b\\c""#), Some(r#"a"b\c"#.to_owned()));
        assert_eq!(key(&"k".repeat(255)).map(|key| key.len()), Some(255));
    }

    #[test]
    fn anything_else_is_no_key() {
        let long = "k".repeat(256);
        for wrong in
            ["", "\"\"", "\"", "\"abc", "a b", "ä", "\"a\"b\"", r#""a\n""#, r#""a\""#, &long]
        {
            assert_eq!(key(wrong), None, "{wrong}");
        }
    }
}
