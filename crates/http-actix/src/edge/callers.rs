//! Who asks: the token of a request (RFC 6750), and whom it speaks for. Only the header is read: a token in a query
//! ends in logs, and one in a form can be sent by a page of another site.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest, web};
use order_app::caller::{Authority, Caller};
use order_app::ports::{Authenticator, NotAuthenticated};

use super::rates;
use crate::app::{App, Security};
use crate::problem::{Code, Problem};

/// The longest token, in bytes.
const LONGEST: usize = 8 << 10;
const SCHEME: &str = "bearer";
/// Where it stands what a client does about it. Spring names it in each challenge.
const READ_MORE: &str = "error_uri=\"https://tools.ietf.org/html/rfc6750#section-3.1\"";

/// What a route asks of a request before its handler is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// Nothing: a token is not looked at.
    Open,
    /// Nothing, or a token: `order.security.open-documents`.
    Documents,
    /// The authority to read metrics, or nothing: `order.security.open-metrics`.
    Metrics,
    /// To know who asks. The use case decides what they may do.
    Caller,
    /// The authority to operate the service.
    Admin,
}

impl Guard {
    fn is_open(self, security: &Security) -> bool {
        match self {
            Self::Open => true,
            Self::Documents => security.open_documents,
            Self::Metrics => security.open_metrics,
            Self::Caller | Self::Admin => false,
        }
    }

    const fn needs(self) -> Option<Authority> {
        match self {
            Self::Open | Self::Documents | Self::Caller => None,
            Self::Metrics => Some(Authority::Metrics),
            Self::Admin => Some(Authority::Admin),
        }
    }
}

/// Finds out who asks before a route is called.
pub(crate) async fn guard(
    guard: Guard,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    match identify(guard, request.request()).await {
        Ok(()) => next.call(request).await,
        Err(problem) => Ok(request.error_response(problem)),
    }
}

/// Has the token of a request checked, and notes whom it speaks for. Without login there is nothing to be checked.
pub(crate) async fn identify(guard: Guard, request: &HttpRequest) -> Result<(), Problem> {
    let app = request.app_data::<web::Data<App>>().ok_or_else(unguarded)?;
    let security = &app.http.security;
    let Some(authenticator) = &security.authenticator else { return Ok(()) };
    if guard.is_open(security) {
        return rates::count(request, app, None);
    }
    let asked = proven(&**authenticator, token(request.headers())).await;
    rates::count(request, app, asked.as_ref().ok())?;
    let caller = asked?;
    if let Some(authority) = guard.needs() {
        caller.needs(authority)?;
    }
    request.extensions_mut().insert(caller);
    Ok(())
}

/// Who asks. An error on a route that is open where there is login.
pub(crate) fn caller(request: &HttpRequest) -> Result<Caller, Problem> {
    if let Some(caller) = request.extensions().get::<Caller>() {
        return Ok(caller.clone());
    }
    let app = request.app_data::<web::Data<App>>().ok_or_else(unguarded)?;
    let has_login = app.http.security.authenticator.is_some();
    if has_login { Err(unguarded()) } else { Ok(Caller::anonymous()) }
}

/// Who asks for one of several operations on a connection, by what the client has said in place of the header, or by the header.
/// It is counted as a request.
pub(crate) async fn caller_by(
    request: &HttpRequest,
    said: Option<&str>,
) -> Result<Caller, Problem> {
    let app = request.app_data::<web::Data<App>>().ok_or_else(unguarded)?;
    let Some(authenticator) = &app.http.security.authenticator else {
        rates::count(request, app, None)?;
        return Ok(Caller::anonymous());
    };
    let token = said.map_or_else(|| token(request.headers()), |said| token_of(said.as_bytes()));
    let asked = proven(&**authenticator, token).await;
    rates::count(request, app, asked.as_ref().ok())?;
    asked
}

async fn proven(
    authenticator: &dyn Authenticator,
    token: Result<String, Problem>,
) -> Result<Caller, Problem> {
    let refused = match authenticator.caller(&token?).await {
        Ok(caller) => return Ok(caller),
        Err(refused) => refused,
    };
    Err(match &refused {
        NotAuthenticated::Invalid(description, _) => invalid(description).caused_by(&refused),
        NotAuthenticated::Unavailable => {
            let detail = "Tokens cannot be checked yet. Nothing was done; try again.";
            Problem::new(Code::Unavailable, detail).caused_by(&refused)
        }
    })
}

fn token(headers: &HeaderMap) -> Result<String, Problem> {
    let mut values = headers.get_all(AUTHORIZATION);
    let Some(value) = values.next() else { return Err(missing()) };
    if values.next().is_some() {
        let problem =
            Problem::bad_header(Code::InvalidParameter, "Authorization", "must stand once");
        let description = "Found multiple bearer tokens in the request";
        return Err(challenge(problem, &error("invalid_request", description)));
    }
    token_of(value.as_bytes())
}

/// What a header says, or what stands in its place.
fn token_of(value: &[u8]) -> Result<String, Problem> {
    let Some((scheme, rest)) = value.split_at_checked(SCHEME.len()) else { return Err(missing()) };
    if !scheme.eq_ignore_ascii_case(SCHEME.as_bytes()) {
        return Err(missing());
    }
    // As in Spring: after the scheme one space, and of what only begins with its letters is said what is wrong with it.
    let token = std::str::from_utf8(rest).ok().and_then(|rest| rest.strip_prefix(' '));
    let token = token.filter(|token| token.len() <= LONGEST && is_b64token(token));
    token.map(ToOwned::to_owned).ok_or_else(|| invalid("Bearer token is malformed"))
}

/// RFC 6750, section 2.1.
fn is_b64token(token: &str) -> bool {
    let bare = token.trim_end_matches('=');
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !bare.is_empty() && bare.bytes().all(is_allowed)
}

fn missing() -> Problem {
    let detail = "The request needs a token: \"Authorization: Bearer …\".";
    challenge(Problem::new(Code::Unauthenticated, detail), "Bearer")
}

fn invalid(description: &str) -> Problem {
    let problem = Problem::new(Code::Unauthenticated, "The token does not prove who asks.");
    challenge(problem, &error("invalid_token", description))
}

fn error(code: &str, description: &str) -> String {
    format!("Bearer error=\"{code}\", error_description=\"{description}\", {READ_MORE}")
}

/// Adds what RFC 6750, section 3, has a client read.
fn challenge(problem: Problem, value: &str) -> Problem {
    match HeaderValue::from_str(value) {
        Ok(value) => problem.header(WWW_AUTHENTICATE, value),
        Err(_) => problem,
    }
}

/// The header that names the authority which a caller lacks.
pub(super) fn lacking(app: &App, authority: Authority) -> Option<HeaderValue> {
    let name = app.http.security.authenticator.as_ref()?.name(authority);
    let description = "The request requires higher privileges than provided by the access token.";
    let error = error("insufficient_scope", description);
    HeaderValue::try_from(format!("{error}, scope=\"{name}\"")).ok()
}

/// A route without a guard is a defect.
fn unguarded() -> Problem {
    let cause: Box<dyn std::error::Error> = "a route does not ask who asks".into();
    Problem::internal(&*cause)
}
