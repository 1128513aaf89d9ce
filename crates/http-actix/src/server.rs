//! The two servers, the main one and the one for operators, and how actix is set up for them. The
//! composition root handles signals and decides when to stop.

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, KeepAlive};
use actix_service::{IntoServiceFactory as _, ServiceFactoryExt as _, map_config};
use actix_web::dev::{AppConfig, Server, fn_service};
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{App as ActixApp, Error};
use metrics::{Counter, Gauge};
use tokio::net::{TcpSocket, TcpStream};

use crate::app::{App, Http, HttpSettings};
use crate::connections::{self, Bounds, Connection, Opened, Port, Worker};
use crate::endpoints::documents::Documents;
use crate::management::Management;
use crate::site::Site;
use crate::tls::Tls;
use crate::unread_answers::UnreadAnswers;
use crate::{document, edge, graphql, routes};

/// How long a client may take to read an answer that came before its body was read, and to close.
const LINGER: Duration = Duration::from_secs(2);
/// For the management port: few clients use it, and some operations take the database a while.
const MOST_IN_FLIGHT: usize = 32;
/// For the management port: a budget of its own, in bytes, so that clients of the main one take nothing of it.
const MOST_UNREAD: usize = 16 << 20;
/// For the management port: its connections are its own, so that the main port's clients cannot take them.
pub const MOST_FOR_OPERATORS: usize = 128;
/// For the management port: it stops last, so idle connections are not waited for.
const SHUTDOWN: Duration = Duration::from_secs(1);

/// The most threads that actix takes for a server.
const MOST_WORKERS: usize = 512;
/// Connections that may wait to be taken up.
const BACKLOG: u32 = 1_024;

/// Takes a port, also while connections of an earlier process linger on it. It must be called on a
/// tokio runtime.
///
/// # Errors
/// When the port is taken, or the address is not one of this machine.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// Serves on a listener until the returned server is stopped, over TLS if that is given. It must be called, and
/// the result awaited or spawned, on a tokio runtime.
///
/// # Errors
/// When the listener cannot be used.
pub fn serve(
    http: Http,
    site: Site,
    listener: TcpListener,
    tls: Option<Tls>,
) -> std::io::Result<Server> {
    let forms = http.settings.forms;
    let render = move |currencies: &_| document::of_orders(currencies, forms);
    let documents = web::Data::new(Documents::new(render, &http.topics));
    let unread = UnreadAnswers::up_to(
        http.settings.max_unread_answers,
        metrics::gauge!("http_server_unread_answer_bytes"),
        metrics::counter!("http_server_unread_answers_given_up_total"),
    );
    let graphql = http.settings.graphql.clone();
    // The routes need one, also where the site has no path for it.
    let graphql = web::Data::new(graphql::Api::new(graphql.unwrap_or_default()));
    let in_flight = metrics::gauge!("http_server_requests_in_flight");
    let app = App::new(http, site, tls, in_flight, unread);
    run("main", &app, listener, move |site, config| {
        config.app_data(documents.clone()).app_data(graphql.clone());
        routes::configure(config, site);
    })
}

/// Serves the management port on a listener until the returned server is stopped. `http` is what
/// the main server has; its limits do not count here. Like [`serve`](crate::serve), it must be
/// called on a tokio runtime.
///
/// # Errors
/// When the listener cannot be used.
pub fn serve_management(
    mut http: Http,
    management: Management,
    site: Site,
    listener: TcpListener,
    tls: Option<Tls>,
) -> std::io::Result<Server> {
    // The limits and the counters of the main port are about its load alone.
    http.in_flight = Arc::default();
    http.settings = HttpSettings {
        max_in_flight: MOST_IN_FLIGHT.into(),
        workers: Some(1),
        shutdown_timeout: SHUTDOWN,
        max_connections: MOST_FOR_OPERATORS,
        max_connections_per_peer: None,
        health_details: http.settings.health_details.or(Some(true)),
        cors: None,
        graphql_cors: None,
        rate_limit: None,
        ..http.settings
    };
    let render = |_: &_| document::management_openapi_json();
    let documents = web::Data::new(Documents::new(render, &http.topics));
    let management = web::Data::new(management);
    let unread = UnreadAnswers::up_to(MOST_UNREAD, Gauge::noop(), Counter::noop());
    let app = App::new(http, site, tls, Gauge::noop(), unread);
    run("management", &app, listener, move |site, config| {
        config.app_data(documents.clone()).app_data(management.clone());
        routes::configure_management(config, site);
    })
}

