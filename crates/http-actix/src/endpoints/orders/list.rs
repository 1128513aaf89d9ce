//! `GET /orders/customer/{customerId}`.

use actix_web::http::header::{ContentType, LINK};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::app::App;
use crate::body::{self, OrderPageBody};
use crate::edge::{caller, run_to_end, use_cases};
use crate::problem::Problem;
use crate::request::{self, Page};
use crate::schema::{CustomerPath, ListQuery};

/// How many orders of a page are missing.
const LEFT_OUT: &str = "x-orders-left-out";

/// List a customer's orders, newest first
///
/// A customer without orders has an empty list. The cursor of a page belongs to its filters.
#[utoipa::path(
    get,
    path = "/orders/customer/{customerId}",
    operation_id = "listCustomerOrders",
    tag = "orders",
    params(CustomerPath, ListQuery),
    responses((
        status = 200,
        description = "One page of orders.",
        body = OrderPageBody,
        headers(
            ("Link" = Option<String>, description = "`rel=\"next\"`: the next page. A page ends after `limit` orders or about 1 MiB, whichever comes first."),
            ("X-Orders-Left-Out" = Option<u32>, description = "How many orders of this page are missing, because their stored form has no clear meaning."),
        ),
    )),
)]
pub(crate) async fn list(
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    let customer_id = request::id(&request, "customerId")?;
    let page = Page::of(&request, customer_id)?;
    let (caller, orders) = (caller(&request)?, use_cases(&request, &app));
    let query = page.query.clone();
    let found = run_to_end(&request, async move { orders.list(&caller, &query).await }).await?;
    let next = found.next.map(|at| request::next_cursor(&page.query, at));
    let mut response = HttpResponse::Ok();
    if let Some(cursor) = &next {
        response.insert_header((LINK, format!("<{}>; rel=\"next\"", page.link(cursor))));
    }
    if found.left_out > 0 {
        response.insert_header((LEFT_OUT, found.left_out));
    }
    let body = body::order_page(&found.orders, next, app.http.settings.forms);
    Ok(response.content_type(ContentType::json()).body(body))
}
