//! What is beyond a limit: a document, or an answer.

use async_graphql::{Error, ErrorExtensions as _};

const QUERY_TOO_EXPENSIVE: &str = "query_too_expensive";

/// The error that tells it; `limit` is the end of the setting's name.
pub(super) fn too_expensive(limit: &'static str, most: usize, told: &str) -> Error {
    metrics::counter!("order_graphql_refused_total", "limit" => limit).increment(1);
    Error::new(told).extend_with(|_, extensions| {
        extensions.set("code", QUERY_TOO_EXPENSIVE);
        extensions.set("limit", limit);
        extensions.set("most", i64::try_from(most).unwrap_or(i64::MAX));
    })
}
