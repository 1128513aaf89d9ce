//! What single values must be: how each type of the domain is read from JSON text, what the OpenAPI
//! document says of it, and how it counts for a fingerprint.

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use order_domain::{
    Amount, AmountError, CancelReason, ClientReference, Currency, CustomerId, InvalidId, MAX_ID,
    Note, OrderEventKind, OrderId, OrderStatus, ProductId, ProductName, Quantity, TextError,
    UnitPrice, UnknownStatus, Version,
};
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use super::digest::{Digest, Digested};
use super::reader::{At, Noted, Reading, Value, Wrong};

const INVALID_TYPE: &str = "invalid_type";
pub(super) const INVALID_FORMAT: &str = "invalid_format";
const OUT_OF_RANGE: &str = "out_of_range";
pub(super) const UNKNOWN_VALUE: &str = "unknown_value";

/// A row for each type: its schema, its reader, and, where it is a part of fingerprints, its digest.
macro_rules! values {
    ($($type:ty: $schema:expr, $read:expr $(, $digest:expr)?;)+) => {$(
        impl $crate::body::reader::Value for $type {
            fn schema() -> serde_json::Value {
                $schema
            }

            fn read(
                value: &serde_json::value::RawValue,
                at: $crate::body::reader::At<'_>,
                reading: &mut $crate::body::reader::Reading,
            ) -> Result<Self, $crate::body::reader::Noted> {
                let read: fn(&serde_json::value::RawValue) -> Result<Self, Wrong> = $read;
                read(value).map_err(|wrong| reading.note(at, wrong))
            }
        }

        $(impl Digested for $type {
            fn digest(&self, digest: &mut Digest) {
                let write: fn(&Self, &mut Digest) = $digest;
                write(self, digest);
            }
        })?
    )+};
}

pub(super) use values;

