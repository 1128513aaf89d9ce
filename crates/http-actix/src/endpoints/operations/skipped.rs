//! `GET /actuator/events/skipped`: what somebody decided not to publish, and why.

use actix_web::{HttpRequest, HttpResponse, web};
use order_domain::{InvalidId, MAX_ID, OrderId};

use super::operations;
use super::parked::PAGE;
use crate::app::App;
use crate::body::operations::SkippedPageBody;
use crate::edge::run_to_end;
use crate::management::Management;
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
    responses((status = 200, description = "One page of skipped events.", body = SkippedPageBody)),
)]
pub(crate) async fn skipped(
    request: HttpRequest,
    app: web::Data<App>,
    management: web::Data<Management>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request)?;
    let order = query.one("orderId", |text| {
        text.parse::<OrderId>().map_err(|error: InvalidId| error.to_string())
    });
    let after = query.one("after", place);
    let limit = query.one("limit", |text| integer(text, 1, PAGE.0));
    query.finish()?;
    let limit = u32::try_from(limit.unwrap_or(PAGE.1)).unwrap_or(1);
    let operations = operations(&request, &app, &management)?;
    let page = async move { operations.skipped(after.unwrap_or_default(), order, limit).await };
    let page = run_to_end(&request, page).await?;
    Ok(HttpResponse::Ok().json(SkippedPageBody::from(&page)))
}

/// Where a page ends, as its `next` says.
fn place(text: &str) -> Result<(i64, i64), String> {
    let wrong = || "must be the `next` of a page".to_owned();
    let (order, sequence) = text.split_once('.').ok_or_else(wrong)?;
    let part = |text: &str| integer(text, 1, MAX_ID).map_err(|_| wrong());
    Ok((part(order)?, part(sequence)?))
}
