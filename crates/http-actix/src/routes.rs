//! All routes of both ports, at their paths by default; the port's [`Site`] says where they are in truth, and
//! which of them it has. A known path answers a wrong method with 405 and `Allow`; HEAD works wherever GET
//! does. Each path says what it asks of a request before its handler is called.

use std::future::ready;
use std::iter::repeat_n;

use actix_web::dev::{AppService, HttpServiceFactory, Service as _};
use actix_web::guard::fn_guard;
use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, HttpRequest, Resource, Responder, Route};
use order_events::saga::{COMMAND_SCHEMA_PATH, REPLY_SCHEMA_PATH};
use order_events::schema::{CLOUD_EVENT_SCHEMA_PATH, EVENT_SCHEMA_PATH};

use crate::edge;
use crate::edge::Guard::{self, Admin, Caller, Documents, Metrics, Open};
use crate::endpoints::{
    actuator, documents, health, home, loggers, metrics, operations, orders, refresh,
};
use crate::graphql::{self, graphiql, socket};
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
            .add(at("/orders", Caller).on(POST, orders::place))
            .add(at("/orders/{id}", Caller).on(GET, orders::find).on(PUT, orders::replace_lines))
            .add(at("/orders/{id}/status", Caller).on(PUT, orders::change_status))
            // Before the history of an order, which has no id "customer".
            .add(at("/orders/customer/{customerId}", Caller).on(GET, orders::list))
            .add(at("/orders/{id}/events", Caller).on(GET, orders::history))
            .add(at("/orders/{id}/saga", Caller).on(GET, orders::saga))
            .add(at("/events", Caller).on(GET, orders::stream))
            // Before GraphQL over HTTP, which may be at the same path.
            .add(upgrade("/graphql/socket", Open).on(GET, socket::open))
            .add(at("/graphql", Caller).on(GET, graphql::get).on(POST, graphql::post))
            .add(at("/graphql/schema", Documents).on(GET, graphql::schema))
            .add(at("/graphiql", Documents).on(GET, graphiql::redirect))
            .add(at("/graphiql/{file:.*}", Documents).on(GET, graphiql::file))
            .add(watch("/livez", Open).on(GET, health::liveness))
            .add(watch("/readyz", Open).on(GET, health::readiness));
        of_both(table);
    });
}

/// The routes of the management port. The operations that change something are on this port alone.
pub(crate) fn configure_management(config: &mut ServiceConfig, site: &Site) {
    below(config, site, |table| {
        table
            .add(at("/actuator/refresh", Admin).on(POST, refresh::refresh))
            .add(at("/actuator/loggers", Admin).on(GET, loggers::list))
            .add(
                at("/actuator/loggers/{name}", Admin)
                    .on(GET, loggers::find)
                    .on(POST, loggers::change),
            )
            .add(watch("/actuator/metrics", Admin).on(GET, metrics::names))
            .add(watch("/actuator/metrics/{name}", Admin).on(GET, metrics::find))
            .add(at("/actuator/events", Admin).on(GET, operations::overview))
            .add(at("/actuator/events/parked", Admin).on(GET, operations::parked))
            // Before a single order, which has no id "redrive".
            .add(at("/actuator/events/parked/redrive", Admin).on(POST, operations::redrive_all))
            .add(at("/actuator/events/parked/{orderId}", Admin).on(GET, operations::inspect))
            .add(
                at("/actuator/events/parked/{orderId}/redrive", Admin)
                    .on(POST, operations::redrive),
            )
            .add(at("/actuator/events/parked/{orderId}/skip", Admin).on(POST, operations::skip))
            .add(at("/actuator/events/skipped", Admin).on(GET, operations::skipped))
            .add(
                at("/actuator/events/replays", Admin)
                    .on(GET, operations::replays)
                    .on(POST, operations::start_replay),
            )
            .add(
                at("/actuator/events/replays/{replayId}", Admin)
                    .on(GET, operations::replay)
                    .on(DELETE, operations::cancel_replay),
            )
            .add(at("/actuator/sagas", Admin).on(GET, operations::sagas))
            .add(at("/actuator/sagas/{orderId}", Admin).on(GET, operations::inspect_saga))
            .add(at("/actuator/sagas/{orderId}/retry", Admin).on(POST, operations::retry_saga))
            .add(at("/actuator/sagas/{orderId}/skip", Admin).on(POST, operations::skip_saga_step))
            .add(
                at("/actuator/sagas/{orderId}/confirm", Admin).on(POST, operations::confirm_order),
            );
        of_both(table);
    });
}

fn of_both(table: &mut Table<'_>) {
    table
        .add(at("/", Open).on(GET, home::home))
        .add(watch("/actuator", Admin).on(GET, actuator::links))
        .add(watch("/actuator/health", Open).on(GET, health::health))
        .add(watch("/actuator/health/dependencies", Open).on(GET, health::dependencies))
        .add(watch("/actuator/health/liveness", Open).on(GET, health::liveness))
        .add(watch("/actuator/health/readiness", Open).on(GET, health::readiness))
        .add(watch("/actuator/health/{component}", Open).on(GET, health::component))
        .add(watch("/actuator/health/{group}/{component}", Open).on(GET, health::member))
        .add(watch("/actuator/info", Metrics).on(GET, actuator::info))
        .add(watch("/actuator/prometheus", Metrics).on(GET, actuator::prometheus))
        .add(at("/openapi.json", Documents).on(GET, documents::openapi))
        .add(at("/asyncapi.json", Documents).on(GET, documents::asyncapi))
        .add(at(EVENT_SCHEMA_PATH, Open).on(GET, documents::event_schema))
        .add(at(CLOUD_EVENT_SCHEMA_PATH, Open).on(GET, documents::cloud_event_schema))
        .add(at(COMMAND_SCHEMA_PATH, Open).on(GET, documents::command_schema))
        .add(at(REPLY_SCHEMA_PATH, Open).on(GET, documents::reply_schema))
        .add(at("/docs", Documents).on(GET, documents::redirect))
        .add(at("/docs/{file:.*}", Documents).on(GET, documents::file));
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

async fn not_found(request: HttpRequest) -> Result<&'static str, Problem> {
    // Who may not ask learns nothing of what there is.
    edge::identify(Caller, &request).await?;
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
    guard: Guard,
    is_watch: bool,
    /// Whether it is for clients that offer to go on by WebSocket alone.
    is_upgrade: bool,
    served: Vec<String>,
    routes: Vec<(Method, Route)>,
}

fn at(pattern: &'static str, guard: Guard) -> Path {
    Path {
        pattern,
        guard,
        is_watch: false,
        is_upgrade: false,
        served: Vec::new(),
        routes: Vec::new(),
    }
}

/// A path that orchestrators and scrapers ask all the time.
fn watch(pattern: &'static str, guard: Guard) -> Path {
    Path { is_watch: true, ..at(pattern, guard) }
}

/// A path for clients that go on by another protocol.
fn upgrade(pattern: &'static str, guard: Guard) -> Path {
    Path { is_upgrade: true, ..at(pattern, guard) }
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
        let Self { pattern, guard, is_watch, is_upgrade, served, routes } = self;
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
        let mut resource = web::resource(served);
        if is_upgrade {
            resource = resource.guard(fn_guard(|it| edge::offers_websocket(it.head().headers())));
        }
        routes
            .fold(resource, Resource::route)
            .default_service(web::to(refused))
            .wrap(from_fn(move |request, next| edge::guard(guard, request, next)))
            .wrap_fn(move |request, service| {
                edge::Route::note(&request, pattern, is_watch);
                service.call(request)
            })
            .register(config);
    }
}
