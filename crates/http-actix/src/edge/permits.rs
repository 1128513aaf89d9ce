//! Permits: which requests are worked on. A request holds its permit until its work has ended, even when its
//! client has gone away, so that the limit counts work and not connections.

use std::any::Any;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::RequestHead;
use actix_web::http::Method;
use actix_web::{HttpMessage as _, HttpRequest};
use order_app::orders::Orders;
use tracing::Instrument as _;

use crate::admission::Admitted;
use crate::app::App;
use crate::problem::{Code, Problem};

/// One of the requests in flight. Clones share it; it is given back when the last one is dropped.
#[derive(Clone)]
pub(crate) struct Permit(Arc<Places>);

/// The places of a request among all, and, where it asks for a page, among those.
struct Places {
    all: Admitted,
    pages: Option<Admitted>,
    /// How long the request was in line for an earlier permit.
    before: Duration,
}

/// Who has sent a request.
#[derive(Clone, Copy)]
pub(super) struct Client(pub(super) Option<IpAddr>);

/// Takes a permit for a request that can be worked on at once, or says why there is none. Health and
/// metrics need none: they are how an overload is noticed. A request with a body takes its permit
/// when the body is there ([`take_permit`]), because slow clients would otherwise hold them all. One that
/// asks whether to send its body (`Expect`) is told when it could not even wait for a permit; of others
/// the body is on its way, and they keep their connections when it is read. One that asks for a page waits for its place among
/// those first: pages take long, and those that wait must not be in the way of others.
pub(super) async fn enter(
    app: &App,
    request: &RequestHead,
    path: &str,
    Client(client): Client,
) -> Result<Option<Permit>, Code> {
    if app.site.is_watched(path) {
        return Ok(None);
    }
    if app.site.is_of_orders(path) && app.http.lifecycle.is_draining() {
        return Err(Code::Draining);
    }
    if matches!(request.method, Method::POST | Method::PUT) {
        let is_refused = request.expect() && app.admission.has_no_room(client);
        return if is_refused { Err(Code::Overloaded) } else { Ok(None) };
    }
    permit(app, client, app.site.is_page(path), Duration::ZERO).await.map(Some)
}

/// Takes a permit for a request, unless it has one.
pub(crate) async fn take_permit(request: &HttpRequest, app: &App) -> Result<(), Problem> {
    if !request.extensions().contains::<Permit>() {
        let client = request.extensions().get::<Client>().and_then(|Client(client)| *client);
        let permit = permit(app, client, false, Duration::ZERO).await.map_err(refused)?;
        request.extensions_mut().insert(permit);
    }
    Ok(())
}

/// Exchanges the permit of a request that turns out to ask for pages: it waits for its place among those without a permit, as
/// in [`enter`].
pub(crate) async fn take_page(request: &HttpRequest, app: &App) -> Result<(), Problem> {
    let held = request.extensions_mut().remove::<Permit>();
    let waited = held.map(|Permit(places)| places.waited()).unwrap_or_default();
    let client = request.extensions().get::<Client>().and_then(|Client(client)| *client);
    let permit = permit(app, client, true, waited).await.map_err(refused)?;
    request.extensions_mut().insert(permit);
    Ok(())
}

/// Takes a permit for one of several operations on the connection of a request.
pub(crate) async fn permit_beside(
    request: &HttpRequest,
    app: &App,
    is_page: bool,
) -> Result<Permit, Problem> {
    let client = request.extensions().get::<Client>().and_then(|Client(client)| *client);
    permit(app, client, is_page, Duration::ZERO).await.map_err(refused)
}

/// Gives the permit of a request back before it is answered, because it only waits from now on.
pub(crate) fn give_back_permit(request: &HttpRequest) {
    request.extensions_mut().remove::<Permit>();
}

/// `waited` is how long the request has been in line already.
async fn permit(
    app: &App,
    client: Option<IpAddr>,
    is_page: bool,
    waited: Duration,
) -> Result<Permit, Code> {
    let mut longest = app.http.orders.longest_wait().saturating_sub(waited);
    let mut pages = None;
    if is_page {
        let admitted = app.pages.enter(client, longest).await.ok_or(Code::Overloaded)?;
        longest = longest.saturating_sub(admitted.waited);
        pages = Some(admitted);
    }
    let all = app.admission.enter(client, longest).await.ok_or(Code::Overloaded)?;
    Ok(Permit(Arc::new(Places { all, pages, before: waited })))
}

impl Permit {
    /// How long it was waited for.
    pub(crate) fn waited(&self) -> Duration {
        self.0.waited()
    }

    /// For work that goes on when the client goes away and still counts.
    pub(crate) fn held(&self) -> Arc<dyn Any + Send + Sync> {
        self.0.clone()
    }
}

impl Places {
    /// How long the request was in line.
    fn waited(&self) -> Duration {
        let pages = self.pages.as_ref().map_or(Duration::ZERO, |admitted| admitted.waited);
        self.all.waited.saturating_add(pages).saturating_add(self.before)
    }
}

/// The problem of a request that gets no permit.
pub(crate) fn refused(code: Code) -> Problem {
    let detail = match code {
        Code::Draining => "This instance is stopping; another one will answer.",
        _ => "Too many requests are being worked on. Nothing was done; try again.",
    };
    Problem::new(code, detail)
}

/// The use cases for a request, with the time that is left to it.
pub(crate) fn use_cases(request: &HttpRequest, app: &App) -> Orders {
    let waited = request.extensions().get::<Permit>().map(Permit::waited);
    app.http.orders.after(waited.unwrap_or_default())
}

/// The permit of a request, for work that goes on when the client goes away and still counts.
pub(crate) fn permit_of(request: &HttpRequest) -> Option<Arc<dyn Any + Send + Sync>> {
    request.extensions().get::<Permit>().map(Permit::held)
}

/// Runs a read in a task of its own that holds the request's permit. When the client goes away, the
/// framework drops the request, but the task runs to its end and still counts. A write does so itself.
pub(crate) async fn run_to_end<T, E>(
    request: &HttpRequest,
    work: impl Future<Output = Result<T, E>> + 'static,
) -> Result<T, Problem>
where
    T: 'static,
    E: 'static,
    Problem: From<E>,
{
    let permit = request.extensions().get::<Permit>().cloned();
    let holding = async move {
        let done = work.await;
        drop(permit);
        done
    };
    match actix_web::rt::spawn(holding.in_current_span()).await {
        Ok(done) => Ok(done?),
        Err(panicked) => Err(Problem::internal(&panicked)),
    }
}
