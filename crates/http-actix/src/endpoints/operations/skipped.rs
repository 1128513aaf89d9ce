//! `GET /actuator/events/skipped`: the events that operators left out, and why.

use actix_web::HttpResponse;
use order_domain::{InvalidId, MAX_ID, OrderId};

use super::{Call, limit};
use crate::body::operations::SkippedEvents;
use crate::problem::Problem;
use crate::request::{Query, integer};
use crate::schema::SkippedQuery;

/// List skipped events, by order and sequence
#[utoipa::path(
    get,
    path = "/actuator/events/skipped",
    operation_id = "listSkippedEvents",
    tag = "events",
    params(SkippedQuery),
    responses((status = 200, description = "One page of skipped events.", body = SkippedEvents)),
)]
pub(crate) async fn skipped(call: Call) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&call.request)?;
    let order = query.one("orderId", |text| {
        text.parse::<OrderId>().map_err(|error: InvalidId| error.to_string())
    });
    let after = query.one("after", position);
    let limit = limit(&mut query);
    query.finish()?;
    let after = after.unwrap_or_default();
    let page = call.ask(async move |all| all.skipped(after, order, limit).await).await?;
    Ok(HttpResponse::Ok().json(SkippedEvents::from(&page)))
}

/// Where a page ends, as its `next` says.
fn position(text: &str) -> Result<(i64, i64), String> {
    let wrong = || "must be the `next` of a page".to_owned();
    let (order, sequence) = text.split_once('.').ok_or_else(wrong)?;
    let part = |text: &str| integer(text, 1, MAX_ID).map_err(|_| wrong());
    Ok((part(order)?, part(sequence)?))
}
