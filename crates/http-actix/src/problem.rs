//! Problems (RFC 9457): the answers of requests that fail, and how they are written. The status code
//! of each is chosen in `problem/code.rs`; the problem of each error of the use cases in
//! `problem/refusals.rs`.

mod code;
mod mismatch;
mod refusals;

use code::TYPE_PREFIX;
pub(crate) use code::{Code, FIELD_MISMATCH};
pub(crate) use refusals::amount_overflow;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use order_app::caller::Authority;
use order_app::errors::chain;
use order_domain::AmountText;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::amount::Spelled;
use crate::app::AmountForm;

/// Where in the request an error is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Location {
    /// A JSON pointer (RFC 6901) into the body.
    Pointer(String),
    /// A parameter in the path or the query, by name.
    Parameter(Cow<'static, str>),
    /// A header, by name.
    Header(&'static str),
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FieldError {
    #[serde(flatten)]
    pub(crate) location: Location,
    pub(crate) code: &'static str,
    pub(crate) message: Cow<'static, str>,
}

impl FieldError {
    /// Something in the body, by its JSON pointer.
    pub(crate) fn pointer(
        pointer: impl Into<String>,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { location: Location::Pointer(pointer.into()), code, message: message.into() }
    }

    /// A parameter of the path or the query.
    pub(crate) fn parameter(
        name: Cow<'static, str>,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { location: Location::Parameter(name), code, message: message.into() }
    }
}

/// The answer of a request that fails. The edge adds the trace id and the instance.
#[derive(Debug)]
pub(crate) struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    code: Code,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    members: Map<String, Value>,
    amounts: Vec<(&'static str, AmountText)>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<String>,
    /// The authority that the caller lacks.
    lacks: Option<Authority>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProblemBody<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    code: &'static str,
    trace_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    #[serde(flatten)]
    members: &'a Map<String, Value>,
    #[serde(flatten)]
    amounts: BTreeMap<&'static str, Spelled>,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Parts {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            members: Map::new(),
            amounts: Vec::new(),
            headers: Vec::new(),
            cause: None,
            lacks: None,
        }))
    }

    /// Something failed here, and the client can do nothing about it.
    pub(crate) fn internal(cause: &(dyn Error + 'static)) -> Self {
        Self::new(Code::InternalError, "Something went wrong here.").caused_by(cause)
    }

    /// A parameter of the path or the query is wrong.
    pub(crate) fn parameter(name: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        let error = FieldError::parameter(name.into(), "invalid_value", message);
        Self::new(Code::InvalidParameter, "A parameter is wrong.").errors(vec![error])
    }

    /// A header is wrong.
    pub(crate) fn bad_header(code: Code, name: &'static str, message: &'static str) -> Self {
        let (location, message) = (Location::Header(name), message.into());
        let error = FieldError { location, code: "invalid_value", message };
        Self::new(code, "A header is wrong.").errors(vec![error])
    }

    pub(crate) fn errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }

    /// Adds an extension member.
    pub(crate) fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// Adds an extension member that is an amount.
    pub(crate) fn amount(mut self, name: &'static str, value: AmountText) -> Self {
        self.0.amounts.push((name, value));
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Names the authority that the caller lacks. The edge writes it as the issuer calls it.
    pub(crate) fn lacking(mut self, authority: Authority) -> Self {
        self.0.lacks = Some(authority);
        self
    }

    pub(crate) fn lacks(&self) -> Option<Authority> {
        self.0.lacks
    }

    /// Keeps what caused it, for the log and never for the client.
    pub(crate) fn caused_by(mut self, error: &(dyn Error + 'static)) -> Self {
        self.0.cause = Some(chain(error));
        self
    }

    pub(crate) fn code(&self) -> Code {
        self.0.code
    }

    /// What is told to people.
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// What is wrong with single parts of the request.
    pub(crate) fn fields(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// The extension members.
    pub(crate) fn members(&self) -> &Map<String, Value> {
        &self.0.members
    }

    /// What caused it.
    pub(crate) fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// Writes the answer, with amounts in a form.
    pub(crate) fn render(&self, instance: &str, trace_id: &str, form: AmountForm) -> HttpResponse {
        let Parts { code, detail, errors, members, amounts, headers, .. } = &*self.0;
        let body = ProblemBody {
            r#type: format!("{TYPE_PREFIX}{}", code.as_str()),
            title: code.title(),
            status: code.status().as_u16(),
            detail,
            instance,
            code: code.as_str(),
            trace_id,
            errors,
            members,
            amounts: amounts.iter().map(|(name, text)| (*name, Spelled(*text, form))).collect(),
        };
        let mut response = HttpResponse::build(code.status());
        for (name, value) in headers {
            response.insert_header((name.clone(), value.clone()));
        }
        if let Some(seconds) = code.retry_after() {
            response.insert_header((RETRY_AFTER, HeaderValue::from_static(seconds)));
        }
        response.insert_header((CONTENT_TYPE, "application/problem+json"));
        response.body(serde_json::to_vec(&body).unwrap_or_default())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code.as_str())
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.code.status()
    }

    /// Only a placeholder: the edge replaces it with [`Problem::render`].
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

/// A problem for an error of the framework.
impl From<&actix_web::Error> for Problem {
    fn from(error: &actix_web::Error) -> Self {
        let status = error.as_response_error().status_code();
        if status.is_client_error() {
            Self::new(Code::InvalidParameter, "The request cannot be read.")
        } else {
            let cause: Box<dyn Error> = error.to_string().into();
            Self::internal(&*cause)
        }
    }
}
