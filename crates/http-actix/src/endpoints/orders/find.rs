//! `GET /orders/{id}`.

use actix_web::http::header::{ContentType, ETAG};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::app::App;
use crate::body::{self, OrderBody};
use crate::edge::{caller, run_to_end, use_cases};
use crate::problem::Problem;
use crate::request::{self, Query};
use crate::schema::{IfNoneMatch, OrderPath};

/// Read an order
#[utoipa::path(
    get,
    path = "/orders/{id}",
    operation_id = "getOrder",
    tag = "orders",
    params(OrderPath, IfNoneMatch),
    responses(
        (
            status = 200,
            description = "The order.",
            body = OrderBody,
            headers(("ETag" = String, description = "The order's version.")),
        ),
        (
            status = 304,
            description = "The client has this version already.",
            headers(("ETag" = String, description = "The order's version.")),
        ),
    ),
)]
pub(crate) async fn find(
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    Query::refuse_any(&request)?;
    let id = request::id(&request, "id")?;
    let (caller, orders) = (caller(&request)?, use_cases(&request, &app));
    let order = run_to_end(&request, async move { orders.find(&caller, id).await }).await?;
    let tag = (ETAG, body::etag(order.version()));
    if request::is_unmodified(&request, order.version().get())? {
        return Ok(HttpResponse::NotModified().insert_header(tag).finish());
    }
    let mut response = HttpResponse::Ok();
    let body = body::order(&order, app.http.settings.forms.amounts);
    Ok(response.content_type(ContentType::json()).insert_header(tag).body(body))
}
