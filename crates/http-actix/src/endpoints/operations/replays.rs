//! `/actuator/events/replays`: past events once more.

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse};
use order_app::operations::{Operator, ReplayJob};

use super::Call;
use crate::body::operations::{self as body, Replay, Replays};
use crate::problem::{Code, Problem};
use crate::request::Query;
use crate::schema::ReplayPath;

/// Publish past events once more
///
/// Only events that are published already, each order's in sequence, with the header `ce_replay`.
/// One replay runs at a time, on whichever instance; dry runs count for their instance only.
#[utoipa::path(
    post,
    path = "/actuator/events/replays",
    operation_id = "startReplay",
    tag = "events",
    request_body(content = ref("#/components/schemas/ReplayRequest"), content_type = "application/json"),
    responses((
        status = 202,
        description = "It has begun.",
        body = Replay,
        headers(("Location" = String, description = "Where to see how it stands.")),
    )),
)]
pub(crate) async fn start_replay(call: Call) -> Result<HttpResponse, Problem> {
    Query::refuse_any(&call.request)?;
    let bytes = call.body().await?;
    let plan = body::replay(&bytes)?;
    let start = async move |all: Operator| all.replays().start(plan).await;
    let job: ReplayJob = call.ask(start).await?;
    let location = format!("/actuator/events/replays/{}", job.id);
    let now = call.operations().await?.now();
    Ok(HttpResponse::Accepted().insert_header((LOCATION, location)).json(Replay::of(&job, now)))
}

/// List the replays of this instance, the newest first
#[utoipa::path(
    get,
    path = "/actuator/events/replays",
    operation_id = "listReplays",
    tag = "events",
    responses((status = 200, description = "The last 20 replays.", body = Replays)),
)]
pub(crate) async fn replays(call: Call) -> Result<HttpResponse, Problem> {
    Query::refuse_any(&call.request)?;
    let operations = call.operations().await?;
    let now = operations.now();
    let jobs = operations.replays().list();
    let replays = jobs.iter().map(|job| Replay::of(job, now)).collect();
    Ok(HttpResponse::Ok().json(Replays { replays }))
}

/// See how a replay stands
#[utoipa::path(
    get,
    path = "/actuator/events/replays/{replayId}",
    operation_id = "getReplay",
    tag = "events",
    params(ReplayPath),
    responses((status = 200, description = "The replay.", body = Replay)),
)]
pub(crate) async fn replay(call: Call) -> Result<HttpResponse, Problem> {
    Query::refuse_any(&call.request)?;
    let operations = call.operations().await?;
    let job = operations.replays().find(name(&call.request)).ok_or_else(not_found)?;
    Ok(HttpResponse::Ok().json(Replay::of(&job, operations.now())))
}

/// Stop a replay
///
/// Its `position` says where another one would go on. Safe to repeat.
#[utoipa::path(
    delete,
    path = "/actuator/events/replays/{replayId}",
    operation_id = "cancelReplay",
    tag = "events",
    params(ReplayPath),
    responses((status = 200, description = "The replay, which has ended.", body = Replay)),
)]
pub(crate) async fn cancel_replay(call: Call) -> Result<HttpResponse, Problem> {
    Query::refuse_any(&call.request)?;
    let id = name(&call.request).to_owned();
    let cancel = async move |all: Operator| all.replays().cancel(&id).await.ok_or_else(not_found);
    let job: ReplayJob = call.ask(cancel).await?;
    Ok(HttpResponse::Ok().json(Replay::of(&job, call.operations().await?.now())))
}

fn name(request: &HttpRequest) -> &str {
    request.match_info().get("replayId").unwrap_or_default()
}

fn not_found() -> Problem {
    let detail = "This instance knows no such replay; it remembers the last 20.";
    Problem::new(Code::ReplayNotFound, detail)
}
