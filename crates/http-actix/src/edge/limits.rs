//! What is refused before anybody looks at it: too much at once, too long, too late.

use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::web;

use crate::problem::{Code, Problem};
use crate::server::App;

/// The longest path with its query.
const LONGEST_URI: usize = 8 * 1024;
/// The most bytes of all header names and values together.
const MOST_HEADER_BYTES: usize = 32 * 1024;

/// A place among the requests in flight, shared by all who work on the request; given back when
/// the last of them drops it. Clients that go away do not end the work, so they free no place.
#[derive(Clone)]
pub(crate) struct Slot {
    _place: Rc<Place>,
}

struct Place(web::Data<App>);

/// Takes a place for a request that can be worked on at once, or says why there is none. Health and
/// metrics always get through: they are how an overload is noticed. A request with a body takes its
/// place when the body is there ([`place`]), or else slow clients would hold them all.
pub(super) fn enter(
    app: &web::Data<App>,
    method: &Method,
    path: &str,
) -> Result<Option<Slot>, Code> {
    if path.starts_with("/actuator") {
        return Ok(None);
    }
    let is_order = path == "/orders" || path.starts_with("/orders/");
    if is_order && app.http.lifecycle.is_draining() {
        return Err(Code::Draining);
    }
    if matches!(*method, Method::POST | Method::PUT) {
        return Ok(None);
    }
    place(app).map(Some)
}

/// Takes a place.
pub(crate) fn place(app: &web::Data<App>) -> Result<Slot, Code> {
    let most = app.http.settings.max_in_flight.get();
    let more = |now: usize| (now < *most).then(|| now.saturating_add(1));
    let before = take(&app.in_flight, more).ok_or(Code::Overloaded)?;
    gauge(app, before.saturating_add(1));
    Ok(Slot { _place: Rc::new(Place(app.clone())) })
}

/// The problem of who finds no place.
pub(crate) fn refused(code: Code) -> Problem {
    let detail = match code {
        Code::Draining => "This instance is stopping; another one will answer.",
        _ => "Too many requests are being worked on. Nothing was done; try again.",
    };
    Problem::new(code, detail)
}

fn take(count: &AtomicUsize, more: impl FnMut(usize) -> Option<usize>) -> Option<usize> {
    count.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()
}

impl Drop for Place {
    fn drop(&mut self) {
        let less = |now: usize| Some(now.saturating_sub(1));
        let before = take(&self.0.in_flight, less).unwrap_or(0);
        gauge(&self.0, before.saturating_sub(1));
    }
}

fn gauge(app: &App, in_flight: usize) {
    let in_flight = u32::try_from(in_flight).unwrap_or(u32::MAX);
    app.in_flight_gauge.set(f64::from(in_flight));
}

/// Checks the head of a request.
pub(super) fn check(request: &ServiceRequest) -> Option<Problem> {
    let uri = request.uri().path_and_query();
    if uri.is_some_and(|uri| uri.as_str().len() > LONGEST_URI) {
        let detail = "The path and the query may have 8 KiB together.";
        return Some(Problem::new(Code::UriTooLong, detail));
    }
    let headers = request.headers().iter();
    let bytes = headers.fold(0_usize, |sum, (name, value)| {
        sum.saturating_add(name.as_str().len()).saturating_add(value.len())
    });
    (bytes > MOST_HEADER_BYTES).then(|| {
        let detail = "All headers may have 32 KiB together.";
        Problem::new(Code::HeadersTooLarge, detail)
    })
}
