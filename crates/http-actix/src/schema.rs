//! The schemas of single values, by name. They say exactly what the readers in `body` and `request`
//! take, which for amounts and currencies depends on the instance's settings.

use order_app::currencies::Currencies;
use order_domain::{CancelReason, Currency, MAX_ID, OrderEventKind, OrderStatus};
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{Array, ArrayBuilder, ObjectBuilder, Ref, Schema, Type};

mod parameters;

pub(crate) use parameters::*;

macro_rules! refs {
    ($($function:ident $schema:literal;)+) => {
        $(pub(crate) fn $function() -> Ref { Ref::from_schema_name($schema) })+
    };
}

// References to the schemas, for the descriptions of bodies and parameters.
refs! {
    id "Id";
    status_in "StatusInput";
    status_out "Status";
    cancel_reason_out "CancelReason";
    time_in "Time";
    time_out "Timestamp";
    cursor "Cursor";
    cursor_or_null "CursorOrNull";
    idempotency_key "IdempotencyKey";
}

/// A list of statuses as a parameter.
pub(crate) fn statuses_in() -> Array {
    ArrayBuilder::new().items(status_in()).build()
}

/// A list of statuses in an answer.
pub(crate) fn statuses_out() -> Array {
    ArrayBuilder::new().items(status_out()).build()
}

/// A list of types of events as a parameter.
fn types_in() -> Array {
    let types = OrderEventKind::ALL.map(OrderEventKind::as_str);
    let one = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(types)).build();
    ArrayBuilder::new().items(one).build()
}

/// `*` or a list of entity tags, which may be empty and then matches nothing.
fn entity_tags() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(r#"^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)?$"#))
        .build()
        .into()
}

const CURSOR: &str = "^[A-Za-z0-9_-]{34}$";

/// All of them, as an instance with these currencies takes and gives them.
pub(crate) fn values(currencies: &Currencies) -> Map<String, Value> {
    let mut all = amounts(currencies);
    all.extend(words());
    all.extend(tokens());
    all
}

pub(crate) fn object(members: Value) -> Map<String, Value> {
    match members {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn amounts(currencies: &Currencies) -> Map<String, Value> {
    let enabled: Vec<_> =
        Currency::all().filter(|currency| currencies.choose(Some(*currency)).is_ok()).collect();
    let decimals = enabled.iter().map(|currency| currency.decimals()).max();
    let decimals = decimals.unwrap_or(2);
    let mut codes: Vec<_> = enabled.iter().map(|currency| json!(currency.code())).collect();
    codes.push(Value::Null);
    // JSON numbers are decimal here, whatever binary neighbours a client's float may have.
    let step = ["1", "0.1", "0.01", "0.001", "0.0001"];
    let step = usize::try_from(decimals).ok().and_then(|at| step.get(at));
    let step: Value = step.and_then(|step| step.parse().ok()).unwrap_or(Value::Null);
    object(json!({
        "UnitPrice": {
            "description": format!(
                "An exact amount from 0 to 9999999.9999, with at most the decimals of the currency \
                 (here at most {decimals}); a string, or a JSON number that is read from its text."),
            "anyOf": [
                {"type": "string", "maxLength": 64, "pattern": decimal_pattern(7, decimals)},
                {"type": "number", "minimum": 0, "maximum": 9_999_999, "multipleOf": step},
            ],
            "examples": ["49.99"],
        },
        "ClaimedTotal": {
            "description": "The exact sum of quantity times unit price; any other amount is refused.",
            "anyOf": [
                {"type": "string", "maxLength": 64, "pattern": decimal_pattern(15, 4)},
                {"type": "number", "minimum": 0, "maximum": 999_999_999_999_999_i64, "multipleOf": 0.0001},
                {"type": "null"},
            ],
            "examples": ["149.97"],
        },
        "CurrencyOrNull": {
            "description": "ISO 4217, one that this instance accepts; its default when absent.",
            "type": ["string", "null"],
            "enum": codes,
        },
    }))
}

/// Plain decimals; trailing zeros do not count.
fn decimal_pattern(digits: u32, decimals: u32) -> String {
    let most = digits.saturating_sub(1);
    match decimals {
        0 => format!(r"^(0|[1-9][0-9]{{0,{most}}})(\.0+)?$"),
        _ => format!(r"^(0|[1-9][0-9]{{0,{most}}})(\.[0-9]{{1,{decimals}}}0*)?$"),
    }
}

fn words() -> Map<String, Value> {
    let statuses = OrderStatus::ALL.map(OrderStatus::as_str);
    let reasons = CancelReason::ALL.map(CancelReason::as_str);
    let moving = statuses.iter().filter(|status| **status != "CANCELLED");
    let mut or_null: Vec<_> = reasons.iter().map(|reason| json!(reason)).collect();
    or_null.push(Value::Null);
    object(json!({
        "Status": {"type": "string", "enum": statuses},
        "StatusInput": status_input(statuses.iter().chain(&["CANCELED"]), "CONFIRMED"),
        "CancelledStatusInput": status_input(["CANCELLED", "CANCELED"].iter(), "CANCELLED"),
        "MovingStatusInput": status_input(moving, "CONFIRMED"),
        "CancelReason": {"type": "string", "enum": reasons},
        "CancelReasonOrNull": {
            "description": "Why; only with the status CANCELLED. OTHER when absent.",
            "type": ["string", "null"],
            "enum": or_null,
        },
    }))
}

fn status_input<'a>(words: impl Iterator<Item = &'a &'static str>, example: &str) -> Value {
    json!({
        "description": "PENDING, CONFIRMED, IN_PROGRESS, DELIVERED or CANCELLED; in any case, with \
            a space or hyphen for the underscore, and CANCELED.",
        "type": "string",
        "pattern": lenient(words),
        "examples": [example],
    })
}

/// A pattern for words in any case, with a space or hyphen for the underscore.
fn lenient<'a>(words: impl Iterator<Item = &'a &'static str>) -> String {
    let letter = |c: char| match c {
        '_' => "[_ -]".to_owned(),
        c => format!("[{c}{}]", c.to_ascii_lowercase()),
    };
    let words: Vec<String> = words.map(|word| word.chars().map(letter).collect()).collect();
    format!("^({})$", words.join("|"))
}

fn tokens() -> Map<String, Value> {
    object(json!({
        "Id": {"type": "integer", "format": "int64", "minimum": 1, "maximum": MAX_ID, "examples": [123]},
        "Time": {
            "description": "RFC 3339, with a time zone.",
            "type": "string",
            "format": "date-time",
        },
        "Timestamp": {
            "description": "RFC 3339, UTC, in microseconds.",
            "type": "string",
            "format": "date-time",
            "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$",
            "examples": ["2026-11-22T12:00:00.000000Z"],
        },
        "Cursor": {"type": "string", "pattern": CURSOR},
        "CursorOrNull": {
            "description": "Where the next page starts; null on the last page.",
            "type": ["string", "null"],
            "pattern": CURSOR,
        },
        "IdempotencyKey": {
            "description": "1 to 255 visible ASCII characters, bare or as a quoted string.",
            "type": "string",
            "pattern": r#"^([!#-~][!-~]{0,254}|"([!#-\[\]-~]|\\["\\]){1,255}")$"#,
            "examples": ["7f2c0a4e-order-1"],
        },
    }))
}
