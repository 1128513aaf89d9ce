//! `GET /orders/{id}/events`.

use actix_web::http::header::{CONTENT_TYPE, LINK};
use actix_web::{HttpRequest, HttpResponse, web};
use order_domain::OrderId;

use crate::app::App;
use crate::body::{self, EventBody};
use crate::edge::{caller, run_to_end, use_cases};
use crate::problem::Problem;
use crate::request;
use crate::schema::{HistoryQuery, OrderPath};

/// The sequences of the events that are missing on a page.
const LEFT_OUT: &str = "x-events-left-out";

/// Read an order's events
///
/// Its history, and how a subscriber that missed events gets them. An event whose stored form is not
/// that of an event is left out and named in `X-Events-Left-Out`; a later event has the whole order.
#[utoipa::path(
    get,
    path = "/orders/{id}/events",
    operation_id = "listEvents",
    tag = "orders",
    params(OrderPath, HistoryQuery),
    responses((
        status = 200,
        description = "The events, in sequence.",
        body = Vec<EventBody>,
        content_type = "application/cloudevents-batch+json",
        headers(
            ("Link" = Option<String>, description = "`rel=\"next\"`: the next page. A page ends after `limit` events or about 1 MiB, whichever comes first."),
            ("X-Events-Left-Out" = Option<String>, description = "The sequences of the events of this page that are missing, because their stored form is not that of an event: `4, 7`."),
        ),
    )),
)]
pub(crate) async fn history(
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    let id: OrderId = request::id(&request, "id")?;
    let (after, limit) = request::history_page(&request)?;
    let (caller, orders) = (caller(&request)?, use_cases(&request, &app));
    let found = async move { orders.history(&caller, id, after, limit).await };
    let found = run_to_end(&request, found).await?;
    let mut response = HttpResponse::Ok();
    if !found.left_out.is_empty() {
        let missing: Vec<_> = found.left_out.iter().map(ToString::to_string).collect();
        response.insert_header((LEFT_OUT, missing.join(", ")));
    }
    if let Some(after) = found.next {
        let next = format!("</orders/{id}/events?after={after}&limit={limit}>; rel=\"next\"");
        response.insert_header((LINK, next));
    }
    response.insert_header((CONTENT_TYPE, "application/cloudevents-batch+json"));
    Ok(response.body(body::event_batch(&found.events)?))
}
