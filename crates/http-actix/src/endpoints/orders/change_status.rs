//! `PUT /orders/{id}/status`.

use actix_web::{HttpRequest, HttpResponse, web};
use order_app::idempotency::Operation;
use order_app::orders::ChangeStatus;

use super::{answer, write_request};
use crate::app::App;
use crate::body::{self, OrderBody};
use crate::edge::{caller, use_cases};
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
    request_body(content = ref("#/components/schemas/ChangeStatus"), content_type = "application/json"),
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
    Query::refuse_any(&request)?;
    let id = request::id(&request, "id")?;
    let expected = request::expected_versions(&request)?;
    let key = request::key(&request)?;
    let bytes = request::json(&request, &app).await?;
    let (change, claims) = body::change_status(&bytes)?;
    let operation = Operation::ChangeStatus;
    let encode = answer::changed(app.http.settings.forms.amounts);
    let write = write_request(&request, key, operation, Some(id), &change, encode);
    let command = ChangeStatus { id, change, expected, claims };
    let caller = caller(&request)?;
    answer::send(use_cases(&request, &app).change_status(&caller, command, write).await?)
}
