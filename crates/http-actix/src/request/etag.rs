//! Entity tags (RFC 9110, section 8.8): an order's is its version, a saga's its revision; both are strong.

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use order_domain::Version;

use crate::problem::{Code, Problem};

/// What a conditional header lists.
enum Tags<'a> {
    Any,
    These(Vec<Tag<'a>>),
}

struct Tag<'a> {
    weak: bool,
    opaque: &'a str,
}

/// The versions that `If-Match` accepts; `None` accepts all. Weak tags, and tags that are not versions,
/// match nothing.
pub(crate) fn expected_versions(request: &HttpRequest) -> Result<Option<Vec<Version>>, Problem> {
    let Some(text) = joined(request, &IF_MATCH, "If-Match")? else {
        return Ok(None);
    };
    match tags(&text) {
        None => Err(malformed("If-Match")),
        Some(Tags::Any) => Ok(None),
        Some(Tags::These(tags)) => {
            Ok(Some(tags.iter().filter(|tag| !tag.weak).filter_map(Tag::version).collect()))
        }
    }
}

/// The one revision that `If-Match` must name. `None` when its tag is weak or none of ours: it matches nothing.
pub(crate) fn expected_revision(request: &HttpRequest) -> Result<Option<Version>, Problem> {
    let text = joined(request, &IF_MATCH, "If-Match")?;
    if let Some(Tags::These(found)) = text.as_deref().and_then(tags)
        && let [tag] = found.as_slice()
    {
        return Ok(tag.version().filter(|_| !tag.weak));
    }
    // Without the header, and with `*`, an action could meet a saga that its operator has not looked at.
    let message = "must be the ETag of the saga as it was looked at, such as \"3\"";
    Err(Problem::bad_header(Code::InvalidParameter, "If-Match", message))
}

/// Whether `If-None-Match` says that the client has this version already, or this revision.
pub(crate) fn is_unmodified(request: &HttpRequest, version: i64) -> Result<bool, Problem> {
    let Some(text) = joined(request, &IF_NONE_MATCH, "If-None-Match")? else {
        return Ok(false);
    };
    match tags(&text) {
        None => Err(malformed("If-None-Match")),
        Some(Tags::Any) => Ok(true),
        Some(Tags::These(tags)) => {
            Ok(tags.iter().any(|tag| tag.version().is_some_and(|tag| tag.get() == version)))
        }
    }
}

impl Tag<'_> {
    fn version(&self) -> Option<Version> {
        let digits = self.opaque.bytes().all(|b| b.is_ascii_digit());
        let plain = digits && !self.opaque.starts_with('0');
        let number = plain.then(|| self.opaque.parse().ok()).flatten()?;
        Version::new(number).ok()
    }
}

/// The lines of a list header, as one.
fn joined(
    request: &HttpRequest,
    name: &HeaderName,
    spelled: &'static str,
) -> Result<Option<String>, Problem> {
    let mut lines = Vec::new();
    for line in request.headers().get_all(name) {
        lines.push(line.to_str().map_err(|_| malformed(spelled))?);
    }
    Ok((!lines.is_empty()).then(|| lines.join(",")))
}

fn malformed(name: &'static str) -> Problem {
    let message = "must be * or a list of entity tags such as \"3\"";
    Problem::bad_header(Code::InvalidParameter, name, message)
}

/// `*` or `#entity-tag`; empty list elements are ignored, as RFC 9110, section 5.6.1 asks, and an
/// empty list matches nothing: a condition that was sent is never ignored.
fn tags(text: &str) -> Option<Tags<'_>> {
    let mut rest = text.trim_matches([' ', '\t']);
    if rest == "*" {
        return Some(Tags::Any);
    }
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            break;
        }
        let weak = rest.starts_with("W/");
        let quoted = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"')?;
        let (opaque, after) = quoted.split_once('"')?;
        // etagc: visible ASCII without the quote (to_str has refused the rest), no space.
        opaque.bytes().all(|b| b.is_ascii_graphic()).then_some(())?;
        found.push(Tag { weak, opaque });
        rest = after.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
    Some(Tags::These(found))
}
