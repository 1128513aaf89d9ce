//! Permits: how many requests are worked on at once. A request holds its permit until its work has
//! ended, even when its client has gone away, so that the limit counts work and not connections.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::http::Method;
use actix_web::{HttpMessage as _, HttpRequest, web};
use tracing::Instrument as _;

use crate::app::App;
use crate::problem::{Code, Problem};

/// One of the requests in flight. Clones share it; it is given back when the last one is dropped.
#[derive(Clone)]
pub(crate) struct Permit {
    counted: Arc<Counted>,
}

struct Counted(web::Data<App>);

/// Takes a permit for a request that can be worked on at once, or says why there is none. Health and
/// metrics need none: they are how an overload is noticed. A request with a body takes its permit
/// when the body is there ([`take_permit`]), because slow clients would otherwise hold them all.
pub(super) fn enter(
    app: &web::Data<App>,
    method: &Method,
    path: &str,
) -> Result<Option<Permit>, Code> {
    if app.site.is_watched(path) {
        return Ok(None);
    }
    if app.site.is_of_orders(path) && app.http.lifecycle.is_draining() {
        return Err(Code::Draining);
    }
    if matches!(*method, Method::POST | Method::PUT) {
        return Ok(None);
    }
    count(app).map(Some)
}

/// Takes a permit for a request, unless it has one.
pub(crate) fn take_permit(request: &HttpRequest, app: &web::Data<App>) -> Result<(), Problem> {
    if !request.extensions().contains::<Permit>() {
        let permit = count(app).map_err(refused)?;
        request.extensions_mut().insert(permit);
    }
    Ok(())
}

fn count(app: &web::Data<App>) -> Result<Permit, Code> {
    let most = app.http.settings.max_in_flight.get();
    let more = |now: usize| (now < *most).then(|| now.saturating_add(1));
    let before = change(&app.in_flight, more).ok_or(Code::Overloaded)?;
    gauge(app, before.saturating_add(1));
    Ok(Permit { counted: Arc::new(Counted(app.clone())) })
}

/// The problem of a request that gets no permit.
pub(crate) fn refused(code: Code) -> Problem {
    let detail = match code {
        Code::Draining => "This instance is stopping; another one will answer.",
        _ => "Too many requests are being worked on. Nothing was done; try again.",
    };
    Problem::new(code, detail)
}

/// The permit of a request, for work that goes on when the client goes away and still counts.
pub(crate) fn permit_of(request: &HttpRequest) -> Option<Arc<dyn Any + Send + Sync>> {
    let permit = request.extensions().get::<Permit>().cloned()?;
    Some(permit.counted)
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

impl Drop for Counted {
    fn drop(&mut self) {
        let less = |now: usize| Some(now.saturating_sub(1));
        let before = change(&self.0.in_flight, less).unwrap_or(0);
        gauge(&self.0, before.saturating_sub(1));
    }
}

fn change(count: &AtomicUsize, to: impl FnMut(usize) -> Option<usize>) -> Option<usize> {
    count.fetch_update(Ordering::AcqRel, Ordering::Acquire, to).ok()
}

fn gauge(app: &App, in_flight: usize) {
    let in_flight = u32::try_from(in_flight).unwrap_or(u32::MAX);
    app.in_flight_gauge.set(f64::from(in_flight));
}
