//! `/actuator/events/parked`: orders that cannot be published for now.

use actix_web::{HttpRequest, HttpResponse, web};
use order_app::ports::SHARDS;
use order_domain::{MAX_ID, OrderId};

use super::{operations, wired};
use crate::app::App;
use crate::body::operations::{
    self as body, InspectionBody, ParkedPageBody, RedrivenBody, SkipBody, SkippedBody,
};
use crate::edge::run_to_end;
use crate::management::Management;
use crate::problem::Problem;
use crate::request::{self, Query, integer};
use crate::schema::{ParkedPath, ParkedQuery};

/// What a page holds at most, and when nobody says otherwise.
pub(super) const PAGE: (i64, i64) = (500, 100);

/// List parked orders, by their ids
#[utoipa::path(
    get,
    path = "/actuator/events/parked",
    operation_id = "listParkedOrders",
    tag = "events",
    params(ParkedQuery),
    responses((status = 200, description = "One page of parked orders.", body = ParkedPageBody)),
)]
pub(crate) async fn parked(
    request: HttpRequest,
    app: web::Data<App>,
    management: web::Data<Management>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request)?;
    let last = i64::from(SHARDS).saturating_sub(1);
    let shard = query.one("shard", |text| integer(text, 0, last));
    let after = query.one("after", |text| integer(text, 0, MAX_ID));
    let limit = query.one("limit", |text| integer(text, 1, PAGE.0));
    query.finish()?;
    let shard = shard.and_then(|shard| u16::try_from(shard).ok());
    let limit = u32::try_from(limit.unwrap_or(PAGE.1)).unwrap_or(1);
    let operations = operations(&request, &app, &management)?;
    let page = async move { operations.parked(after.unwrap_or(0), shard, limit).await };
    let page = run_to_end(&request, page).await?;
    Ok(HttpResponse::Ok().json(ParkedPageBody::from(&page)))
}

/// Look into a parked order
///
/// Why it is parked, and its events that wait.
#[utoipa::path(
    get,
    path = "/actuator/events/parked/{orderId}",
    operation_id = "getParkedOrder",
    tag = "events",
    params(ParkedPath),
    responses((status = 200, description = "The order and what waits.", body = InspectionBody)),
)]
pub(crate) async fn inspect(
    request: HttpRequest,
    app: web::Data<App>,
    management: web::Data<Management>,
) -> Result<HttpResponse, Problem> {
    Query::refuse_any(&request)?;
    let order: OrderId = request::id(&request, "orderId")?;
    let operations = operations(&request, &app, &management)?;
    let found = run_to_end(&request, async move { operations.inspect(order).await }).await?;
    Ok(HttpResponse::Ok().json(InspectionBody::from(&found)))
}

/// Have a parked order published again
///
/// Its events are published in sequence by whoever publishes its shard, soon. Safe to repeat.
#[utoipa::path(
    post,
    path = "/actuator/events/parked/{orderId}/redrive",
    operation_id = "redriveOrder",
    tag = "events",
    params(ParkedPath),
    responses((status = 202, description = "It was asked for.", body = RedrivenBody)),
)]
pub(crate) async fn redrive(
    request: HttpRequest,
    app: web::Data<App>,
    management: web::Data<Management>,
) -> Result<HttpResponse, Problem> {
    Query::refuse_any(&request)?;
    let order: OrderId = request::id(&request, "orderId")?;
    let operations = operations(&request, &app, &management)?;
    run_to_end(&request, async move { operations.redrive(order).await }).await?;
    Ok(HttpResponse::Accepted().json(RedrivenBody::one()))
}

/// Have all parked orders published again
///
/// As many as can be asked for in a few seconds; `more` says whether to ask again. Safe to repeat.
#[utoipa::path(
    post,
    path = "/actuator/events/parked/redrive",
    operation_id = "redriveAllOrders",
    tag = "events",
    responses((status = 202, description = "They were asked for.", body = RedrivenBody)),
)]
pub(crate) async fn redrive_all(
    request: HttpRequest,
    app: web::Data<App>,
    management: web::Data<Management>,
) -> Result<HttpResponse, Problem> {
    Query::refuse_any(&request)?;
    let operations = operations(&request, &app, &management)?;
    let done = run_to_end(&request, async move { operations.redrive_all().await }).await?;
    Ok(HttpResponse::Accepted().json(RedrivenBody::from(done)))
}

/// Leave out the first waiting event of a parked order, for ever
///
/// The reason is recorded, and the rest of the order is published. With its `sequence`, the event
/// is skipped once however often the request comes, and no other one in its place.
#[utoipa::path(
    post,
    path = "/actuator/events/parked/{orderId}/skip",
    operation_id = "skipEvent",
    tag = "events",
    params(ParkedPath),
    request_body(content = SkipBody, content_type = "application/json"),
    responses((status = 202, description = "The event is skipped.", body = SkippedBody)),
)]
pub(crate) async fn skip(
    request: HttpRequest,
    app: web::Data<App>,
    management: web::Data<Management>,
) -> Result<HttpResponse, Problem> {
    let bytes = request::json(&request, &app).await?;
    Query::refuse_any(&request)?;
    let order: OrderId = request::id(&request, "orderId")?;
    let (sequence, reason) = body::skip(&bytes)?;
    let operations = wired(&management)?;
    let skip = async move { operations.skip(order, sequence, &reason).await };
    let skipped = run_to_end(&request, skip).await?;
    Ok(HttpResponse::Accepted().json(SkippedBody::from(&skipped)))
}
