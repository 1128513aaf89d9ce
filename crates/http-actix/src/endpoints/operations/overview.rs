//! `GET /actuator/events`.

use actix_web::{HttpRequest, HttpResponse, web};

use super::operations;
use crate::app::App;
use crate::body::operations::OverviewBody;
use crate::edge::run_to_end;
use crate::management::Management;
use crate::problem::Problem;
use crate::request::Query;

/// See what waits to be published, and who publishes
#[utoipa::path(
    get,
    path = "/actuator/events",
    operation_id = "getEventsOverview",
    tag = "events",
    responses((status = 200, description = "How the events stand.", body = OverviewBody)),
)]
pub(crate) async fn overview(
    request: HttpRequest,
    app: web::Data<App>,
    management: web::Data<Management>,
) -> Result<HttpResponse, Problem> {
    Query::refuse_any(&request)?;
    let operations = operations(&request, &app, &management)?;
    let overview = run_to_end(&request, async move { operations.overview().await }).await?;
    Ok(HttpResponse::Ok().json(OverviewBody::from(&overview)))
}
