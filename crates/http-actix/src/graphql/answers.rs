//! Answers as they are written, and how an operation has ended by its answer.

use async_graphql::{Response, ServerError, Value};
use serde::Serialize;

/// `data` is missing when nothing was executed.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [ServerError],
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
}

/// How an operation has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// Without an error, or the client has left before there was one.
    Success,
    /// Some of its fields have failed.
    Errors,
    /// It was not executed.
    Refused,
}

/// Whether a document was executed. What is refused before has no place in an answer.
pub(super) fn is_executed(response: &Response) -> bool {
    response.errors.is_empty() || response.errors.iter().any(|error| !error.path.is_empty())
}

/// How an operation has ended.
pub(super) fn outcome(response: &Response) -> Outcome {
    match (is_executed(response), response.errors.is_empty()) {
        (_, true) => Outcome::Success,
        (true, false) => Outcome::Errors,
        (false, false) => Outcome::Refused,
    }
}

/// An answer as JSON.
pub(super) fn json(response: &Response) -> Vec<u8> {
    let data = is_executed(response).then_some(&response.data);
    serde_json::to_vec(&Written { errors: &response.errors, data }).unwrap_or_default()
}
