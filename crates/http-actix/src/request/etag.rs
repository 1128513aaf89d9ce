//! Entity tags (RFC 9110, section 8.8): an order's is its version, strong.

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use order_domain::Version;

use crate::problem::{Code, Problem};

/// What a conditional header lists.
#[derive(Debug, PartialEq, Eq)]
enum Tags<'a> {
    Any,
    These(Vec<Tag<'a>>),
}

#[derive(Debug, PartialEq, Eq)]
struct Tag<'a> {
    weak: bool,
    opaque: &'a str,
}

/// The versions that `If-Match` accepts; `None` when any will do. Tags that we never gave, and weak
/// ones, match nothing.
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

/// Whether `If-None-Match` says that the client has this version already.
pub(crate) fn is_unmodified(request: &HttpRequest, version: Version) -> Result<bool, Problem> {
    let Some(text) = joined(request, &IF_NONE_MATCH, "If-None-Match")? else {
        return Ok(false);
    };
    match tags(&text) {
        None => Err(malformed("If-None-Match")),
        Some(Tags::Any) => Ok(true),
        Some(Tags::These(tags)) => Ok(tags.iter().any(|tag| tag.version() == Some(version))),
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
/// empty list matches nothing: a condition that was sent must never count as none.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_tags_are_read() {
        assert_eq!(tags(" * "), Some(Tags::Any));
        for empty in ["", ",", " , "] {
            assert_eq!(tags(empty), Some(Tags::These(vec![])), "{empty}");
        }
        let three = Tag { weak: false, opaque: "3" };
        assert_eq!(tags("\"3\""), Some(Tags::These(vec![three])));
        let Some(Tags::These(several)) = tags("\"3\", W/\"4\" ,,\"a,b\",\"\"") else {
            panic!("a list");
        };
        let spelled: Vec<_> = several.iter().map(|tag| (tag.weak, tag.opaque)).collect();
        assert_eq!(spelled, [(false, "3"), (true, "4"), (false, "a,b"), (false, "")]);
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        for wrong in ["3", "\"3", "w/\"3\"", "\"3\" \"4\"", "*,\"3\"", "\"a b\""] {
            assert_eq!(tags(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_our_own_spelling_is_a_version() {
        let version = |opaque| Tag { weak: false, opaque }.version();
        assert_eq!(version("3"), Version::new(3).ok());
        for foreign in ["", "03", "0", "-1", "+3", "abc", "99999999999999999999"] {
            assert_eq!(version(foreign), None, "{foreign}");
        }
    }
}
