//! Ids in the path.

use std::str::FromStr;

use actix_web::HttpRequest;
use order_domain::InvalidId;

use crate::problem::Problem;

/// The id under a name of the route's pattern.
pub(crate) fn id<T: FromStr<Err = InvalidId>>(
    request: &HttpRequest,
    name: &'static str,
) -> Result<T, Problem> {
    let text = request.match_info().get(name).unwrap_or_default();
    text.parse().map_err(|error: InvalidId| Problem::parameter(name, error.to_string()))
}
