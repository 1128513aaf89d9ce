//! `GET /orders/{id}/saga`.

use actix_web::http::header::{ContentType, ETAG};
use actix_web::{HttpRequest, HttpResponse, web};
use order_app::saga::SagaTimes;
use order_app::sagas::{SagaView, Sagas};

use crate::app::App;
use crate::body::{self, SagaBody};
use crate::edge::{caller, run_to_end, use_cases};
use crate::problem::Problem;
use crate::request::{self, Query};
use crate::schema::{IfNoneMatch, OrderPath};

/// Read the saga of an order
///
/// An order has one when the instance that placed it had `order.saga.enabled`.
#[utoipa::path(
    get,
    path = "/orders/{id}/saga",
    operation_id = "getSaga",
    tag = "orders",
    params(OrderPath, IfNoneMatch),
    responses(
        (
            status = 200,
            description = "The saga.",
            body = SagaBody,
            headers(("ETag" = String, description = "The saga's revision.")),
        ),
        (
            status = 304,
            description = "The client has this revision already.",
            headers(("ETag" = String, description = "The saga's revision.")),
        ),
    ),
)]
pub(crate) async fn saga(
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    Query::refuse_any(&request)?;
    let id = request::id(&request, "id")?;
    let (caller, sagas) = (caller(&request)?, Sagas::new(use_cases(&request, &app)));
    let times = sagas.times();
    let view = run_to_end(&request, async move { sagas.find(&caller, id).await }).await?;
    current_saga(&request, &view, &times)
}

/// The answer to who reads a saga: 304 when the client has its revision already.
pub(crate) fn current_saga(
    request: &HttpRequest,
    view: &SagaView,
    times: &SagaTimes,
) -> Result<HttpResponse, Problem> {
    if request::is_unmodified(request, view.revision)? {
        let tag = (ETAG, body::etag(view.revision));
        return Ok(HttpResponse::NotModified().insert_header(tag).finish());
    }
    whole_saga(view, times)
}

/// A saga, with its revision as its tag.
pub(crate) fn whole_saga(view: &SagaView, times: &SagaTimes) -> Result<HttpResponse, Problem> {
    let (tag, body) = ((ETAG, body::etag(view.revision)), body::saga(view, times)?);
    Ok(HttpResponse::Ok().content_type(ContentType::json()).insert_header(tag).body(body))
}
