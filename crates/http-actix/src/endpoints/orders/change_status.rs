//! `PUT /orders/{id}/status`.

use actix_web::{HttpRequest, HttpResponse, web};
use order_app::idempotency::Operation;

use super::{answer, write_request};
use crate::app::App;
use crate::body::{self, ChangeStatusBody, OrderBody};
use crate::problem::Problem;
use crate::request::{self, Query};
use crate::schema::{IdempotencyKey, IfMatch, OrderPath};

/// Move an order along its status table
///
/// `PENDING` → `CONFIRMED` → `IN_PROGRESS` → `DELIVERED`; `PENDING` and `CONFIRMED` →
/// `CANCELLED`. Being there already is success, without a new version.
#[utoipa::path(
    put,
    path = "/orders/{id}/status",
    operation_id = "changeStatus",
    tag = "orders",
    params(OrderPath, IfMatch, IdempotencyKey),
    request_body(content = ChangeStatusBody, content_type = "application/json"),
    responses((
        status = 200,
        description = "The order as it is now.",
        body = OrderBody,
        headers(
            ("ETag" = String, description = "The order's version."),
            ("Idempotency-Replayed" = Option<String>, description = "`true` on a repeated answer."),
        ),
    )),
)]
pub(crate) async fn change_status(
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    let bytes = request::json(&request, &app).await?;
    Query::refuse_any(&request)?;
    let id = request::id(&request, "id")?;
    let expected = request::expected_versions(&request)?;
    let command = body::change_status(&bytes, id, expected)?;
    let write = write_request(
        &request,
        Operation::ChangeStatus,
        || body::status_fingerprint(&command),
        answer::changed,
    )?;
    answer::send(app.http.orders.change_status(command, write).await?)
}