values! {
    CustomerId: with_example(integer_schema(1, MAX_ID), 42), |value| id(value, Self::new),
        |id, digest| digest.number(id.get());
    ProductId: with_example(integer_schema(1, MAX_ID), 1001), |value| id(value, Self::new),
        |id, digest| digest.number(id.get());
    Quantity: with_example(integer_schema(1, Self::MAX.into()), 3), quantity,
        |quantity, digest| digest.number(quantity.get().into());
    Currency: reference("EnabledCurrency"),
        |value| Self::from_code(&string(value)?).map_err(unknown_value),
        |currency, digest| digest.text(currency.code());
    OrderStatus: reference("Status"), |value| string(value)?.parse()
        .map_err(|error: UnknownStatus| Wrong::new("unknown_status", error.to_string())),
        |status, digest| digest.text(status.as_str());
    CancelReason: reference("CancelReason"),
        |value| string(value)?.parse().map_err(unknown_value),
        |reason, digest| digest.text(reason.as_str());
    ClientReference:
        json!({"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}),
        |value| Self::new(string(value)?).map_err(text_wrong),
        |reference, digest| digest.text(reference.as_str());
    ProductName: with_example(text_schema(Self::MAX), "Desk lamp"),
        |value| Self::new(string(value)?).map_err(text_wrong),
        |name, digest| digest.text(name.as_str());
    Note: text_schema(Self::MAX), |value| Self::new(string(value)?).map_err(text_wrong),
        |note, digest| digest.text(note.as_str());
    OrderId: integer_schema(1, MAX_ID), |value| id(value, Self::new);
    Version: integer_schema(1, MAX_ID), |value| within(value, 1, MAX_ID)
        .and_then(|number| Self::new(number).map_err(out_of_range));
    OrderEventKind: json!({"type": "string"}), |value| string(value)?.parse().map_err(unknown_value);
    DateTime<Utc>: json!({"type": "string", "format": "date-time"}),
        |value| time(&string(value)?).map_err(|rule| Wrong::new(INVALID_FORMAT, rule)),
        |time, digest| digest.number(time.timestamp_micros());
    bool: json!({"type": "boolean"}), |value| serde_json::from_str(value.get())
        .map_err(|_| Wrong::new(INVALID_TYPE, "must be true or false"));
}

impl Value for UnitPrice {
    fn schema() -> Json {
        reference("UnitPrice")
    }

    fn read(value: &RawValue, at: At<'_>, reading: &mut Reading) -> Result<Self, Noted> {
        unit_price(value, reading.currency).map_err(|wrong| reading.note(at, wrong))
    }
}

impl Digested for UnitPrice {
    fn digest(&self, digest: &mut Digest) {
        self.get().digest(digest);
    }
}

/// The total that the client claims.
impl Value for Amount {
    fn schema() -> Json {
        reference("ClaimedTotal")
    }

    fn read(value: &RawValue, at: At<'_>, reading: &mut Reading) -> Result<Self, Noted> {
        let read = amount(value).and_then(|read| match read {
            Err(AmountError::TooLarge) => {
                reading.claims_too_much = true;
                Ok(Self::MAX)
            }
            read => read.map_err(amount_wrong),
        });
        read.map_err(|wrong| reading.note(at, wrong))
    }
}

impl Digested for Amount {
    /// The spelling without trailing zeros, so that 2.50 is 2.5.
    fn digest(&self, digest: &mut Digest) {
        digest.text(&self.to_string());
    }
}

pub(super) fn reference(schema: &str) -> Json {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

/// The schema of whole numbers within bounds, both included.
pub(super) fn integer_schema(least: i64, most: i64) -> Json {
    json!({"type": "integer", "format": "int64", "minimum": least, "maximum": most})
}

fn text_schema(most: usize) -> Json {
    let pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$";
    json!({"type": "string", "maxLength": most, "pattern": pattern})
}

fn with_example(mut schema: Json, example: impl Into<Json>) -> Json {
    if let Some(members) = schema.as_object_mut() {
        members.insert("example".to_owned(), example.into());
    }
    schema
}

/// An identifier, by its constructor.
fn id<T>(value: &RawValue, new: impl Fn(i64) -> Result<T, InvalidId>) -> Result<T, Wrong> {
    let number = integer(value, || InvalidId.to_string())?;
    new(number).map_err(out_of_range)
}

fn quantity(value: &RawValue) -> Result<Quantity, Wrong> {
    let message = || format!("must be an integer from 1 to {}", Quantity::MAX);
    Quantity::new(integer(value, message)?).map_err(out_of_range)
}

/// Without a currency, how many decimals a price has is not looked at.
fn unit_price(value: &RawValue, currency: Option<Currency>) -> Result<UnitPrice, Wrong> {
    let amount = amount(value)?.map_err(amount_wrong)?;
    let price = UnitPrice::new(amount).map_err(out_of_range)?;
    match currency {
        Some(currency) if !price.fits(currency) => {
            let most = currency.decimals();
            let message = format!("must have at most {most} decimals in {currency}");
            Err(Wrong::new("too_many_decimals", message))
        }
        _ => Ok(price),
    }
}

/// A whole number within bounds, both included.
pub(super) fn within(value: &RawValue, least: i64, most: i64) -> Result<i64, Wrong> {
    let rule = || format!("must be an integer from {least} to {most}");
    let number = integer(value, rule)?;
    let fits = (least..=most).contains(&number);
    fits.then_some(number).ok_or_else(|| Wrong::new(OUT_OF_RANGE, rule()))
}

/// The values of an array of `least` to `most`. Longer arrays are not looked at.
pub(super) fn array(value: &RawValue, least: usize, most: usize) -> Result<Vec<&RawValue>, Wrong> {
    let values: Vec<&RawValue> = serde_json::from_str(value.get())
        .map_err(|_| Wrong::new(INVALID_TYPE, "must be an array"))?;
    if (least..=most).contains(&values.len()) {
        Ok(values)
    } else {
        Err(Wrong::new(OUT_OF_RANGE, format!("must have {least} to {most} entries")))
    }
}

fn out_of_range(error: impl std::error::Error) -> Wrong {
    Wrong::new(OUT_OF_RANGE, error.to_string())
}

fn unknown_value(error: impl std::error::Error) -> Wrong {
    Wrong::new(UNKNOWN_VALUE, error.to_string())
}

/// A string and a number are read alike: from their text, so that no digit is lost.
pub(super) fn amount(value: &RawValue) -> Result<Result<Amount, AmountError>, Wrong> {
    let text = value.get();
    if text.starts_with('"') {
        Ok(Amount::parse(&string(value)?))
    } else if is_number(text) {
        Ok(Amount::parse(text))
    } else {
        Err(Wrong::new(INVALID_TYPE, AmountError::NotANumber.to_string()))
    }
}

pub(super) fn amount_wrong(error: AmountError) -> Wrong {
    let code = match error {
        AmountError::NotANumber => INVALID_FORMAT,
        AmountError::Negative | AmountError::TooLarge => OUT_OF_RANGE,
        AmountError::TooManyDecimals => "too_many_decimals",
    };
    Wrong::new(code, error.to_string())
}

fn text_wrong(error: TextError) -> Wrong {
    let code = match error {
        TextError::TooLong { .. } => "too_long",
        TextError::ControlCharacter | TextError::NotAReference => INVALID_FORMAT,
    };
    Wrong::new(code, error.to_string())
}

pub(super) fn string(value: &RawValue) -> Result<String, Wrong> {
    if !value.get().starts_with('"') {
        return Err(Wrong::new(INVALID_TYPE, "must be a string"));
    }
    // The text is JSON, so only half of a surrogate pair can be wrong with it.
    serde_json::from_str(value.get())
        .map_err(|_| Wrong::new(INVALID_FORMAT, "must be valid Unicode"))
}

/// A whole number. JSON Schema calls 2.0 an integer as well, and some languages write so.
pub(super) fn integer(value: &RawValue, message: impl Fn() -> String) -> Result<i64, Wrong> {
    let text = value.get();
    if !is_number(text) {
        return Err(Wrong::new(INVALID_TYPE, message()));
    }
    let whole = match text.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|b| b == b'0') => whole,
        Some(_) => return Err(Wrong::new(INVALID_TYPE, message())),
        None => text,
    };
    if whole.contains(['e', 'E']) {
        return Err(Wrong::new(INVALID_TYPE, message()));
    }
    whole.parse().map_err(|_| Wrong::new(OUT_OF_RANGE, message()))
}

/// Whether a value that is known to be JSON is a number.
fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
}

/// Reads a time as RFC 3339 spells it. Orders have microseconds: a finer bound is rounded up, which
/// selects the same orders. So does a bound moved into the years that every database can compare.
pub(crate) fn time(text: &str) -> Result<DateTime<Utc>, String> {
    let read = DateTime::parse_from_rfc3339(text).map_err(|_| {
        "must be a time as in RFC 3339, such as 2026-11-22T12:00:00Z (a + is written %2B)"
            .to_owned()
    })?;
    let exact = read.to_utc();
    let cut = exact.trunc_subsecs(6);
    let micros = if cut < exact {
        cut.checked_add_signed(TimeDelta::microseconds(1)).unwrap_or(cut)
    } else {
        cut
    };
    let bound = |seconds| DateTime::from_timestamp(seconds, 0).unwrap_or(micros);
    // 1970-01-01T00:00:00Z and 9999-12-31T00:00:00Z.
    Ok(micros.clamp(bound(0), bound(253_402_214_400)))
}
