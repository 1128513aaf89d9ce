//! `GET /orders/{id}/events`.

use actix_web::http::header::{CONTENT_TYPE, LINK};
use actix_web::{HttpRequest, HttpResponse, web};
use order_domain::OrderId;

use crate::app::App;
use crate::body::{self, EventBody};
use crate::edge::run_to_end;
use crate::problem::Problem;
use crate::request;
use crate::schema::{HistoryQuery, OrderPath};

/// Read an order's events
///
/// Its history, and how a subscriber that missed events gets them.
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
        headers(("Link" = Option<String>, description = "`rel=\"next\"`: the next page.")),
    )),
)]
pub(crate) async fn history(
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    let id: OrderId = request::id(&request, "id")?;
    let (after, limit) = request::history_page(&request)?;
    // One more than asked for tells whether there is a next page.
    let (orders, most) = (app.http.orders.clone(), limit.saturating_add(1));
    let mut events =
        run_to_end(&request, async move { orders.history(id, after, most).await }).await?;
    let page = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = events.len() > page;
    events.truncate(page);
    let mut response = HttpResponse::Ok();
    if let (true, Some(last)) = (more, events.last()) {
        let after = last.sequence;
        let next = format!("</orders/{id}/events?after={after}&limit={limit}>; rel=\"next\"");
        response.insert_header((LINK, next));
    }
    response.insert_header((CONTENT_TYPE, "application/cloudevents-batch+json"));
    Ok(response.body(body::event_batch(&events)?))
}
