//! `PUT /orders/{id}`.

use actix_web::{HttpRequest, HttpResponse, web};
use order_app::idempotency::Operation;
use order_app::orders::ReplaceLines;

use super::{answer, write_request};
use crate::app::App;
use crate::body::{self, OrderBody};
use crate::edge::{caller, use_cases};
use crate::problem::Problem;
use crate::request::{self, Query};
use crate::schema::{IdempotencyKey, IfMatch, OrderPath};

/// Replace the lines of a pending order
///
/// The same lines again change nothing, and make no new version.
#[utoipa::path(
    put,
    path = "/orders/{id}",
    operation_id = "replaceLines",
    tag = "orders",
    params(OrderPath, IfMatch, IdempotencyKey),
    request_body(content = ref("#/components/schemas/ReplaceLines"), content_type = "application/json"),
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
pub(crate) async fn replace_lines(
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    Query::refuse_any(&request)?;
    let id = request::id(&request, "id")?;
    let expected = request::expected_versions(&request)?;
    let key = request::key(&request)?;
    let bytes = request::json(&request, &app).await?;
    let (new, claims) = body::replace_lines(&bytes)?;
    let operation = Operation::ReplaceLines;
    let encode = answer::changed(app.http.settings.forms.amounts);
    let write = write_request(&request, key, operation, Some(id), &new, encode);
    let (lines, claimed_total) = (new.lines, new.claimed_total);
    let command = ReplaceLines { id, lines, claimed_total, expected, claims };
    let caller = caller(&request)?;
    answer::send(use_cases(&request, &app).replace_lines(&caller, command, write).await?)
}
