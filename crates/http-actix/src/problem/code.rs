//! Where the status code of a problem is chosen: this table, and no other file. The status of a success, and
//! of health, is chosen by its endpoint, in `endpoints/`.

use actix_web::http::StatusCode;

/// The start of every `type`: a name, not an address, so that it never moves.
pub(super) const TYPE_PREFIX: &str = "urn:problem-type:order-service:";

macro_rules! codes {
    ($($name:ident $status:ident $code:literal $title:literal;)+) => {
        /// What went wrong, for programs.
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
    Unauthenticated UNAUTHORIZED "unauthenticated" "The request does not prove who asks";
    Forbidden FORBIDDEN "forbidden" "The caller may not do this";
    OrderNotFound NOT_FOUND "order_not_found" "There is no such order";
    SagaNotFound NOT_FOUND "saga_not_found" "The order has no saga";
    OrderNotParked NOT_FOUND "order_not_parked" "The order is not parked";
    ReplayNotFound NOT_FOUND "replay_not_found" "There is no such replay";
    NotFound NOT_FOUND "not_found" "There is nothing here";
    CrossSiteRequest FORBIDDEN "cross_site_request" "The request comes from a page of another site";
    MethodNotAllowed METHOD_NOT_ALLOWED "method_not_allowed" "The method is not allowed here";
    RequestTimeout REQUEST_TIMEOUT "request_timeout" "The request came too slowly";
    InvalidTransition CONFLICT "invalid_transition" "The order's status forbids it";
    ConcurrentUpdate CONFLICT "concurrent_update" "Others are changing the order";
    SagaInProgress CONFLICT "saga_in_progress" "A saga leads the order";
    SagaNotPossible CONFLICT "saga_not_possible" "The saga does not allow it now";
    IdempotencyInProgress CONFLICT "idempotency_in_progress" "The first request is still running";
    DuplicateClientReference CONFLICT "duplicate_client_reference" "The client reference is taken";
    AnotherEventWaits CONFLICT "another_event_waits" "Another event is the first one that waits";
    RedriveInProgress CONFLICT "redrive_in_progress" "The order is being published again";
    ReplayInProgress CONFLICT "replay_in_progress" "Another replay is running";
    NoBrokers CONFLICT "no_brokers" "There are no brokers";
    RefreshInProgress CONFLICT "refresh_in_progress" "Another refresh is running";
    EventsPurged GONE "events_purged" "Events after this id are gone";
    VersionMismatch PRECONDITION_FAILED "version_mismatch" "The order has another version";
    RevisionMismatch PRECONDITION_FAILED "revision_mismatch" "The saga has another revision";
    PayloadTooLarge PAYLOAD_TOO_LARGE "payload_too_large" "The body is too large";
    UriTooLong URI_TOO_LONG "uri_too_long" "The address is too long";
    UnsupportedMediaType UNSUPPORTED_MEDIA_TYPE "unsupported_media_type" "The body is not JSON";
    TotalMismatch UNPROCESSABLE_ENTITY "total_mismatch" "The total is another one";
    FieldMismatch UNPROCESSABLE_ENTITY "field_mismatch" "The order is not as the body says";
    DuplicateProduct UNPROCESSABLE_ENTITY "duplicate_product" "A product stands in two lines";
    CurrencyNotEnabled UNPROCESSABLE_ENTITY "currency_not_enabled" "The currency is not accepted";
    AmountOverflow UNPROCESSABLE_ENTITY "amount_overflow" "The total is too large";
    IdempotencyKeyReused UNPROCESSABLE_ENTITY "idempotency_key_reused" "The key is another request's";
    RefreshRefused UNPROCESSABLE_ENTITY "refresh_refused" "The new settings are wrong";
    RateLimited TOO_MANY_REQUESTS "rate_limited" "The client asks too fast";
    HeadersTooLarge REQUEST_HEADER_FIELDS_TOO_LARGE "headers_too_large" "The headers are too large";
    InternalError INTERNAL_SERVER_ERROR "internal_error" "Something went wrong here";
    OrderUnreadable INTERNAL_SERVER_ERROR "order_unreadable" "The stored order has no clear meaning";
    Unavailable SERVICE_UNAVAILABLE "unavailable" "The service is not available";
    Overloaded SERVICE_UNAVAILABLE "overloaded" "The service has too much to do";
    Draining SERVICE_UNAVAILABLE "draining" "The service is stopping";
    OutcomeUnknown SERVICE_UNAVAILABLE "outcome_unknown" "It is not known whether it happened";
}

/// The code of each field that says something else than the service.
pub(crate) const FIELD_MISMATCH: &str = Code::FieldMismatch.as_str();

impl Code {
    /// Those that only the management port answers.
    pub(crate) const OF_MANAGEMENT: &'static [Self] = &[
        Self::OrderNotParked,
        Self::ReplayNotFound,
        Self::SagaNotPossible,
        Self::AnotherEventWaits,
        Self::RedriveInProgress,
        Self::ReplayInProgress,
        Self::NoBrokers,
        Self::RefreshInProgress,
        Self::RevisionMismatch,
        Self::RefreshRefused,
    ];

    /// Seconds after which it is worth trying again.
    pub(crate) const fn retry_after(self) -> Option<&'static str> {
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
