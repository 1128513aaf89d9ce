//! `/actuator/health`, its groups and its components, in Spring Boot's shapes.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};

use super::actuator::spring;
use crate::app::App;
use crate::health::{Component, Status};
use crate::problem::{Code, Problem};

const GROUPS: [&str; 3] = ["dependencies", "liveness", "readiness"];

/// `GET /actuator/health`: everything. Its status is that of readiness. A peer that requests do not
/// need must not change it, because load balancers and orchestrators watch this page: one broker that
/// is down would take all instances out of use at once.
pub(crate) async fn health(app: web::Data<App>) -> HttpResponse {
    let (own, peers) = (own(&app).await, (app.http.dependencies)());
    let status = worst(&own);
    let mut body = body(&app, status, own.iter().chain(&peers));
    body.insert("groups".to_owned(), GROUPS.to_vec().into());
    spring(code(status), &body.into())
}

/// `GET /actuator/health/dependencies`: the peers that requests do not need, for monitoring: 503 when
/// one of them is down.
pub(crate) async fn dependencies(app: web::Data<App>) -> HttpResponse {
    group(&app, &(app.http.dependencies)())
}

/// `GET /actuator/health/liveness`, `/livez`: depends on nothing outside, so that an outage of the database
/// does not restart every instance.
pub(crate) async fn liveness(app: web::Data<App>) -> HttpResponse {
    group(&app, &[alive()])
}

/// `GET /actuator/health/readiness`, `/readyz`: whether this instance should get requests.
pub(crate) async fn readiness(app: web::Data<App>) -> HttpResponse {
    group(&app, &ready(&app).await)
}

/// `GET /actuator/health/{component}`: one component.
pub(crate) async fn component(
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    one(&request, &app, &[own(&app).await, (app.http.dependencies)()].concat())
}

/// `GET /actuator/health/{group}/{component}`: one component of a group.
pub(crate) async fn member(
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    let members = match request.match_info().get("group") {
        Some("dependencies") => (app.http.dependencies)(),
        Some("liveness") => vec![alive()],
        Some("readiness") => ready(&app).await,
        _ => return Err(nothing()),
    };
    one(&request, &app, &members)
}

/// The components of the process itself.
async fn own(app: &App) -> Vec<Component> {
    vec![database(app).await, alive(), accepting(app)]
}

/// What readiness depends on. While the instance starts or stops, the database does not matter.
async fn ready(app: &App) -> Vec<Component> {
    let accepting = accepting(app);
    match accepting.status {
        Status::Up => vec![database(app).await, accepting],
        _ => vec![accepting],
    }
}

async fn database(app: &App) -> Component {
    let is_up = app.readiness.database(&app.http.orders).await;
    plain("db", if is_up { Status::Up } else { Status::Down })
}

fn alive() -> Component {
    plain("livenessState", Status::Up)
}

fn accepting(app: &App) -> Component {
    let accepts = app.http.lifecycle.accepts_traffic();
    plain("readinessState", if accepts { Status::Up } else { Status::OutOfService })
}

fn plain(name: &'static str, status: Status) -> Component {
    Component { name, status, details: Value::Null }
}

fn worst(components: &[Component]) -> Status {
    components.iter().map(|component| component.status).min().unwrap_or(Status::Unknown)
}

fn group(app: &App, members: &[Component]) -> HttpResponse {
    let status = worst(members);
    spring(code(status), &body(app, status, members.iter()).into())
}

fn one(request: &HttpRequest, app: &App, all: &[Component]) -> Result<HttpResponse, Problem> {
    let name = request.match_info().get("component").unwrap_or_default();
    let mut shown_ones = all.iter().filter(|_| app.http.settings.health_components);
    let found = shown_ones.find(|component| component.name == name).ok_or_else(nothing)?;
    Ok(spring(code(found.status), &shown(app, found)))
}

fn nothing() -> Problem {
    Problem::new(Code::NotFound, "The health has no such part.")
}

fn body<'a>(
    app: &App,
    status: Status,
    components: impl Iterator<Item = &'a Component>,
) -> Map<String, Value> {
    let mut body = Map::from_iter([("status".to_owned(), status.name().into())]);
    if app.http.settings.health_components {
        let components = components.map(|one| (one.name.to_owned(), shown(app, one)));
        body.insert("components".to_owned(), components.collect::<Map<_, _>>().into());
    }
    body
}

/// A component as the actuator shows it.
fn shown(app: &App, component: &Component) -> Value {
    let status = component.status.name();
    if app.http.settings.health_details == Some(true) && component.details.is_object() {
        return json!({"status": status, "details": component.details});
    }
    json!({"status": status})
}

const fn code(status: Status) -> StatusCode {
    match status {
        Status::Down | Status::OutOfService => StatusCode::SERVICE_UNAVAILABLE,
        Status::Up | Status::Unknown => StatusCode::OK,
    }
}
