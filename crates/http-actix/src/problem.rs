//! Problems (RFC 9457): every status code and code of an unhappy answer, and how they are written.
//! Which error of the use cases is which problem is in `problem/refusals.rs`.

mod refusals;

pub(crate) use refusals::amount_overflow;

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use order_app::errors::chain;
use serde::Serialize;
use serde_json::{Map, Value};

/// The start of every `type`: a name, not an address, so that it never moves.
pub(crate) const TYPE_PREFIX: &str = "urn:problem-type:order-service:";

macro_rules! codes {
    ($($name:ident $status:ident $code:literal $title:literal;)+) => {
        /// What went wrong, for programs. Each has one status.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Code { $($name),+ }

        impl Code {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),+];

            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),+ }
            }

            pub(crate) const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),+ }
            }
        }
    };
}

codes! {
    MalformedJson BAD_REQUEST "malformed_json" "The body is not a JSON object";
    UnknownField BAD_REQUEST "unknown_field" "The body has a field that nobody knows";
    ValidationFailed BAD_REQUEST "validation_failed" "Fields of the body are wrong";
    InvalidParameter BAD_REQUEST "invalid_parameter" "A parameter or header is wrong";
    UnknownStatus BAD_REQUEST "unknown_status" "There is no such status";
    InvalidCursor BAD_REQUEST "invalid_cursor" "The cursor does not belong to this query";
    InvalidIdempotencyKey BAD_REQUEST "invalid_idempotency_key" "The idempotency key is malformed";
    OrderNotFound NOT_FOUND "order_not_found" "There is no such order";
    OrderNotParked NOT_FOUND "order_not_parked" "The order is not parked";
    ReplayNotFound NOT_FOUND "replay_not_found" "There is no such replay";
    NotFound NOT_FOUND "not_found" "There is nothing here";
    MethodNotAllowed METHOD_NOT_ALLOWED "method_not_allowed" "The method is not allowed here";
    RequestTimeout REQUEST_TIMEOUT "request_timeout" "The request came too slowly";
    InvalidTransition CONFLICT "invalid_transition" "The order's status forbids it";
    ConcurrentUpdate CONFLICT "concurrent_update" "Others are changing the order";
    IdempotencyInProgress CONFLICT "idempotency_in_progress" "The first request is still running";
    DuplicateClientReference CONFLICT "duplicate_client_reference" "The client reference is taken";
    AnotherEventWaits CONFLICT "another_event_waits" "Another event is the first one that waits";
    RedriveInProgress CONFLICT "redrive_in_progress" "The order is being published again";
    ReplayInProgress CONFLICT "replay_in_progress" "Another replay is running";
    NoBrokers CONFLICT "no_brokers" "There are no brokers";
    RefreshInProgress CONFLICT "refresh_in_progress" "Another refresh is running";
    EventsPurged GONE "events_purged" "Events after this id are gone";
    VersionMismatch PRECONDITION_FAILED "version_mismatch" "The order has another version";
    PayloadTooLarge PAYLOAD_TOO_LARGE "payload_too_large" "The body is too large";
    UriTooLong URI_TOO_LONG "uri_too_long" "The address is too long";
    UnsupportedMediaType UNSUPPORTED_MEDIA_TYPE "unsupported_media_type" "The body is not JSON";
    TotalMismatch UNPROCESSABLE_ENTITY "total_mismatch" "The total is another one";
    DuplicateProduct UNPROCESSABLE_ENTITY "duplicate_product" "A product stands in two lines";
    CurrencyNotEnabled UNPROCESSABLE_ENTITY "currency_not_enabled" "The currency is not accepted";
    AmountOverflow UNPROCESSABLE_ENTITY "amount_overflow" "The total is too large";
    IdempotencyKeyReused UNPROCESSABLE_ENTITY "idempotency_key_reused" "The key is another request's";
    RefreshRefused UNPROCESSABLE_ENTITY "refresh_refused" "The new settings are wrong";
    HeadersTooLarge REQUEST_HEADER_FIELDS_TOO_LARGE "headers_too_large" "The headers are too large";
    InternalError INTERNAL_SERVER_ERROR "internal_error" "Something went wrong here";
    Unavailable SERVICE_UNAVAILABLE "unavailable" "The service is not available";
    Overloaded SERVICE_UNAVAILABLE "overloaded" "The service has too much to do";
    Draining SERVICE_UNAVAILABLE "draining" "The service is stopping";
    OutcomeUnknown SERVICE_UNAVAILABLE "outcome_unknown" "It is not known whether it happened";
}

impl Code {
    /// Those that only the management port answers.
    pub(crate) const OF_MANAGEMENT: &'static [Self] = &[
        Self::OrderNotParked,
        Self::ReplayNotFound,
        Self::AnotherEventWaits,
        Self::RedriveInProgress,
        Self::ReplayInProgress,
        Self::NoBrokers,
        Self::RefreshInProgress,
        Self::RefreshRefused,
    ];

    /// Seconds after which it is worth trying again.
    const fn retry_after(self) -> Option<&'static str> {
        match self {
            Self::IdempotencyInProgress
            | Self::Unavailable
            | Self::Overloaded
            | Self::Draining
            | Self::OutcomeUnknown => Some("1"),
            _ => None,
        }
    }
}

/// Where in the request an error is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Place {
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
    pub(crate) place: Place,
    pub(crate) code: &'static str,
    pub(crate) message: Cow<'static, str>,
}

/// An unhappy answer. The trace id and the instance are added at the edge, which knows them.
#[derive(Debug)]
pub(crate) struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    code: Code,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<String>,
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
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Parts {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            members: Map::new(),
            headers: Vec::new(),
            cause: None,
        }))
    }

    /// Something failed here that the client can do nothing about.
    pub(crate) fn internal(cause: &(dyn Error + 'static)) -> Self {
        Self::new(Code::InternalError, "Something went wrong here.").caused_by(cause)
    }

    /// A parameter of the path or the query is wrong.
    pub(crate) fn parameter(name: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        let error = FieldError {
            place: Place::Parameter(name.into()),
            code: "invalid_value",
            message: message.into(),
        };
        Self::new(Code::InvalidParameter, "A parameter is wrong.").errors(vec![error])
    }

    /// A header is wrong.
    pub(crate) fn bad_header(code: Code, name: &'static str, message: &'static str) -> Self {
        let error = FieldError {
            place: Place::Header(name),
            code: "invalid_value",
            message: message.into(),
        };
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

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Keeps what caused it, for the log and never for the client.
    pub(crate) fn caused_by(mut self, error: &(dyn Error + 'static)) -> Self {
        self.0.cause = Some(chain(error));
        self
    }

    pub(crate) fn code(&self) -> Code {
        self.0.code
    }

    /// What caused it.
    pub(crate) fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// Writes the answer.
    pub(crate) fn render(&self, instance: &str, trace_id: &str) -> HttpResponse {
        let Parts { code, detail, errors, members, headers, .. } = &*self.0;
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

/// A problem for an error of the framework that is none of ours.
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