/// One server behind the edge; `configure` says what it serves. It is built of the parts of `HttpServer`, which would
/// give the library the sockets themselves.
fn run(
    name: &'static str,
    app: &web::Data<App>,
    listener: TcpListener,
    configure: impl Fn(&Site, &mut ServiceConfig) + Clone + Send + 'static,
) -> std::io::Result<Server> {
    let (app, settings) = (app.clone(), &app.http.settings);
    let port = Arc::new(Port::new(name, bounds(settings)));
    let workers = settings.workers.or_else(|| Some(thread::available_parallelism().ok()?.get()));
    let workers = workers.unwrap_or(2).clamp(1, MOST_WORKERS);
    let server = Server::build()
        .workers(workers)
        .max_concurrent_connections(port.most_per_worker(workers))
        .disable_signals()
        .shutdown_timeout(whole_seconds(settings.shutdown_timeout));
    let stopping = server.graceful_shutdown_signal();
    let most_handshakes = connections::most_handshakes(workers);
    let serve = move || {
        let (app, configure, stop) = (app.clone(), configure.clone(), stopping.clone());
        let stopped = async move { stop.notified().await };
        let worker = Worker::start(Arc::clone(&port), most_handshakes, stopped);
        let tls = app.tls.clone();
        let open = move |stream: TcpStream| {
            let (peer, tls) = (stream.peer_addr().ok(), tls.clone());
            let opened = Opened::by(&worker, stream).ok_or(DispatchError::InternalError);
            async move { Ok((opened?.begin(tls.as_ref()).await.map_err(DispatchError::Io)?, peer)) }
        };
        let (edge_app, site) = (app.clone(), &app.site);
        let answering = ActixApp::new()
            .app_data(app.clone())
            .configure(|config| configure(site, config))
            .wrap(from_fn(move |request, next| {
                let app = edge_app.clone();
                connections::serve(request, |request| edge::answer(app, request, next))
            }))
            .into_factory()
            .map_err(|error: Error| error.error_response());
        let stop = stopping.clone();
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stop = stop.clone();
                async move { stop.notified().await }
            })
            // How long a connection is kept and how long its heads may take is in `connections`.
            .keep_alive(KeepAlive::Os)
            .client_request_timeout(Duration::ZERO)
            .client_disconnect_timeout(LINGER)
            // A client that closes its side of a connection counts as gone. TCP cannot tell a client that
            // has only sent everything (`nc -N`) from one that hung up. A server that waits finds out with
            // its next write; for a stream of events that is the next heartbeat, and until then the stream
            // would stay open. Few clients close one side only, and proxies such as nginx take it for an
            // abort, too. Such a client loses the answer, not the effect: a write that has begun runs to
            // its end, and can be repeated under its idempotency key.
            .h1_allow_half_closed(false)
            .on_connect_ext(|connection: &Connection, data| {
                data.insert::<Rc<_>>(connection.state());
            })
            .h1(map_config(answering, |()| AppConfig::default()));
        fn_service(open).and_then(http)
    };
    Ok(server.listen(name, listener, serve)?.run())
}

fn bounds(settings: &HttpSettings) -> Bounds {
    Bounds {
        most: settings.max_connections,
        most_per_peer: settings.max_connections_per_peer,
        head: settings.head_deadline,
        idle: settings.keep_alive,
        answer: settings.answer_deadline,
    }
}

/// Actix counts in seconds; a fraction is rounded up, so that no request is cut off early.
fn whole_seconds(time: Duration) -> u64 {
    let fraction = u64::from(time.subsec_nanos() > 0);
    time.as_secs().saturating_add(fraction)
}
