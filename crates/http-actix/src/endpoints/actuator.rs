//! The links, info and the metrics for scrapers, in the shapes of Spring Boot's actuator, which registries,
//! dashboards and orchestrators know. Nothing here changes anything.

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::home;
use crate::app::App;
use crate::management::Management;

/// The content type of Spring Boot, which its clients accept.
const CONTENT: &str = "application/vnd.spring-boot.actuator.v3+json";

/// The pages of the actuator, by Spring's names for them.
const PAGES: [(&str, &str); 18] = [
    ("self", "/actuator"),
    ("health", "/actuator/health"),
    ("health-path", "/actuator/health/{component}"),
    ("info", "/actuator/info"),
    ("prometheus", "/actuator/prometheus"),
    ("metrics", "/actuator/metrics"),
    ("metrics-requiredMetricName", "/actuator/metrics/{name}"),
    ("loggers", "/actuator/loggers"),
    ("loggers-name", "/actuator/loggers/{name}"),
    ("refresh", "/actuator/refresh"),
    ("events", "/actuator/events"),
    ("events-parked", "/actuator/events/parked"),
    ("events-parked-orderId", "/actuator/events/parked/{orderId}"),
    ("events-skipped", "/actuator/events/skipped"),
    ("events-replays", "/actuator/events/replays"),
    ("events-replays-replayId", "/actuator/events/replays/{replayId}"),
    ("sagas", "/actuator/sagas"),
    ("sagas-orderId", "/actuator/sagas/{orderId}"),
];

/// `GET /actuator`.
pub(crate) async fn links(
    request: HttpRequest,
    app: web::Data<App>,
    management: Option<web::Data<Management>>,
) -> HttpResponse {
    let is_offered = |path: &str| match (&management, path.split('/').nth(2)) {
        (Some(all), Some("metrics")) => all.metrics.is_some(),
        (Some(all), Some("loggers")) => all.loggers.is_some(),
        (Some(all), Some("events")) => all.operations.is_some(),
        (Some(all), Some("sagas")) => all.sagas.is_some(),
        (Some(all), Some("refresh")) => all.refresh.is_some() && app.site.may_change(path),
        _ => true,
    };
    let pages = PAGES.iter().filter(|(_, path)| is_offered(path));
    spring(StatusCode::OK, &json!({"_links": home::links(&request, &app, pages)}))
}

/// `GET /actuator/info`.
pub(crate) async fn info(app: web::Data<App>) -> HttpResponse {
    spring(StatusCode::OK, &Value::Object(app.http.about.info.clone()))
}

/// `GET /actuator/prometheus`.
pub(crate) async fn prometheus(app: web::Data<App>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
        .body((app.http.scrape)())
}

pub(crate) fn spring(status: StatusCode, body: &Value) -> HttpResponse {
    HttpResponse::build(status).insert_header((CONTENT_TYPE, CONTENT)).body(body.to_string())
}
