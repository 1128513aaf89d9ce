//! `POST /orders`.

use actix_web::{HttpRequest, HttpResponse, web};
use order_app::idempotency::Operation;

use super::{answer, write_request};
use crate::app::App;
use crate::body::{self, OrderBody};
use crate::edge::{caller, use_cases};
use crate::problem::Problem;
use crate::request::{self, Query};
use crate::schema::IdempotencyKey;

/// Place an order
///
/// With an `Idempotency-Key`, the order is placed once, however often the request comes.
#[utoipa::path(
    post,
    path = "/orders",
    operation_id = "placeOrder",
    tag = "orders",
    params(IdempotencyKey),
    request_body(content = ref("#/components/schemas/PlaceOrder"), content_type = "application/json"),
    responses((
        status = 201,
        description = "The order was placed.",
        body = OrderBody,
        headers(
            ("Location" = String, description = "Where the order is."),
            ("ETag" = String, description = "The order's version."),
            ("Idempotency-Replayed" = Option<String>, description = "`true` on a repeated answer."),
        ),
        links(
            ("getOrder" = (operation_id = "getOrder", parameters(("id" = "$response.body#/id")))),
            ("replaceLines" = (operation_id = "replaceLines", parameters(("id" = "$response.body#/id")))),
            ("changeStatus" = (operation_id = "changeStatus", parameters(("id" = "$response.body#/id")))),
            ("listEvents" = (operation_id = "listEvents", parameters(("id" = "$response.body#/id")))),
            ("listCustomerOrders" = (operation_id = "listCustomerOrders", parameters(("customerId" = "$response.body#/customerId")))),
        ),
    )),
)]
pub(crate) async fn place(
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    Query::refuse_any(&request)?;
    let key = request::key(&request)?;
    let bytes = request::json(&request, &app).await?;
    let command = body::place_order(&bytes, &app.http.orders.currencies())?;
    let encode = answer::created(app.http.settings.forms.amounts);
    let write = write_request(&request, key, Operation::Place, None, &command, encode);
    let caller = caller(&request)?;
    answer::send(use_cases(&request, &app).place(&caller, command, write).await?)
}
