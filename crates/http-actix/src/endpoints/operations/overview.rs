//! `GET /actuator/events`.

use actix_web::HttpResponse;

use super::Call;
use crate::body::operations::EventsOverview;
use crate::problem::Problem;
use crate::request::Query;

/// See what waits to be published, and who publishes
#[utoipa::path(
    get,
    path = "/actuator/events",
    operation_id = "getEventsOverview",
    tag = "events",
    responses((status = 200, description = "How the events stand.", body = EventsOverview)),
)]
pub(crate) async fn overview(call: Call) -> Result<HttpResponse, Problem> {
    Query::refuse_any(&call.request)?;
    let overview = call.ask(async |operations| operations.overview().await).await?;
    Ok(HttpResponse::Ok().json(EventsOverview::from(&overview)))
}
