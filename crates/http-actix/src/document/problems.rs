//! The problems in the documents: their schema, and which of them each operation may answer.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::problem::Code;
use crate::schema::object;

/// What every operation may answer.
const ANY: &[Code] = &[
    Code::InvalidParameter,
    Code::Unauthenticated,
    Code::Forbidden,
    Code::CrossSiteRequest,
    Code::MethodNotAllowed,
    Code::UriTooLong,
    Code::HeadersTooLarge,
    Code::InternalError,
    Code::Unavailable,
    Code::Overloaded,
    Code::Draining,
];
/// What an operation with a body may answer beside that.
const BODY: &[Code] = &[
    Code::MalformedJson,
    Code::UnknownField,
    Code::ValidationFailed,
    Code::RequestTimeout,
    Code::PayloadTooLarge,
    Code::UnsupportedMediaType,
];
/// What a write of an order may answer beside that.
const WRITE: &[Code] = &[
    Code::FieldMismatch,
    Code::InvalidIdempotencyKey,
    Code::IdempotencyInProgress,
    Code::IdempotencyKeyReused,
    Code::OutcomeUnknown,
];
/// What an operation on the main port may answer beside that.
const MAIN: &[Code] = &[Code::RateLimited];
const SKIP: &[Code] =
    &[Code::OrderNotParked, Code::AnotherEventWaits, Code::RedriveInProgress, Code::OutcomeUnknown];
/// What an action on a saga may answer beside that.
const INTERVENE: &[Code] = &[
    Code::OrderNotFound,
    Code::SagaNotFound,
    Code::SagaNotPossible,
    Code::RevisionMismatch,
    Code::OutcomeUnknown,
];
/// What a change of an order may answer beside that.
const CHANGE: &[Code] = &[
    Code::OrderNotFound,
    Code::InvalidTransition,
    Code::SagaInProgress,
    Code::ConcurrentUpdate,
    Code::VersionMismatch,
];
const LINES: &[Code] = &[Code::TotalMismatch, Code::DuplicateProduct, Code::AmountOverflow];
const PLACE: &[Code] = &[Code::CurrencyNotEnabled, Code::DuplicateClientReference];

fn of(operation: &str) -> Vec<&'static [Code]> {
    match operation {
        "placeOrder" => vec![ANY, MAIN, BODY, WRITE, LINES, PLACE],
        "replaceLines" => vec![ANY, MAIN, BODY, WRITE, CHANGE, LINES],
        "changeStatus" => vec![ANY, MAIN, BODY, WRITE, CHANGE, &[Code::UnknownStatus]],
        "streamEvents" => vec![ANY, MAIN, &[Code::EventsPurged]],
        "getSaga" => vec![ANY, MAIN, &[Code::OrderNotFound, Code::SagaNotFound]],
        "listCustomerOrders" => vec![ANY, MAIN, &[Code::UnknownStatus, Code::InvalidCursor]],
        "refresh" => {
            vec![ANY, &[Code::NotFound, Code::RefreshInProgress, Code::RefreshRefused]]
        }
        "getEventsOverview" | "listParkedOrders" | "listSkippedEvents" | "listReplays"
        | "listSagas" => vec![ANY],
        "getParkedOrder" => vec![ANY, &[Code::OrderNotParked]],
        "redriveOrder" => vec![ANY, &[Code::OrderNotParked, Code::OutcomeUnknown]],
        "redriveAllOrders" => vec![ANY, &[Code::OutcomeUnknown]],
        "skipEvent" => vec![ANY, BODY, SKIP],
        "inspectSaga" => vec![ANY, &[Code::OrderNotFound, Code::SagaNotFound]],
        "retrySaga" | "skipSagaStep" | "confirmOrder" => vec![ANY, BODY, INTERVENE],
        "startReplay" => vec![ANY, BODY, &[Code::ReplayInProgress, Code::NoBrokers]],
        "getReplay" | "cancelReplay" => vec![ANY, &[Code::ReplayNotFound]],
        _ => vec![ANY, MAIN, &[Code::OrderNotFound]],
    }
}

/// Adds to every operation of the document its problems, and that its body, if any, is required.
pub(super) fn describe(document: &mut Value) {
    let Some(Value::Object(paths)) = document.get_mut("paths") else {
        return;
    };
    let items = paths.values_mut().filter_map(Value::as_object_mut);
    for operation in items.flat_map(|item| item.values_mut()) {
        let id = operation.get("operationId").and_then(Value::as_str);
        let codes = of(id.unwrap_or_default());
        if let Some(Value::Object(responses)) = operation.get_mut("responses") {
            responses.extend(responses_of(codes.into_iter().flatten().copied()));
        }
        if let Some(Value::Object(body)) = operation.get_mut("requestBody") {
            body.insert("required".to_owned(), true.into());
        }
    }
}

