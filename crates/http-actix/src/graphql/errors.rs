//! How failures are told: what a client can mend stands in the payload of its mutation (`userErrors`), everything else in
//! `errors`, with the codes of the REST interface in `extensions.code`.

use async_graphql::{
    Enum, Error, ErrorExtensions as _, ID, Pos, Result, ServerError, SimpleObject, Value,
};
use order_domain::OrderStatus as Status;

use super::asking::Asking;
use super::enums::OrderStatus;
use crate::edge;
use crate::problem::{Code, FieldError, Location, Problem};

/// The codes of what only GraphQL refuses.
pub(super) const MALFORMED_REQUEST: &str = "malformed_request";
pub(super) const INVALID_DOCUMENT: &str = "invalid_document";

macro_rules! user_errors {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {
        /// What a client can mend, for programs. The codes are those of the REST interface.
        #[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum UserErrorCode { $($(#[doc = $doc])+ $name),+ }

        impl UserErrorCode {
            /// `None` for what is no affair of the client.
            pub(super) const fn of(code: Code) -> Option<Self> {
                match code { $(Code::$name => Some(Self::$name),)+ _ => None }
            }
        }
    };
}

user_errors! {
    /// A field of the input is wrong by itself.
    ValidationFailed;
    /// An argument such as the key is wrong.
    InvalidIdempotencyKey;
    /// There is no such order, or none that the caller may know of.
    OrderNotFound;
    /// The order's status forbids it.
    InvalidTransition;
    /// Others are changing the order; try again.
    ConcurrentUpdate;
    /// A saga leads the order.
    SagaInProgress;
    /// The first request with this key is still running; try again.
    IdempotencyInProgress;
    /// The customer has an order with this reference.
    DuplicateClientReference;
    /// The order has another version than the expected one.
    VersionMismatch;
    /// The total is not the sum of the lines.
    TotalMismatch;
    /// A product stands in two lines.
    DuplicateProduct;
    /// Orders in this currency are not accepted.
    CurrencyNotEnabled;
    /// The total is too large.
    AmountOverflow;
    /// The key was used for another request.
    IdempotencyKeyReused;
}

/// One thing that a client can mend.
#[derive(SimpleObject, Debug)]
pub(super) struct UserError {
    /// What is wrong, for programs.
    code: UserErrorCode,
    /// What is wrong, for people.
    message: String,
    /// Where in the arguments; absent when it is about the whole.
    field: Option<Vec<String>>,
    /// The version that the order has, with `VERSION_MISMATCH`.
    current_version: Option<i64>,
    /// Where the order may go, with `INVALID_TRANSITION`.
    allowed_transitions: Option<Vec<OrderStatus>>,
    /// The order that has the reference, with `DUPLICATE_CLIENT_REFERENCE`.
    existing_order: Option<ID>,
}

/// Tells what is wrong with a mutation: to its client, or as a failure.
pub(super) fn user_errors(problem: &Problem, asking: &Asking) -> Result<Vec<UserError>> {
    let Some(code) = UserErrorCode::of(problem.code()) else { return Err(error(problem, asking)) };
    let member = |name| problem.members().get(name);
    let whole = UserError {
        code,
        message: problem.detail().to_owned(),
        field: None,
        current_version: member("currentVersion").and_then(serde_json::Value::as_i64),
        allowed_transitions: member("allowedTransitions").and_then(|all| {
            let status = |text: &serde_json::Value| text.as_str()?.parse::<Status>().ok();
            let all = all.as_array()?.iter().filter_map(status);
            Some(all.map(OrderStatus::from).collect())
        }),
        existing_order: member("existingOrderId").map(|id| ID(id.to_string())),
    };
    Ok(match problem.fields() {
        [] => vec![whole],
        fields => fields.iter().map(|field| of_field(code, field)).collect(),
    })
}

fn of_field(code: UserErrorCode, field: &FieldError) -> UserError {
    let (path, name) = match &field.location {
        Location::Pointer(pointer) => {
            let parts =
                pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~"));
            let path: Vec<_> = std::iter::once("input".to_owned()).chain(parts).collect();
            let name = path.get(1..).unwrap_or_default().join(".");
            (path, name)
        }
        Location::Parameter(name) => (vec!["input".to_owned(), name.to_string()], name.to_string()),
        Location::Header(name) => {
            (vec!["input".to_owned(), (*name).to_owned()], (*name).to_owned())
        }
    };
    UserError {
        code,
        message: format!("{name} {}", field.message),
        field: Some(path),
        current_version: None,
        allowed_transitions: None,
        existing_order: None,
    }
}

/// A failure of a field.
pub(super) fn error(problem: &Problem, asking: &Asking) -> Error {
    told(problem, Some(&asking.origin.correlation_id))
}

/// A failure of a whole operation, before it is executed.
pub(super) fn server_error(problem: &Problem, request_id: Option<&str>) -> ServerError {
    let mut error = told(problem, request_id).into_server_error(Pos::default());
    error.locations.clear();
    error
}

/// The cause is logged, as that of a REST request.
fn told(problem: &Problem, request_id: Option<&str>) -> Error {
    if problem.code().status().is_server_error() {
        edge::log_failure(problem);
    }
    let wrong = problem.fields().iter().map(|field| {
        let name = match &field.location {
            Location::Pointer(pointer) => pointer,
            Location::Parameter(name) => name.as_ref(),
            Location::Header(name) => name,
        };
        format!("{name} {}", field.message)
    });
    let parts: Vec<_> = std::iter::once(problem.detail().to_owned()).chain(wrong).collect();
    Error::new(parts.join(" ")).extend_with(|_, extensions| {
        for (name, value) in problem.members() {
            extensions.set(name, Value::from_json(value.clone()).unwrap_or_default());
        }
        extensions.set("code", problem.code().as_str());
        if let Some(seconds) =
            problem.code().retry_after().and_then(|text| text.parse::<i32>().ok())
        {
            extensions.set("retryAfter", seconds);
        }
        if let Some(request_id) = request_id {
            extensions.set("requestId", request_id);
        }
    })
}
