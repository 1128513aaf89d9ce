//! Which problems each operation may answer, added to the document in one form.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::problem::Code;

/// What every operation may answer.
const ANY: &[Code] = &[
    Code::InvalidParameter,
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
    Code::InvalidIdempotencyKey,
    Code::IdempotencyInProgress,
    Code::IdempotencyKeyReused,
    Code::OutcomeUnknown,
];
const SKIP: &[Code] =
    &[Code::OrderNotParked, Code::AnotherEventWaits, Code::RedriveInProgress, Code::OutcomeUnknown];
/// What a change of an order may answer beside that.
const CHANGE: &[Code] =
    &[Code::OrderNotFound, Code::InvalidTransition, Code::ConcurrentUpdate, Code::VersionMismatch];
const LINES: &[Code] = &[Code::TotalMismatch, Code::DuplicateProduct, Code::AmountOverflow];
const PLACE: &[Code] = &[Code::CurrencyNotEnabled, Code::DuplicateClientReference];

fn of(operation: &str) -> Vec<&'static [Code]> {
    match operation {
        "placeOrder" => vec![ANY, BODY, WRITE, LINES, PLACE],
        "replaceLines" => vec![ANY, BODY, WRITE, CHANGE, LINES],
        "changeStatus" => vec![ANY, BODY, WRITE, CHANGE, &[Code::UnknownStatus]],
        "listCustomerOrders" => vec![ANY, &[Code::UnknownStatus, Code::InvalidCursor]],
        "refresh" => vec![ANY, &[Code::NotFound, Code::RefreshInProgress, Code::RefreshRefused]],
        "getEventsOverview" | "listParkedOrders" | "listSkippedEvents" | "listReplays" => vec![ANY],
        "getParkedOrder" => vec![ANY, &[Code::OrderNotParked]],
        "redriveOrder" => vec![ANY, &[Code::OrderNotParked, Code::OutcomeUnknown]],
        "redriveAllOrders" => vec![ANY, &[Code::OutcomeUnknown]],
        "skipEvent" => vec![ANY, BODY, SKIP],
        "startReplay" => vec![ANY, BODY, &[Code::ReplayInProgress, Code::NoBrokers]],
        "getReplay" | "cancelReplay" => vec![ANY, &[Code::ReplayNotFound]],
        _ => vec![ANY, &[Code::OrderNotFound]],
    }
}

/// Adds the problems to every operation of the document.
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
            "503" => Some(("Retry-After", "Seconds after which to try again.")),
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
