//! The pages of lists.

use actix_web::HttpRequest;
use order_app::ports::CustomerOrders;
use order_domain::{CustomerId, MAX_ID, OrderStatus};

use super::cursor;
use super::query::{Query, integer};
use crate::body::time;
use crate::problem::Problem;

const DEFAULT_ORDERS: i64 = 20;
const MOST_ORDERS: i64 = 100;
const DEFAULT_EVENTS: i64 = 100;
const MOST_EVENTS: i64 = 1_000;

/// A page of a customer's orders: the query, and its query string without the cursor.
pub(crate) struct Page {
    pub(crate) query: CustomerOrders,
    filters: Vec<(&'static str, String)>,
}

impl Page {
    pub(crate) fn of(request: &HttpRequest, customer_id: CustomerId) -> Result<Self, Problem> {
        let mut query = Query::of(request)?;
        let statuses = statuses(&mut query);
        let created_from = query.one("createdFrom", time);
        let created_to = query.one("createdTo", time);
        let limit = query.one("limit", |text| integer(text, 1, MOST_ORDERS));
        let cursor = query.one("cursor", |text| Ok(text.to_owned()));
        query.finish()?;
        let mut asked = CustomerOrders {
            customer_id,
            statuses,
            created_from,
            created_to,
            after: None,
            limit: u32::try_from(limit.unwrap_or(DEFAULT_ORDERS)).unwrap_or(1),
        };
        asked.after = cursor.map(|cursor| cursor::read(&cursor, &asked)).transpose()?;
        let filters = filters(&asked, limit);
        Ok(Self { query: asked, filters })
    }

    /// The address of the page that starts at a cursor, with the same filters.
    pub(crate) fn link(&self, cursor: &str) -> String {
        let mut query = String::new();
        let pairs = self.filters.iter().map(|(name, value)| (*name, value.as_str()));
        for (name, value) in pairs.chain([("cursor", cursor)]) {
            query.push(if query.is_empty() { '?' } else { '&' });
            query.push_str(name);
            query.push('=');
            query.push_str(value);
        }
        format!("/orders/customer/{}{query}", self.query.customer_id)
    }
}

/// The filters, spelled with characters that need no escapes in a query.
fn filters(asked: &CustomerOrders, limit: Option<i64>) -> Vec<(&'static str, String)> {
    let mut filters = Vec::new();
    for status in &asked.statuses {
        filters.push(("status", status.to_string()));
    }
    let times = [("createdFrom", asked.created_from), ("createdTo", asked.created_to)];
    for (name, at) in times {
        if let Some(at) = at {
            filters.push((name, order_app::events::timestamp(at)));
        }
    }
    if let Some(limit) = limit {
        filters.push(("limit", limit.to_string()));
    }
    filters
}

fn statuses(query: &mut Query) -> Vec<OrderStatus> {
    let mut statuses = Vec::new();
    for text in query.list("status") {
        match text.parse() {
            Ok(status) if statuses.contains(&status) => {}
            Ok(status) => statuses.push(status),
            Err(error) => query.wrong(
                "status",
                "unknown_status",
                order_domain::UnknownStatus::to_string(&error),
            ),
        }
    }
    statuses
}

/// The page of an order's history: after which sequence, and how many events.
pub(crate) fn history_page(request: &HttpRequest) -> Result<(i64, u32), Problem> {
    let mut query = Query::of(request)?;
    let after = query.one("after", |text| integer(text, 0, MAX_ID));
    let limit = query.one("limit", |text| integer(text, 1, MOST_EVENTS));
    query.finish()?;
    let limit = u32::try_from(limit.unwrap_or(DEFAULT_EVENTS)).unwrap_or(1);
    Ok((after.unwrap_or(0), limit))
}
