//! All routes of both ports. A known path answers a wrong method with 405 and `Allow`; HEAD works
//! wherever GET does.

use std::future::ready;
use std::iter::repeat_n;

use actix_web::dev::{AppService, HttpServiceFactory, Service as _};
use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, Resource, Responder};
use order_events::schema::{CLOUD_EVENT_SCHEMA_PATH, EVENT_SCHEMA_PATH};

use crate::edge;
use crate::endpoints::{actuator, documents, operations, orders, refresh};
use crate::problem::{Code, Problem};

const GET: &[Method] = &[Method::GET, Method::HEAD];
const POST: &[Method] = &[Method::POST];
const PUT: &[Method] = &[Method::PUT];
const DELETE: &[Method] = &[Method::DELETE];

/// The routes of the main port.
pub(crate) fn configure(config: &mut ServiceConfig) {
    config
        .service(at("/orders").on(POST, orders::place))
        .service(at("/orders/{id}").on(GET, orders::find).on(PUT, orders::replace_lines))
        .service(at("/orders/{id}/status").on(PUT, orders::change_status))
        // Before the history of an order, which has no id "customer".
        .service(at("/orders/customer/{customerId}").on(GET, orders::list))
        .service(at("/orders/{id}/events").on(GET, orders::history))
        .service(at("/events").on(GET, orders::stream))
        .service(at("/actuator").on(GET, actuator::links));
    configure_both(config);
}

/// The routes of the management port. The operations that change something are on this port alone.
pub(crate) fn configure_management(config: &mut ServiceConfig) {
    config
        .service(at("/actuator").on(GET, refresh::links))
        .service(at("/actuator/refresh").on(POST, refresh::refresh))
        .service(at("/actuator/events").on(GET, operations::overview))
        .service(at("/actuator/events/parked").on(GET, operations::parked))
        // Before a single order, which has no id "redrive".
        .service(at("/actuator/events/parked/redrive").on(POST, operations::redrive_all))
        .service(at("/actuator/events/parked/{orderId}").on(GET, operations::inspect))
        .service(at("/actuator/events/parked/{orderId}/redrive").on(POST, operations::redrive))
        .service(at("/actuator/events/parked/{orderId}/skip").on(POST, operations::skip))
        .service(at("/actuator/events/skipped").on(GET, operations::skipped))
        .service(
            at("/actuator/events/replays")
                .on(GET, operations::replays)
                .on(POST, operations::start_replay),
        )
        .service(
            at("/actuator/events/replays/{replayId}")
                .on(GET, operations::replay)
                .on(DELETE, operations::cancel_replay),
        );
    configure_both(config);
}

fn configure_both(config: &mut ServiceConfig) {
    config
        .service(at("/actuator/health").on(GET, actuator::health))
        .service(at("/actuator/health/dependencies").on(GET, actuator::dependencies))
        .service(at("/actuator/health/liveness").on(GET, actuator::liveness))
        .service(at("/actuator/health/readiness").on(GET, actuator::readiness))
        .service(at("/actuator/info").on(GET, actuator::info))
        .service(at("/actuator/prometheus").on(GET, actuator::prometheus))
        .service(at("/openapi.json").on(GET, documents::openapi))
        .service(at("/asyncapi.json").on(GET, documents::asyncapi))
        .service(at(EVENT_SCHEMA_PATH).on(GET, documents::event_schema))
        .service(at(CLOUD_EVENT_SCHEMA_PATH).on(GET, documents::cloud_event_schema))
        .service(at("/docs").on(GET, documents::redirect))
        .service(at("/docs/{file:.*}").on(GET, documents::file))
        .default_service(web::to(not_found));
}

async fn not_found() -> Result<&'static str, Problem> {
    Err(Problem::new(Code::NotFound, "There is nothing at this path."))
}

/// A path with the handlers of its methods.
struct Path {
    pattern: &'static str,
    resource: Resource,
    allow: Vec<&'static str>,
}

fn at(pattern: &'static str) -> Path {
    Path { pattern, resource: web::resource(pattern), allow: Vec::new() }
}

impl Path {
    fn on<F, Args>(mut self, methods: &'static [Method], handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        for (method, handler) in methods.iter().zip(repeat_n(handler, methods.len())) {
            self.resource = self.resource.route(web::method(method.clone()).to(handler));
            self.allow.push(method.as_str());
        }
        self
    }
}

impl HttpServiceFactory for Path {
    fn register(self, config: &mut AppService) {
        let Self { pattern, resource, allow } = self;
        let allow = allow.join(", ");
        let refused = move || {
            let refused = Problem::new(Code::MethodNotAllowed, format!("Allowed here: {allow}."));
            ready(match HeaderValue::from_str(&allow) {
                Ok(allow) => Err::<&str, _>(refused.header(ALLOW, allow)),
                Err(_) => Err(refused),
            })
        };
        resource
            .default_service(web::to(refused))
            .wrap_fn(move |request, service| {
                edge::Route::note(&request, pattern);
                service.call(request)
            })
            .register(config);
    }
}
