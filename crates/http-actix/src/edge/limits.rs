//! What the head of a request may be: how long its address, how large its headers.

use actix_web::dev::ServiceRequest;

use crate::problem::{Code, Problem};

/// The longest path with its query.
const LONGEST_URI: usize = 8 * 1024;
/// The most bytes of all header names and values together.
const MOST_HEADER_BYTES: usize = 32 * 1024;

/// Checks the head of a request.
pub(super) fn check(request: &ServiceRequest) -> Option<Problem> {
    let uri = request.uri().path_and_query();
    if uri.is_some_and(|uri| uri.as_str().len() > LONGEST_URI) {
        let detail = "The path and the query may have 8 KiB together.";
        return Some(Problem::new(Code::UriTooLong, detail));
    }
    let headers = request.headers().iter();
    let bytes = headers.fold(0_usize, |sum, (name, value)| {
        sum.saturating_add(name.as_str().len()).saturating_add(value.len())
    });
    (bytes > MOST_HEADER_BYTES).then(|| {
        let detail = "All headers may have 32 KiB together.";
        Problem::new(Code::HeadersTooLarge, detail)
    })
}
