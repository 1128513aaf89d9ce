//! `POST /actuator/refresh`: reads the settings again.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::actuator;
use crate::management::{Management, Refreshed};
use crate::problem::{Code, Problem};
use crate::request::Query;

/// Read the settings again
///
/// As in Spring Cloud: answers the keys whose values have changed. All that can be changed is, or
/// nothing. The header `x-needs-restart` names the keys whose values wait for a restart;
/// `x-not-answered` says which config servers gave nothing, where what they gave before still applies.
#[utoipa::path(
    post,
    path = "/actuator/refresh",
    operation_id = "refresh",
    tag = "settings",
    responses((
        status = 200,
        description = "The keys that have changed.",
        body = Vec<String>,
        content_type = "application/vnd.spring-boot.actuator.v3+json",
    )),
)]
pub(crate) async fn refresh(
    request: HttpRequest,
    management: web::Data<Management>,
) -> Result<HttpResponse, Problem> {
    Query::refuse_any(&request)?;
    let Some(refresh) = management.refresh.clone() else {
        return Err(Problem::new(Code::NotFound, "There is nothing to refresh."));
    };
    // When the client goes away, the refresh goes on.
    let running = actix_web::rt::spawn(async move { refresh.refresh().await });
    let refreshed = running.await.map_err(|panicked| Problem::internal(&panicked))?;
    let Refreshed { changed, needs_restart, not_answered } = refreshed?;
    let mut response = actuator::spring(StatusCode::OK, &json!(changed));
    insert(&mut response, "x-needs-restart", &needs_restart.join(", "));
    if !not_answered.is_empty() {
        insert(&mut response, "x-not-answered", &not_answered.join("; "));
    }
    Ok(response)
}

fn insert(response: &mut HttpResponse, name: &'static str, value: &str) {
    let plain = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
    if let Ok(value) = HeaderValue::from_str(&value.chars().map(plain).collect::<String>()) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}
