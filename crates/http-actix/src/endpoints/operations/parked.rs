//! `/actuator/events/parked`: orders that cannot be published for now; and `/actuator/events/skipped`:
//! the events that operators left out.

use actix_web::HttpResponse;
use order_app::operations::Operator;
use order_app::ports::SHARDS;
use order_domain::{InvalidId, MAX_ID, OrderId};

use super::{Call, limit};
use crate::body::operations::{
    self as body, ParkedOrderDetails, ParkedOrders, RedrivenOrders, SkippedEvent, SkippedEvents,
};
use crate::problem::Problem;
use crate::request::{Query, integer};
use crate::schema::{ParkedPath, ParkedQuery, SkippedQuery};

/// List parked orders, by their ids
#[utoipa::path(
    get,
    path = "/actuator/events/parked",
    operation_id = "listParkedOrders",
    tag = "events",
    params(ParkedQuery),
    responses((status = 200, description = "One page of parked orders.", body = ParkedOrders)),
)]
pub(crate) async fn parked(call: Call) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&call.request)?;
    let last = i64::from(SHARDS).saturating_sub(1);
    let shard = query.one("shard", |text| integer(text, 0, last));
    let after = query.one("after", |text| integer(text, 0, MAX_ID));
    let limit = limit(&mut query);
    query.finish()?;
    let (after, shard) = (after.unwrap_or(0), shard.and_then(|shard| u16::try_from(shard).ok()));
    let page = call.ask(async move |all| all.parked(after, shard, limit).await).await?;
    Ok(HttpResponse::Ok().json(ParkedOrders::from(&page)))
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
    responses((status = 200, description = "The order and what waits.", body = ParkedOrderDetails)),
)]
pub(crate) async fn inspect(call: Call) -> Result<HttpResponse, Problem> {
    let order: OrderId = call.id("orderId")?;
    let found = call.ask(async move |operations| operations.inspect(order).await).await?;
    Ok(HttpResponse::Ok().json(ParkedOrderDetails::from(&found)))
}

/// Have a parked order published again
///
/// The instance that publishes its shard publishes its events in sequence, soon. Safe to repeat.
#[utoipa::path(
    post,
    path = "/actuator/events/parked/{orderId}/redrive",
    operation_id = "redriveOrder",
    tag = "events",
    params(ParkedPath),
    responses((status = 202, description = "It was asked for.", body = RedrivenOrders)),
)]
pub(crate) async fn redrive(call: Call) -> Result<HttpResponse, Problem> {
    let order: OrderId = call.id("orderId")?;
    call.ask(async move |operations| operations.redrive(order).await).await?;
    Ok(HttpResponse::Accepted().json(RedrivenOrders::one()))
}

/// Have all parked orders published again
///
/// As many as can be asked for in a few seconds; `more` says whether to ask again. Safe to repeat.
#[utoipa::path(
    post,
    path = "/actuator/events/parked/redrive",
    operation_id = "redriveAllOrders",
    tag = "events",
    responses((status = 202, description = "They were asked for.", body = RedrivenOrders)),
)]
pub(crate) async fn redrive_all(call: Call) -> Result<HttpResponse, Problem> {
    Query::refuse_any(&call.request)?;
    let done = call.ask(async |operations| operations.redrive_all().await).await?;
    Ok(HttpResponse::Accepted().json(RedrivenOrders::from(done)))
}

/// Leave out the first waiting event of a parked order, for ever
///
/// The reason is recorded, and the rest of the order is published. With its `sequence`, the event
/// is skipped once however often the request comes, and no other one is.
#[utoipa::path(
    post,
    path = "/actuator/events/parked/{orderId}/skip",
    operation_id = "skipEvent",
    tag = "events",
    params(ParkedPath),
    request_body(content = ref("#/components/schemas/SkipRequest"), content_type = "application/json"),
    responses((status = 202, description = "The event is skipped.", body = SkippedEvent)),
)]
pub(crate) async fn skip(call: Call) -> Result<HttpResponse, Problem> {
    let order: OrderId = call.id("orderId")?;
    let bytes = call.body().await?;
    let asked = body::skip(&bytes)?;
    let skip = async move |all: Operator| all.skip(order, asked.sequence, &asked.reason).await;
    let skipped = call.ask(skip).await?;
    Ok(HttpResponse::Accepted().json(SkippedEvent::from(&skipped)))
}

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