fn responses_of(codes: impl Iterator<Item = Code>) -> impl Iterator<Item = (String, Value)> {
    let mut by_status: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for code in codes {
        let status = code.status().as_str().to_owned();
        let listed = by_status.entry(status).or_default();
        listed.push(format!("`{}`: {}.", code.as_str(), code.title()));
    }
    by_status.into_iter().map(|(status, codes)| {
        let mut response = json!({
            "description": codes.join(" "),
            "content": {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
            },
        });
        let header = match status.as_str() {
            "503" | "429" => Some(("Retry-After", "Seconds after which to try again.")),
            "401" => Some(("WWW-Authenticate", "What the request lacks (RFC 6750, section 3).")),
            "405" => Some(("Allow", "The methods that are allowed.")),
            _ => None,
        };
        if let (Some((name, description)), Some(members)) = (header, response.as_object_mut()) {
            let header = json!({name: {
                "description": description, "required": true, "schema": {"type": "string"},
            }});
            members.insert("headers".to_owned(), header);
        }
        (status, response)
    })
}

/// The schemas of the problems of the main port.
pub(super) fn of_orders() -> Map<String, Value> {
    let codes = Code::ALL.iter().filter(|code| !Code::OF_MANAGEMENT.contains(code));
    schemas(codes, members_of_orders())
}

/// The schemas of the problems of the management port.
pub(super) fn of_management() -> Map<String, Value> {
    schemas(Code::ALL.iter(), members_of_operations())
}

fn schemas<'a>(codes: impl Iterator<Item = &'a Code>, members: Value) -> Map<String, Value> {
    object(json!({"Problem": problem(codes, members), "FieldError": field_error()}))
}

/// The members that problems of the main port may have beside those of all.
fn members_of_orders() -> Value {
    json!({
        "currentStatus": {"$ref": "#/components/schemas/Status"},
        "requestedStatus": {"$ref": "#/components/schemas/Status"},
        "allowedTransitions": {
            "type": "array",
            "items": {"$ref": "#/components/schemas/Status"},
        },
        "purgedThrough": {
            "type": "integer",
            "minimum": 1,
            "description": "The smallest event id after which the stream can be resumed.",
        },
        "currentVersion": {"$ref": "#/components/schemas/Id"},
        "existingOrderId": {"$ref": "#/components/schemas/Id"},
        "expectedTotalAmount": {"$ref": "#/components/schemas/Amount"},
        "enabledCurrencies": {"type": "array", "items": {"type": "string"}},
    })
}

/// The members that problems of the management port may have beside those of all.
fn members_of_operations() -> Value {
    json!({
        "currentRevision": {"$ref": "#/components/schemas/Id"},
        "waitingSequence": {"$ref": "#/components/schemas/Id"},
        "replayId": {"type": "string", "format": "uuid"},
        "problems": {"type": "array", "items": {"type": "string"}},
    })
}

fn problem<'a>(codes: impl Iterator<Item = &'a Code>, more: Value) -> Value {
    let codes: Vec<_> = codes.map(|code| code.as_str()).collect();
    let mut members = object(json!({
        "type": {"type": "string", "description": "A name for the kind of problem, with its code."},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "instance": {"type": "string", "description": "The path that was asked for."},
        "code": {"type": "string", "x-extensible-enum": codes},
        "traceId": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        "line": {"type": "integer", "minimum": 1, "description": "Where the body is no JSON."},
        "column": {"type": "integer", "minimum": 1, "description": "The character in that line."},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}},
    }));
    members.extend(object(more));
    json!({
        "description": "What went wrong (RFC 9457).",
        "type": "object",
        "required": ["type", "title", "status", "detail", "instance", "code", "traceId"],
        "properties": members,
    })
}

fn field_error() -> Value {
    json!({
        "description": "One thing that is wrong, with exactly one of pointer, parameter and header.",
        "type": "object",
        "required": ["code", "message"],
        "properties": {
            "pointer": {"type": "string", "description": "A JSON pointer (RFC 6901) into the body."},
            "parameter": {"type": "string", "description": "A parameter of the path or the query."},
            "header": {"type": "string", "description": "A header."},
            "code": {"type": "string"},
            "message": {"type": "string"},
        },
    })
}
