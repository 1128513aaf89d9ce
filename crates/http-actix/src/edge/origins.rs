//! Requests that a page of another site makes in an operator's browser. The browser may reach the management
//! port where the page's author cannot, so what changes something there is refused to such pages: they can send
//! forms, but no JSON.

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_TYPE, HOST, HeaderMap, ORIGIN};

use crate::app::App;
use crate::problem::{Code, Problem};

/// What a form, or a script without the consent of this port, can send.
const OF_FORMS: [&str; 3] =
    ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];

/// Refuses a request of another site's page on the management port.
pub(super) fn check(request: &ServiceRequest, app: &App) -> Option<Problem> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    if !app.site.is_for_operators() || is_read {
        return None;
    }
    let headers = request.headers();
    (is_form(headers) || is_of_another_site(headers)).then(|| {
        let detail = "Pages of other sites, and forms, change nothing here. A body must be JSON.";
        Problem::new(Code::CrossSiteRequest, detail)
    })
}

fn is_form(headers: &HeaderMap) -> bool {
    let essence = text(headers, CONTENT_TYPE.as_str()).and_then(|text| text.split(';').next());
    let essence = essence.unwrap_or_default().trim().to_ascii_lowercase();
    OF_FORMS.contains(&essence.as_str())
}

fn is_of_another_site(headers: &HeaderMap) -> bool {
    let site = text(headers, "sec-fetch-site");
    let is_own = |origin: &str| {
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        authority.is_some() && authority == text(headers, HOST.as_str())
    };
    site.is_some_and(|site| !["same-origin", "none"].contains(&site))
        || text(headers, ORIGIN.as_str()).is_some_and(|origin| !is_own(origin))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    // A value that is no text becomes one that is neither this port's own origin nor a site that is let in.
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}
