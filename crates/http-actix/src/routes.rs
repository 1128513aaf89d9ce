//! Every route, in one place. A path that is known answers a wrong method with 405 and `Allow`; HEAD
//! works wherever GET does.

use actix_web::dev::{HttpServiceFactory, Service as _};
use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::web::{self, ServiceConfig};
use actix_web::{Handler, Responder, Route};
use order_events::schema::{CLOUD_EVENT_SCHEMA_PATH, EVENT_SCHEMA_PATH};

use crate::edge;
use crate::endpoints::{actuator, documents, operations, orders, refresh};
use crate::problem::{Code, Problem};

/// Of the main port.
pub(crate) fn configure(config: &mut ServiceConfig) {
    orders(config);
    config.service(read_only("/actuator", actuator::links));
    actuator(config);
    documents(config);
}

fn documents(config: &mut ServiceConfig) {
    config
        .service(read_only("/openapi.json", documents::openapi))
        .service(read_only("/asyncapi.json", documents::asyncapi))
        .service(read_only(EVENT_SCHEMA_PATH, documents::event_schema))
        .service(read_only(CLOUD_EVENT_SCHEMA_PATH, documents::cloud_event_schema))
        .service(read_only("/docs", documents::redirect))
        .service(read_only("/docs/{file:.*}", documents::file))
        .default_service(web::to(not_found));
}

/// Of the management port: what changes something is here and nowhere else.
pub(crate) fn configure_management(config: &mut ServiceConfig) {
    config.service(read_only("/actuator", refresh::links));
    actuator(config);
    config.service(with_methods(
        "/actuator/refresh",
        [(Method::POST, web::to(refresh::refresh))],
        "POST",
    ));
    events(config);
    documents(config);
}

fn events(config: &mut ServiceConfig) {
    config
        .service(read_only("/actuator/events", operations::overview))
        .service(read_only("/actuator/events/parked", operations::parked))
        // Before a single order, because "redrive" is none.
        .service(with_methods(
            "/actuator/events/parked/redrive",
            [(Method::POST, web::to(operations::redrive_all))],
            "POST",
        ))
        .service(read_only("/actuator/events/parked/{orderId}", operations::inspect))
        .service(with_methods(
            "/actuator/events/parked/{orderId}/redrive",
            [(Method::POST, web::to(operations::redrive))],
            "POST",
        ))
        .service(with_methods(
            "/actuator/events/parked/{orderId}/skip",
            [(Method::POST, web::to(operations::skip))],
            "POST",
        ))
        .service(read_only("/actuator/events/skipped", operations::skipped))
        .service(with_methods(
            "/actuator/events/replays",
            [
                (Method::GET, web::to(operations::replays)),
                (Method::HEAD, web::to(operations::replays)),
                (Method::POST, web::to(operations::start_replay)),
            ],
            "GET, HEAD, POST",
        ))
        .service(with_methods(
            "/actuator/events/replays/{replayId}",
            [
                (Method::GET, web::to(operations::replay)),
                (Method::HEAD, web::to(operations::replay)),
                (Method::DELETE, web::to(operations::cancel_replay)),
            ],
            "GET, HEAD, DELETE",
        ));
}

fn orders(config: &mut ServiceConfig) {
    config
        .service(with_methods("/orders", [(Method::POST, web::to(orders::place))], "POST"))
        .service(with_methods(
            "/orders/{id}",
            [
                (Method::GET, web::to(orders::find)),
                (Method::HEAD, web::to(orders::find)),
                (Method::PUT, web::to(orders::replace_lines)),
            ],
            "GET, HEAD, PUT",
        ))
        .service(with_methods(
            "/orders/{id}/status",
            [(Method::PUT, web::to(orders::change_status))],
            "PUT",
        ))
        // Before the history, because a customer with the id "events" is none.
        .service(read_only("/orders/customer/{customerId}", orders::list))
        .service(read_only("/orders/{id}/events", orders::history))
        .service(read_only("/events", orders::stream));
}

fn actuator(config: &mut ServiceConfig) {
    config
        .service(read_only("/actuator/health", actuator::health))
        .service(read_only("/actuator/health/dependencies", actuator::dependencies))
        .service(read_only("/actuator/health/liveness", actuator::liveness))
        .service(read_only("/actuator/health/readiness", actuator::readiness))
        .service(read_only("/actuator/info", actuator::info))
        .service(read_only("/actuator/prometheus", actuator::prometheus));
}

fn read_only<F, Args>(path: &'static str, handler: F) -> impl HttpServiceFactory + 'static
where
    F: Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let routes = [(Method::GET, web::to(handler.clone())), (Method::HEAD, web::to(handler))];
    with_methods(path, routes, "GET, HEAD")
}

fn with_methods<const N: usize>(
    path: &'static str,
    routes: [(Method, Route); N],
    allow: &'static str,
) -> impl HttpServiceFactory + 'static {
    let resource = web::resource(path).default_service(web::to(move || async move {
        let refused = Problem::new(Code::MethodNotAllowed, format!("Allowed here: {allow}."));
        Err::<&str, _>(refused.header(ALLOW, HeaderValue::from_static(allow)))
    }));
    routes
        .into_iter()
        .fold(resource, |resource, (method, route)| resource.route(route.method(method)))
        .wrap_fn(move |request, service| {
            edge::Route::note(&request, path);
            service.call(request)
        })
}

async fn not_found() -> Result<&'static str, Problem> {
    Err(Problem::new(Code::NotFound, "There is nothing at this path."))
}
