//! Requests that a page of another site makes in an operator's browser. The browser may reach the management
//! port where the page's author cannot. Such a page can send forms, but no JSON, and cannot read answers; so what
//! changes something is refused to it. A page whose own name is made to lead to this port (DNS rebinding) counts as
//! this port's own, and could read, too; so where the port is for loopback, every request must name that.
//! Pages to which the settings of CORS give a method are let in with it; not their forms.

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, ORIGIN};

use super::authority;
use super::cors::Ruling;
use crate::app::App;
use crate::problem::{Code, Problem};

/// What a form, or a script without the consent of this port, can send.
const OF_FORMS: [&str; 3] =
    ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];

/// Refuses a request of another site's page on the management port.
pub(super) fn check(request: &ServiceRequest, app: &App, cors: Option<&Ruling>) -> Option<Problem> {
    if !app.site.is_for_operators() {
        return None;
    }
    let (asked, headers) = (authority::asked(request.head()), request.headers());
    let refused = |detail| Some(Problem::new(Code::CrossSiteRequest, detail));
    // Browsers always name a host; health checks over HTTP/1.0 need not.
    if asked.is_some_and(|(host, _)| !app.site.is_known_as(host)) {
        return refused(
            "This port is not known under the host of the request. It is as localhost; other hosts \
             are let in by order.management.allowed-hosts.",
        );
    }
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_stranger = !cors.is_some_and(Ruling::is_allowed) && is_of_another_site(headers, asked);
    if !is_read && (is_form(headers) || is_stranger) {
        return refused(
            "Pages of other sites, and forms, change nothing here. A body must be JSON.",
        );
    }
    None
}

fn is_form(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_TYPE).any(|value| {
        let essence = text(value).split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        OF_FORMS.contains(&essence.as_str())
    })
}

fn is_of_another_site(headers: &HeaderMap, asked: Option<(&str, Option<u16>)>) -> bool {
    let is_own = |origin: &str| {
        let authority = origin.split_once("://").and_then(|(_, rest)| authority::read(rest));
        authority.zip(asked).is_some_and(|((host, port), (asked, asked_port))| {
            host.eq_ignore_ascii_case(asked) && port == asked_port
        })
    };
    let mut sites = headers.get_all("sec-fetch-site").map(text);
    let mut origins = headers.get_all(ORIGIN).map(text);
    sites.any(|site| !["same-origin", "none"].contains(&site))
        || origins.any(|origin| !is_own(origin))
}

/// A value that is no text becomes one that is neither this port's own origin nor a site that is let in.
fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or("?")
}
