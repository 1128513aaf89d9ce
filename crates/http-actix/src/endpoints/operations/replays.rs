//! `/actuator/events/replays`: past events once more.

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use order_app::operations::ReplayJob;

use super::{operations, wired};
use crate::app::App;
use crate::body::operations::{self as body, ReplayBody, ReplayRequestBody, ReplaysBody};
use crate::edge::run_to_end;
use crate::management::Management;
use crate::problem::{Code, Problem};
use crate::request::{self, Query};
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
    request_body(content = ReplayRequestBody, content_type = "application/json"),
    responses((
        status = 202,
        description = "It has begun.",
        body = ReplayBody,
        headers(("Location" = String, description = "Where to see how it stands.")),
    )),
)]
pub(crate) async fn start_replay(
    request: HttpRequest,
    app: web::Data<App>,
    management: web::Data<Management>,
) -> Result<HttpResponse, Problem> {
    let bytes = request::json(&request, &app).await?;
    Query::refuse_any(&request)?;
    let plan = body::replay(&bytes)?;
    let operations = wired(&management)?;
    let asked = operations.clone();
    let start = async move { asked.replays().start(plan).await };
    let job: ReplayJob = run_to_end(&request, start).await?;
    let location = format!("/actuator/events/replays/{}", job.id);
    let now = operations.now();
    Ok(HttpResponse::Accepted().insert_header((LOCATION, location)).json(ReplayBody::of(&job, now)))
}

/// List the replays of this instance, the newest first
#[utoipa::path(
    get,
    path = "/actuator/events/replays",
    operation_id = "listReplays",
    tag = "events",
    responses((status = 200, description = "The last 20 replays.", body = ReplaysBody)),
)]
pub(crate) async fn replays(
    request: HttpRequest,
    app: web::Data<App>,
    management: web::Data<Management>,
) -> Result<HttpResponse, Problem> {
    Query::refuse_any(&request)?;
    let operations = operations(&request, &app, &management)?;
    let now = operations.now();
    let jobs = operations.replays().list();
    let replays = jobs.iter().map(|job| ReplayBody::of(job, now)).collect();
    Ok(HttpResponse::Ok().json(ReplaysBody { replays }))
}

/// See how a replay stands
#[utoipa::path(
    get,
    path = "/actuator/events/replays/{replayId}",
    operation_id = "getReplay",
    tag = "events",
    params(ReplayPath),
    responses((status = 200, description = "The replay.", body = ReplayBody)),
)]
pub(crate) async fn replay(
    request: HttpRequest,
    app: web::Data<App>,
    management: web::Data<Management>,
) -> Result<HttpResponse, Problem> {
    Query::refuse_any(&request)?;
    let operations = operations(&request, &app, &management)?;
    let job = operations.replays().find(name(&request)).ok_or_else(not_found)?;
    Ok(HttpResponse::Ok().json(ReplayBody::of(&job, operations.now())))
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
    responses((status = 200, description = "The replay, which has ended.", body = ReplayBody)),
)]
pub(crate) async fn cancel_replay(
    request: HttpRequest,
    app: web::Data<App>,
    management: web::Data<Management>,
) -> Result<HttpResponse, Problem> {
    Query::refuse_any(&request)?;
    let operations = operations(&request, &app, &management)?;
    let (asked, id) = (operations.clone(), name(&request).to_owned());
    let cancel = async move { asked.replays().cancel(&id).await.ok_or_else(not_found) };
    let job: ReplayJob = run_to_end(&request, cancel).await?;
    Ok(HttpResponse::Ok().json(ReplayBody::of(&job, operations.now())))
}

fn name(request: &HttpRequest) -> &str {
    request.match_info().get("replayId").unwrap_or_default()
}

fn not_found() -> Problem {
    let detail = "This instance knows no such replay; it remembers the last 20.";
    Problem::new(Code::ReplayNotFound, detail)
}
