//! All routes of both ports, at their paths by default; the port's [`Site`] says where they are in truth, and
//! which of them it has. A known path answers a wrong method with 405 and `Allow`; HEAD works wherever GET
//! does.

use std::future::ready;
use std::iter::repeat_n;

use actix_web::dev::{AppService, HttpServiceFactory, Service as _};
use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, Resource, Responder, Route};
use order_events::schema::{CLOUD_EVENT_SCHEMA_PATH, EVENT_SCHEMA_PATH};

use crate::edge;
use crate::endpoints::{
    actuator, documents, health, home, loggers, metrics, operations, orders, refresh,
};
use crate::problem::{Code, Problem};
use crate::site::Site;

const GET: &[Method] = &[Method::GET, Method::HEAD];
const POST: &[Method] = &[Method::POST];
const PUT: &[Method] = &[Method::PUT];
const DELETE: &[Method] = &[Method::DELETE];

/// The routes of the main port.
pub(crate) fn configure(config: &mut ServiceConfig, site: &Site) {
    below(config, site, |table| {
        table
            .add(at("/orders").on(POST, orders::place))
            .add(at("/orders/{id}").on(GET, orders::find).on(PUT, orders::replace_lines))
            .add(at("/orders/{id}/status").on(PUT, orders::change_status))
            // Before the history of an order, which has no id "customer".
            .add(at("/orders/customer/{customerId}").on(GET, orders::list))
            .add(at("/orders/{id}/events").on(GET, orders::history))
            .add(at("/events").on(GET, orders::stream))
            .add(watch("/livez").on(GET, health::liveness))
            .add(watch("/readyz").on(GET, health::readiness));
        of_both(table);
    });
}

/// The routes of the management port. The operations that change something are on this port alone.
pub(crate) fn configure_management(config: &mut ServiceConfig, site: &Site) {
    below(config, site, |table| {
        table
            .add(at("/actuator/refresh").on(POST, refresh::refresh))
            .add(at("/actuator/loggers").on(GET, loggers::list))
            .add(at("/actuator/loggers/{name}").on(GET, loggers::find).on(POST, loggers::change))
            .add(watch("/actuator/metrics").on(GET, metrics::names))
            .add(watch("/actuator/metrics/{name}").on(GET, metrics::find))
            .add(at("/actuator/events").on(GET, operations::overview))
            .add(at("/actuator/events/parked").on(GET, operations::parked))
            // Before a single order, which has no id "redrive".
            .add(at("/actuator/events/parked/redrive").on(POST, operations::redrive_all))
            .add(at("/actuator/events/parked/{orderId}").on(GET, operations::inspect))
            .add(at("/actuator/events/parked/{orderId}/redrive").on(POST, operations::redrive))
            .add(at("/actuator/events/parked/{orderId}/skip").on(POST, operations::skip))
            .add(at("/actuator/events/skipped").on(GET, operations::skipped))
            .add(
                at("/actuator/events/replays")
                    .on(GET, operations::replays)
                    .on(POST, operations::start_replay),
            )
            .add(
                at("/actuator/events/replays/{replayId}")
                    .on(GET, operations::replay)
                    .on(DELETE, operations::cancel_replay),
            );
        of_both(table);
    });
}

fn of_both(table: &mut Table<'_>) {
    table
        .add(at("/").on(GET, home::home))
        .add(watch("/actuator").on(GET, actuator::links))
        .add(watch("/actuator/health").on(GET, health::health))
        .add(watch("/actuator/health/dependencies").on(GET, health::dependencies))
        .add(watch("/actuator/health/liveness").on(GET, health::liveness))
        .add(watch("/actuator/health/readiness").on(GET, health::readiness))
        .add(watch("/actuator/health/{component}").on(GET, health::component))
        .add(watch("/actuator/health/{group}/{component}").on(GET, health::member))
        .add(watch("/actuator/info").on(GET, actuator::info))
        .add(watch("/actuator/prometheus").on(GET, actuator::prometheus))
        .add(at("/openapi.json").on(GET, documents::openapi))
        .add(at("/asyncapi.json").on(GET, documents::asyncapi))
        .add(at(EVENT_SCHEMA_PATH).on(GET, documents::event_schema))
        .add(at(CLOUD_EVENT_SCHEMA_PATH).on(GET, documents::cloud_event_schema))
        .add(at("/docs").on(GET, documents::redirect))
        .add(at("/docs/{file:.*}").on(GET, documents::file));
}

/// Adds routes below the root of the port. Nothing is outside of it.
fn below(config: &mut ServiceConfig, site: &Site, add: impl Fn(&mut Table<'_>)) {
    let add = |config: &mut ServiceConfig| {
        add(&mut Table { site, config });
        config.default_service(web::to(not_found));
    };
    if site.root().is_empty() {
        add(config);
    } else {
        config.service(web::scope(site.root()).configure(add));
        config.default_service(web::to(not_found));
    }
}

async fn not_found() -> Result<&'static str, Problem> {
    Err(Problem::new(Code::NotFound, "There is nothing at this path."))
}

/// The routes of a port as they are added.
struct Table<'a> {
    site: &'a Site,
    config: &'a mut ServiceConfig,
}

impl Table<'_> {
    /// Adds what the port has of a path.
    fn add(&mut self, mut path: Path) -> &mut Self {
        let Some(served) = self.site.below_root(path.pattern) else { return self };
        if !self.site.may_change(path.pattern) {
            path.routes.retain(|(method, _)| GET.contains(method));
        }
        if !path.routes.is_empty() {
            // A scope takes the path of its root with and without a slash at its end.
            let is_root = served == "/" && !self.site.root().is_empty();
            path.served = if is_root { vec![String::new(), served] } else { vec![served] };
            self.config.service(path);
        }
        self
    }
}

/// A path with the handlers of its methods.
struct Path {
    pattern: &'static str,
    is_watch: bool,
    served: Vec<String>,
    routes: Vec<(Method, Route)>,
}

fn at(pattern: &'static str) -> Path {
    Path { pattern, is_watch: false, served: Vec::new(), routes: Vec::new() }
}

/// A path that orchestrators and scrapers ask all the time.
fn watch(pattern: &'static str) -> Path {
    Path { is_watch: true, ..at(pattern) }
}

impl Path {
    fn on<F, Args>(mut self, methods: &'static [Method], handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        for (method, handler) in methods.iter().zip(repeat_n(handler, methods.len())) {
            self.routes.push((method.clone(), web::method(method.clone()).to(handler)));
        }
        self
    }
}

impl HttpServiceFactory for Path {
    fn register(self, config: &mut AppService) {
        let Self { pattern, is_watch, served, routes } = self;
        let allow: Vec<_> = routes.iter().map(|(method, _)| method.as_str()).collect();
        let allow = allow.join(", ");
        let refused = move || {
            let refused = Problem::new(Code::MethodNotAllowed, format!("Allowed here: {allow}."));
            ready(match HeaderValue::from_str(&allow) {
                Ok(allow) => Err::<&str, _>(refused.header(ALLOW, allow)),
                Err(_) => Err(refused),
            })
        };
        let routes = routes.into_iter().map(|(_, route)| route);
        routes
            .fold(web::resource(served), Resource::route)
            .default_service(web::to(refused))
            .wrap_fn(move |request, service| {
                edge::Route::note(&request, pattern, is_watch);
                service.call(request)
            })
            .register(config);
    }
}
