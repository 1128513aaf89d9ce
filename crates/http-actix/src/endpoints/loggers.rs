//! `/actuator/loggers`: the levels of the log, in Spring Boot's shapes, to be read and changed while the process
//! runs.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};

use super::actuator::spring;
use crate::app::App;
use crate::management::{Logger, Loggers, Management};
use crate::problem::{Code, FieldError, Problem};
use crate::request::{self, Query};

/// The levels, from nothing to everything.
const LEVELS: [&str; 6] = ["OFF", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"];

/// `GET /actuator/loggers`.
pub(crate) async fn list(management: web::Data<Management>) -> Result<HttpResponse, Problem> {
    let shown = |logger: Logger| (logger.name.clone(), shown(&logger));
    let loggers: Map<String, Value> = asked(&management)?.all().into_iter().map(shown).collect();
    Ok(spring(StatusCode::OK, &json!({"levels": LEVELS, "loggers": loggers, "groups": {}})))
}

/// `GET /actuator/loggers/{name}`.
pub(crate) async fn find(
    request: HttpRequest,
    management: web::Data<Management>,
) -> Result<HttpResponse, Problem> {
    let name = request.match_info().get("name").unwrap_or_default();
    let all = asked(&management)?.all();
    let found = all.iter().find(|logger| logger.name.eq_ignore_ascii_case(name));
    let missing = || Problem::new(Code::NotFound, "There is no such logger.");
    Ok(spring(StatusCode::OK, &shown(found.ok_or_else(missing)?)))
}

/// `POST /actuator/loggers/{name}`: `{"configuredLevel": "DEBUG"}`, or null for the level around it.
pub(crate) async fn change(
    request: HttpRequest,
    app: web::Data<App>,
    management: web::Data<Management>,
) -> Result<HttpResponse, Problem> {
    Query::refuse_any(&request)?;
    let bytes = request::json(&request, &app).await?;
    let body = serde_json::from_slice(&bytes);
    let Ok(Value::Object(body)) = body else {
        return Err(Problem::new(Code::MalformedJson, "The body must be a JSON object."));
    };
    let level = match body.get("configuredLevel") {
        None | Some(Value::Null) => None,
        Some(Value::String(level)) => Some(level.to_ascii_uppercase()),
        Some(_) => return Err(wrong()),
    };
    let name = request.match_info().get("name").unwrap_or_default();
    if !asked(&management)?.change(name, level.as_deref()) {
        return Err(wrong());
    }
    tracing::warn!(logger = name, level, "the level of a logger was changed");
    Ok(HttpResponse::NoContent().finish())
}

fn asked(management: &Management) -> Result<Arc<dyn Loggers>, Problem> {
    let missing = || Problem::new(Code::NotFound, "There are no loggers.");
    management.loggers.clone().ok_or_else(missing)
}

fn wrong() -> Problem {
    let message = format!("must be null or one of {}", LEVELS.join(", "));
    let error = FieldError::pointer("/configuredLevel", "invalid_value", message);
    Problem::new(Code::ValidationFailed, "There is no such level.").errors(vec![error])
}

fn shown(logger: &Logger) -> Value {
    let mut body = Map::new();
    if let Some(level) = &logger.configured {
        body.insert("configuredLevel".to_owned(), level.as_str().into());
    }
    body.insert("effectiveLevel".to_owned(), logger.effective.as_str().into());
    body.into()
}
