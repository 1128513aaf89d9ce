//! Cross-origin resource sharing, by the rules of `cors.rs`: the headers of answers, preflights, and requests of pages
//! that may not ask. It knows no route, as Spring's `CorsFilter`: a preflight is told what the settings allow.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderName,
    HeaderValue, ORIGIN, VARY,
};

use super::address::Address;
use crate::app::App;
use crate::cors::Cors;
use crate::problem::{Code, Problem};

/// What caches must compare, because answers differ by it.
const DIFFERS_BY: HeaderValue = HeaderValue::from_static(
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
);

/// What the settings say of a request.
pub(super) struct Ruling {
    kind: Kind,
    headers: Vec<(HeaderName, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// No page of another origin asks.
    OfOwn,
    Allowed,
    /// The browser asks whether a request would be allowed, and it would.
    Preflight,
    /// The page may not ask this.
    Refused,
}

impl Ruling {
    /// `None` where the settings say nothing of other origins.
    pub(super) fn of(request: &HttpRequest, app: &App) -> Option<Self> {
        let cors = rules(request.path(), app)?;
        let Some(origin) = request.headers().get(ORIGIN) else {
            return Some(Self::bare(Kind::OfOwn));
        };
        let origin = origin.to_str().unwrap_or_default();
        let asked = text(request.headers(), &ACCESS_CONTROL_REQUEST_METHOD);
        let is_options = request.method() == Method::OPTIONS;
        if is_options && asked.is_none() || is_own(origin, request, app) {
            return Some(Self::bare(Kind::OfOwn));
        }
        let method = if is_options { asked } else { Some(request.method().as_str()) };
        let allowed = allowed(cors, origin, method, is_options.then(|| request.headers()));
        Some(allowed.unwrap_or_else(|| Self::bare(Kind::Refused)))
    }

    fn bare(kind: Kind) -> Self {
        Self { kind, headers: Vec::new() }
    }

    pub(super) fn is_preflight(&self) -> bool {
        self.kind == Kind::Preflight
    }

    /// Whether a page of another origin asks, and may.
    pub(super) fn is_allowed(&self) -> bool {
        matches!(self.kind, Kind::Allowed | Kind::Preflight)
    }

    /// The problem of a page that may not ask.
    pub(super) fn refused(&self) -> Option<Problem> {
        (self.kind == Kind::Refused).then(of_stranger)
    }

    /// Adds the headers of an answer, whatever it says.
    pub(super) fn complete(&self, headers: &mut HeaderMap) {
        headers.append(VARY, DIFFERS_BY);
        for (name, value) in &self.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name.clone(), value);
            }
        }
    }
}

/// Refuses the page of another origin where the settings let none in. Browsers ask first before most requests of such a page,
/// but not before the handshake of a WebSocket, whose answers its scripts may read.
pub(crate) fn refuse_strangers(request: &HttpRequest, app: &App) -> Result<(), Problem> {
    let mut origins = request.headers().get_all(ORIGIN);
    let (first, others) = (origins.next(), origins.count());
    let is_judged = || rules(request.path(), app).is_some();
    let is_known = first.is_none_or(|origin| {
        is_judged() || is_own(origin.to_str().unwrap_or_default(), request, app)
    });
    if is_known && others == 0 { Ok(()) } else { Err(of_stranger()) }
}

fn of_stranger() -> Problem {
    let detail = "Pages of this origin may not ask this. The settings of CORS name the origins, the methods and the headers that \
                  are allowed.";
    Problem::new(Code::CrossSiteRequest, detail)
}

/// The rules for a path.
fn rules<'a>(path: &str, app: &'a App) -> Option<&'a Cors> {
    let settings = &app.http.settings;
    if settings.cors.is_none()
        && settings.actuator_cors.is_none()
        && settings.graphql_cors.is_none()
    {
        return None;
    }
    if app.site.is_of_actuator(path) {
        return settings.actuator_cors.as_ref();
    }
    let own = settings.graphql_cors.as_ref().filter(|_| app.site.is_graphql(path));
    own.or(settings.cors.as_ref())
}

/// The answer for an origin and a method; `preflight` has the headers of a preflight. `None`: it is not allowed.
fn allowed(
    cors: &Cors,
    origin: &str,
    method: Option<&str>,
    preflight: Option<&HeaderMap>,
) -> Option<Ruling> {
    if origin.trim().is_empty() || is_malformed(origin) {
        return None;
    }
    let mut headers = vec![(ACCESS_CONTROL_ALLOW_ORIGIN, cors.allow_origin(origin)?.to_owned())];
    let methods = cors.allow_methods(method?)?;
    if let Some(asked) = preflight {
        let names = text(asked, &ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default();
        let names = cors.allow_headers(names)?;
        headers.push((ACCESS_CONTROL_ALLOW_METHODS, methods));
        headers.push((ACCESS_CONTROL_MAX_AGE, cors.max_age.as_secs().to_string()));
        if !names.is_empty() {
            headers.push((ACCESS_CONTROL_ALLOW_HEADERS, names));
        }
    }
    if !cors.exposed.is_empty() {
        headers.push((ACCESS_CONTROL_EXPOSE_HEADERS, cors.exposed.join(", ")));
    }
    if cors.credentials {
        headers.push((ACCESS_CONTROL_ALLOW_CREDENTIALS, "true".to_owned()));
    }
    let kind = if preflight.is_some() { Kind::Preflight } else { Kind::Allowed };
    Some(Ruling { kind, headers })
}

/// Whether a page is of the origin that was asked.
fn is_own(origin: &str, request: &HttpRequest, app: &App) -> bool {
    let Some((scheme, rest)) = origin.split_once("://") else { return false };
    let usual = if scheme == "https" { ":443" } else { ":80" };
    let rest = rest.strip_suffix(usual).unwrap_or(rest);
    let asked = Address::of(request, app);
    let asked = asked.origin().and_then(|asked| asked.split_once("://"));
    asked.is_some_and(|(own, host)| own == scheme && host.eq_ignore_ascii_case(rest))
}

/// Whether a text is no origin: what stands behind its last colon, if anything, is no port.
fn is_malformed(origin: &str) -> bool {
    let host = origin.split_once("://").map_or("", |(_, rest)| rest.trim_end_matches('/'));
    let port = host.rsplit_once(':').filter(|_| !host.ends_with(']')).map(|(_, port)| port);
    port.is_some_and(|port| !port.bytes().all(|b| b.is_ascii_digit()))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}
