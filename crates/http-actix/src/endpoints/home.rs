//! `GET /`: what this is, and where to go on. Registries name it as the home page.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::edge::Address;

const OF_BOTH: [(&str, &str); 5] = [
    ("self", "/"),
    ("openapi", "/openapi.json"),
    ("asyncapi", "/asyncapi.json"),
    ("docs", "/docs/"),
    ("actuator", "/actuator"),
];
const OF_CLIENTS: [(&str, &str); 5] = [
    ("orders", "/orders"),
    ("order", "/orders/{id}"),
    ("customerOrders", "/orders/customer/{customerId}"),
    ("events", "/events"),
    ("health", "/actuator/health"),
];

/// `GET /`.
pub(crate) async fn home(request: HttpRequest, app: web::Data<App>) -> HttpResponse {
    let more = if app.site.is_for_operators() { [].as_slice() } else { &OF_CLIENTS };
    let about = &app.http.about;
    HttpResponse::Ok().json(json!({
        "name": about.name,
        "version": about.version,
        "_links": links(&request, &app, OF_BOTH.iter().chain(more)),
    }))
}

/// Links to those of these paths that the port has, by their names, as in HAL. Clients such as Spring Boot
/// Admin follow them as they are, so they begin with the address of the request.
pub(super) fn links<'a>(
    request: &HttpRequest,
    app: &App,
    all: impl Iterator<Item = &'a (&'a str, &'a str)>,
) -> Map<String, Value> {
    let address = Address::of(request, app);
    let link = |(name, path): &(&str, &str)| {
        let href = address.url(&app.site.below_root(path)?);
        Some(((*name).to_owned(), json!({"href": href, "templated": path.contains('{')})))
    };
    all.filter_map(link).collect()
}
