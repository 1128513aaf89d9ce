//! How fast a client may ask. With login, a caller is counted by its name, wherever it asks from; what proves no caller
//! is counted by the address it comes from, so floods of bad tokens are bounded, too. Without login, the address counts,
//! and that before anything is done. The actuator and the probes are not counted: an overload is noticed there.

use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::{HttpMessage as _, HttpRequest};
use order_app::caller::Caller;

use super::permits::Client;
use crate::app::App;
use crate::problem::{Code, Problem};
use crate::rate_limit::{TooFast, Who};

/// Counts a request before it is worked on, where callers do not say who they are.
pub(super) fn count_first(request: &HttpRequest, app: &App) -> Result<(), Problem> {
    if app.http.security.authenticator.is_none() { count(request, app, None) } else { Ok(()) }
}

/// Counts a request of a caller, or of an address.
pub(super) fn count(
    request: &HttpRequest,
    app: &App,
    caller: Option<&Caller>,
) -> Result<(), Problem> {
    let Some(rates) = &app.rates else { return Ok(()) };
    if app.site.is_watched(request.path()) {
        return Ok(());
    }
    let address = request.extensions().get::<Client>().and_then(|Client(client)| *client);
    let who = Who::of(caller.map(Caller::name), address);
    rates.take(&who).map_err(|TooFast(wait)| {
        let detail = "Too many requests in a short time. Nothing was done; try again later.";
        let fraction = u64::from(wait.subsec_nanos() > 0);
        let seconds = wait.as_secs().saturating_add(fraction).max(1);
        Problem::new(Code::RateLimited, detail).header(RETRY_AFTER, HeaderValue::from(seconds))
    })
}
