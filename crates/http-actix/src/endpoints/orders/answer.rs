//! Answers to writes. They are recorded with their effect and sent from what is recorded, so that a
//! repeated request gets the first answer byte for byte. Only this file knows their form: the tag is the
//! status code, and the head is a JSON array of header names and values.

use std::borrow::Cow;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ETAG, LOCATION};
use order_app::idempotency::Answer;
use order_app::orders::Answered;
use order_domain::Order;
use serde::{Deserialize, Serialize};

use crate::app::AmountForm;
use crate::body;
use crate::problem::Problem;

/// A header in the head of an answer.
#[derive(Serialize, Deserialize)]
struct Header<'a>(&'a str, #[serde(borrow)] Cow<'a, str>);

/// The answer to a placed order: 201.
pub(crate) fn created(amounts: AmountForm) -> fn(&Order) -> Answer {
    fn created(order: &Order, amounts: AmountForm) -> Answer {
        let location = format!("/orders/{}", order.id());
        let location = Header(LOCATION.as_str(), location.into());
        encode(StatusCode::CREATED, order, amounts, Some(location))
    }
    match amounts {
        AmountForm::Text => |order| created(order, AmountForm::Text),
        AmountForm::Number => |order| created(order, AmountForm::Number),
    }
}

/// The answer to a changed order: 200.
pub(super) fn changed(amounts: AmountForm) -> fn(&Order) -> Answer {
    match amounts {
        AmountForm::Text => |order| encode(StatusCode::OK, order, AmountForm::Text, None),
        AmountForm::Number => |order| encode(StatusCode::OK, order, AmountForm::Number, None),
    }
}

fn encode(
    status: StatusCode,
    order: &Order,
    amounts: AmountForm,
    location: Option<Header<'_>>,
) -> Answer {
    let content_type = Header(CONTENT_TYPE.as_str(), "application/json".into());
    let etag = Header(ETAG.as_str(), body::etag(order.version()).into());
    let headers: Vec<_> = [content_type, etag].into_iter().chain(location).collect();
    // Plain texts, so writing them cannot fail.
    let head = serde_json::to_string(&headers).unwrap_or_default();
    Answer { tag: status.as_u16(), head, body: body::order(order, amounts) }
}

/// Sends the answer to a write, and says so when it is a repetition.
pub(super) fn send(Answered { answer, replayed }: Answered) -> Result<HttpResponse, Problem> {
    let Answer { tag, head, body } = answer;
    let status = StatusCode::from_u16(tag).map_err(|error| Problem::internal(&error))?;
    let headers: Vec<Header<'_>> =
        serde_json::from_str(&head).map_err(|error| Problem::internal(&error))?;
    let mut response = HttpResponse::build(status);
    for Header(name, value) in &headers {
        response.insert_header((*name, &**value));
    }
    if replayed {
        response.insert_header(("idempotency-replayed", "true"));
    }
    Ok(response.body(body))
}
