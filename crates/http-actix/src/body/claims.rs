//! Fields that only answers need. A request may have them, so that a client can put back what GET
//! gives; a field with another value than the service's is refused as `field_mismatch`. This file
//! compares what the body alone decides, and reads what the stored order decides into a [`Claim`].
//! None of it is part of a fingerprint.

use chrono::{DateTime, Utc};
use order_app::orders::Claim;
use order_domain::{
    Amount, AmountError, CancelReason, ClientReference, Currency, CustomerId, OrderId, OrderLine,
    OrderStatus, Version,
};
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use super::declaration::{Body, describe};
use super::reader::{At, Fields, Noted, Reading, Value, Wrong};
use super::values::{INVALID_FORMAT, amount, amount_wrong, array, reference, string};
use crate::problem::FIELD_MISMATCH;

/// A field that only answers need.
pub(super) struct Row {
    name: &'static str,
    about: &'static str,
    schema: fn() -> Json,
    read: fn(&RawValue, At<'_>, &mut Reading) -> Result<Option<Claim>, Noted>,
}

/// A field whose value the stored order decides: its type, or its schema and its reader.
macro_rules! stored {
    ($name:literal, $about:literal, $claim:ident, $type:ty) => {
        stored!($name, $about, $claim, <$type as Value>::schema, <$type as Value>::read)
    };
    ($name:literal, $about:literal, $claim:ident, $schema:expr, $read:expr) => {
        Row {
            name: $name,
            about: $about,
            schema: $schema,
            read: |value, at, reading| {
                let read: Result<_, Noted> = $read(value, at, reading);
                read.map(|read| Some(Claim::$claim(read)))
            },
        }
    };
}

const ID: Row = stored!("id", "The order's id.", Id, OrderId);
const CUSTOMER: Row = stored!("customerId", "Who placed the order.", Customer, CustomerId);
const ITEMS: Row = stored!("items", "The order's lines.", Lines, Vec<OrderLine>);
const TOTAL: Row = stored!("totalAmount", "The sum of the lines.", Total, total_schema, total);
const STATUS: Row = stored!("status", "Where the order stands.", Status, OrderStatus);
const VERSION: Row = stored!("version", "The stored version.", Version, Version);
const REFERENCE: Row = stored!(
    "clientReference",
    "The client's own name for the order.",
    ClientReference,
    ClientReference
);
const CANCEL_REASON: Row =
    stored!("cancelReason", "Why the order was cancelled.", CancelReason, CancelReason);
const CREATED_AT: Row =
    stored!("createdAt", "When the order was placed.", CreatedAt, time_schema, instant);
const UPDATED_AT: Row =
    stored!("updatedAt", "When the order last changed.", UpdatedAt, time_schema, instant);
const TRANSITIONS: Row = stored!(
    "allowedTransitions",
    "Where the order may go from there.",
    Transitions,
    || json!({"type": "array", "items": OrderStatus::schema()}),
    transitions
);
/// An order keeps its currency, also when it is no longer among those that new orders may have.
const CURRENCY: Row = stored!(
    "currency",
    "The order's currency.",
    Currency,
    || json!({"type": "string"}),
    Currency::read
);

/// Beside new lines.
pub(super) const OF_LINES: &[Row] = &[
    ID,
    CUSTOMER,
    CURRENCY,
    STATUS,
    TRANSITIONS,
    VERSION,
    REFERENCE,
    CANCEL_REASON,
    CREATED_AT,
    UPDATED_AT,
];

/// Beside another status.
pub(super) const OF_STATUS: &[Row] = &[
    ID,
    CUSTOMER,
    ITEMS,
    CURRENCY,
    TOTAL,
    TRANSITIONS,
    VERSION,
    REFERENCE,
    CANCEL_REASON,
    CREATED_AT,
    UPDATED_AT,
];

/// Beside a new order, which begins the same each time.
pub(super) const OF_NEW: &[Row] = &[
    Row { read: |value, at, reading| begins(&OrderStatus::Pending, value, at, reading), ..STATUS },
    Row {
        read: |value, at, reading| {
            let claimed = transitions(value, at, reading)?;
            let next: Vec<_> = OrderStatus::Pending.allowed_transitions().collect();
            let same = next.iter().all(|status| claimed.contains(status))
                && claimed.iter().all(|status| next.contains(status));
            let names: Vec<_> = next.into_iter().map(OrderStatus::as_str).collect();
            equal(same, &names.join(", "), at, reading)
        },
        ..TRANSITIONS
    },
    Row { read: |value, at, reading| begins(&Version::FIRST, value, at, reading), ..VERSION },
];

/// What a client cannot know of a new order.
const GIVEN: &[&str] = &["id", "cancelReason", "createdAt", "updatedAt"];

const LINE_TOTAL: &str = "lineTotal";

/// Reads a body and the claims in it.
pub(super) fn read<B: Body>(
    mut fields: Fields<'_>,
    rows: &[Row],
    reading: &mut Reading,
) -> (Result<B, Noted>, Vec<Claim>) {
    let mut claims = Vec::new();
    for Row { name, read, .. } in rows {
        if let Ok(Some(Some(claim))) = fields.aside(name, reading, read) {
            claims.push(claim);
        }
    }
    (B::read(fields, reading), claims)
}

/// Refuses what a client cannot know of a new order.
pub(super) fn refuse_given(fields: &mut Fields<'_>, reading: &mut Reading) {
    for name in GIVEN {
        let _ = fields.aside(name, reading, |_, at, reading| {
            let message = "must be left out: it is not known before the order is placed";
            Err::<(), _>(reading.note(at, Wrong::new(FIELD_MISMATCH, message)))
        });
    }
}

/// Reads a line, whose total must be right when it is given.
pub(super) fn line(
    mut fields: Fields<'_>,
    at: At<'_>,
    reading: &mut Reading,
) -> Result<OrderLine, Noted> {
    let claimed = fields.aside(LINE_TOTAL, reading, total);
    let line = OrderLine::read(fields, reading)?;
    if let Some(claimed) = claimed? {
        let exact = line.total();
        let spelled = |currency| exact.display(currency).to_string();
        let spelled = reading.currency.map_or_else(|| exact.to_string(), spelled);
        equal(claimed == exact, &spelled, At::Field(&at, LINE_TOTAL), reading)?;
    }
    Ok(line)
}

/// Adds the fields to the schema of a body.
pub(super) fn describe_all(schema: &mut Json, rows: &[Row]) {
    for Row { name, about, schema: of_value, .. } in rows {
        let about = format!("{about} Need not be sent; refused when it is not so.");
        describe(schema, name, &about, of_value());
    }
}

/// Adds the total to the schema of a line.
pub(super) fn describe_line(schema: &mut Json) {
    let about = "Quantity times unit price. Need not be sent; refused when it is not so.";
    describe(schema, LINE_TOTAL, about, total_schema());
}

fn begins<T: Value + PartialEq + ToString>(
    new: &T,
    value: &RawValue,
    at: At<'_>,
    reading: &mut Reading,
) -> Result<Option<Claim>, Noted> {
    let claimed = T::read(value, at, reading)?;
    equal(claimed == *new, &new.to_string(), at, reading)
}

fn equal(
    same: bool,
    expected: &str,
    at: At<'_>,
    reading: &mut Reading,
) -> Result<Option<Claim>, Noted> {
    let wrong = || Wrong::new(FIELD_MISMATCH, format!("must be {expected}, or be left out"));
    if same { Ok(None) } else { Err(reading.note(at, wrong())) }
}

fn total_schema() -> Json {
    reference("Amount")
}

fn time_schema() -> Json {
    json!({"type": "string", "format": "date-time"})
}

/// An amount above the largest one is read as the largest, which no order and no line has.
fn total(value: &RawValue, at: At<'_>, reading: &mut Reading) -> Result<Amount, Noted> {
    let read = amount(value).and_then(|read| match read {
        Err(AmountError::TooLarge) => Ok(Amount::MAX),
        read => read.map_err(amount_wrong),
    });
    read.map_err(|wrong| reading.note(at, wrong))
}

fn transitions(
    value: &RawValue,
    at: At<'_>,
    reading: &mut Reading,
) -> Result<Vec<OrderStatus>, Noted> {
    let most = OrderStatus::ALL.len();
    let values = array(value, 0, most).map_err(|wrong| reading.note(at, wrong))?;
    let one = |(position, value): (usize, &RawValue)| {
        OrderStatus::read(value, At::Entry(&at, position), reading)
    };
    values.into_iter().enumerate().map(one).collect()
}

/// Unlike a bound of a list, an instant is taken as exactly as it is given.
fn instant(value: &RawValue, at: At<'_>, reading: &mut Reading) -> Result<DateTime<Utc>, Noted> {
    let read = string(value).and_then(|text| {
        let read = DateTime::parse_from_rfc3339(&text);
        read.map_err(|_| Wrong::new(INVALID_FORMAT, "must be a time as in RFC 3339"))
    });
    read.map(|read| read.to_utc()).map_err(|wrong| reading.note(at, wrong))
}
