//! The start and the filter of a stream of events.

use actix_web::HttpRequest;
use order_app::feed::{Filter, Start};
use order_domain::{InvalidId, MAX_ID, OrderEventKind, UnknownEventKind};

use super::query::{Query, integer};
use crate::problem::{Code, Problem};

const LAST_EVENT_ID: &str = "Last-Event-ID";

/// The header counts more than the parameter: a browser that connects again sends the header, with the
/// address of its first request.
pub(crate) fn stream(request: &HttpRequest) -> Result<(Start, Filter), Problem> {
    let mut query = Query::of(request)?;
    let parameter = query.one("lastEventId", event_id);
    let kinds = kinds(&mut query);
    let customer = query.one("customerId", |text| text.parse().map_err(told));
    let order = query.one("orderId", |text| text.parse().map_err(told));
    query.finish()?;
    let after = header(request)?.or(parameter);
    let start = after.map_or(Start::Now, Start::After);
    Ok((start, Filter { kinds, customer, order }))
}

fn told(error: InvalidId) -> String {
    error.to_string()
}

fn event_id(text: &str) -> Result<i64, String> {
    integer(text, 0, MAX_ID)
}

fn kinds(query: &mut Query) -> Vec<OrderEventKind> {
    let mut kinds = Vec::new();
    for text in query.list("type") {
        match text.parse() {
            Ok(kind) if kinds.contains(&kind) => {}
            Ok(kind) => kinds.push(kind),
            Err(error) => {
                query.wrong("type", "invalid_value", UnknownEventKind::to_string(&error));
            }
        }
    }
    kinds
}

fn header(request: &HttpRequest) -> Result<Option<i64>, Problem> {
    let mut values = request.headers().get_all(LAST_EVENT_ID);
    let Some(value) = values.next() else { return Ok(None) };
    let id = value.to_str().ok().and_then(|text| event_id(text).ok());
    if let (Some(id), None) = (id, values.next()) {
        return Ok(Some(id));
    }
    let message = "must be the id of an event, as it was sent, or 0";
    Err(Problem::bad_header(Code::InvalidParameter, LAST_EVENT_ID, message))
}
