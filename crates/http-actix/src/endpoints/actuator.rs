//! Health, info and metrics in the shapes of Spring Boot's actuator, which registries, dashboards
//! and orchestrators know. Nothing here changes anything.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HOST};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::health::{Component, Status};

/// The content type of Spring Boot, which its clients accept.
const CONTENT: &str = "application/vnd.spring-boot.actuator.v3+json";

/// `GET /actuator`.
pub(crate) async fn links(request: HttpRequest) -> HttpResponse {
    linked(&request, &[])
}

/// The links that both ports have, and more, each with its name and path. Clients such as Spring Boot
/// Admin follow them as they are, so they begin with the address of the request.
pub(crate) fn linked(request: &HttpRequest, more: &[(&str, &str)]) -> HttpResponse {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let base = host.map(|host| format!("http://{host}")).unwrap_or_default();
    let all =
        [("self", ""), ("health", "/health"), ("info", "/info"), ("prometheus", "/prometheus")];
    let link = |(name, path): &(&str, &str)| {
        let link =
            json!({"href": format!("{base}/actuator{path}"), "templated": path.contains('{')});
        ((*name).to_owned(), link)
    };
    let links: Map<String, Value> = all.iter().chain(more).map(link).collect();
    spring(StatusCode::OK, &json!({"_links": links}))
}

/// `GET /actuator/health`: everything. Its status is that of readiness. A peer that requests do not
/// need must not change it, because load balancers and orchestrators watch this page: one broker that
/// is down would take all instances out of use at once.
pub(crate) async fn health(app: web::Data<App>) -> HttpResponse {
    let database = app.readiness.database(&app.http.orders).await;
    let accepts = app.http.lifecycle.accepts_traffic();
    let mut components = dependencies_of(&app).1;
    components.insert("db".to_owned(), json!({"status": up_or_down(database)}));
    components.insert("livenessState".to_owned(), json!({"status": "UP"}));
    let readiness = json!({"status": readiness_state(accepts)});
    components.insert("readinessState".to_owned(), readiness);
    let body = json!({
        "status": overall(database, accepts),
        "components": components,
        "groups": ["dependencies", "liveness", "readiness"],
    });
    spring(status(database && accepts), &body)
}

/// `GET /actuator/health/dependencies`: the peers that requests do not need, for monitoring: 503 when
/// one of them is down.
pub(crate) async fn dependencies(app: web::Data<App>) -> HttpResponse {
    let (status, components) = dependencies_of(&app);
    spring(status_of(status), &json!({"status": status.name(), "components": components}))
}

fn dependencies_of(app: &App) -> (Status, Map<String, Value>) {
    let details = app.http.settings.health_details == Some(true);
    let all = (app.http.dependencies)();
    let worst = all.iter().map(|component| component.status).min();
    let bodies = all.iter().map(|component| (component.name.to_owned(), shown(component, details)));
    (worst.unwrap_or(Status::Unknown), bodies.collect())
}

/// `GET /actuator/health/liveness`: depends on nothing outside, so that an outage of the database does
/// not restart every instance.
pub(crate) async fn liveness() -> HttpResponse {
    let body = json!({"status": "UP", "components": {"livenessState": {"status": "UP"}}});
    spring(StatusCode::OK, &body)
}

/// `GET /actuator/health/readiness`: whether this instance should get requests.
pub(crate) async fn readiness(app: web::Data<App>) -> HttpResponse {
    let accepts = app.http.lifecycle.accepts_traffic();
    // While the instance starts or stops, the database does not matter.
    let (database, components) = if accepts {
        let database = app.readiness.database(&app.http.orders).await;
        let db = json!({"status": up_or_down(database)});
        (database, json!({"db": db, "readinessState": {"status": "UP"}}))
    } else {
        (true, json!({"readinessState": {"status": "OUT_OF_SERVICE"}}))
    };
    let body = json!({"status": overall(database, accepts), "components": components});
    spring(status(database && accepts), &body)
}

/// `GET /actuator/info`.
pub(crate) async fn info(app: web::Data<App>) -> HttpResponse {
    let about = &app.http.about;
    let mut body = json!({
        "app": {"name": about.name, "version": about.version},
        "build": {"artifact": about.name, "name": about.name, "version": about.version},
    });
    if let (Some(commit), Some(members)) = (&about.commit, body.as_object_mut()) {
        members.insert("git".to_owned(), json!({"commit": {"id": commit}}));
    }
    spring(StatusCode::OK, &body)
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

/// A component as the actuator shows it.
fn shown(component: &Component, details: bool) -> Value {
    let status = component.status.name();
    if details && component.details.is_object() {
        return json!({"status": status, "details": component.details});
    }
    json!({"status": status})
}

const fn status_of(group: Status) -> StatusCode {
    match group {
        Status::Down | Status::OutOfService => StatusCode::SERVICE_UNAVAILABLE,
        Status::Up | Status::Unknown => StatusCode::OK,
    }
}

fn status(up: bool) -> StatusCode {
    if up { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

fn overall(database: bool, accepts: bool) -> &'static str {
    if database { readiness_state(accepts) } else { "DOWN" }
}

fn readiness_state(accepts: bool) -> &'static str {
    if accepts { "UP" } else { "OUT_OF_SERVICE" }
}

fn up_or_down(up: bool) -> &'static str {
    if up { "UP" } else { "DOWN" }
}
