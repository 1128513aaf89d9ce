//! Scalars: values that are text on the wire. What is none is refused before anything is executed (`is_valid`).

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::Utc;
use order_app::events::timestamp;
use serde::{Deserialize, Serialize};

use crate::body::time;

/// A scalar that is a text, with what says how it is spelled.
macro_rules! texts {
    ($($(#[doc = $doc:literal])+ $name:ident, $specification:literal;)+) => {$(
        #[doc = concat!($($doc, "\n"),+)]
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(transparent)]
        pub(super) struct $name(pub(super) String);

        $(#[doc = $doc])+
        #[Scalar(specified_by_url = $specification)]
        impl ScalarType for $name {
            fn parse(value: Value) -> InputValueResult<Self> {
                match value {
                    Value::String(text) => Ok(Self(text)),
                    other => Err(InputValueError::expected_type(other)),
                }
            }

            fn is_valid(value: &Value) -> bool {
                matches!(value, Value::String(_))
            }

            fn to_value(&self) -> Value {
                Value::String(self.0.clone())
            }
        }
    )+};
}

texts! {
    /// An exact decimal number as text, with the decimals of its currency: `"149.97"`. It is no JSON number, because clients
    /// would read those as binary floating point.
    Amount, "https://www.w3.org/TR/xmlschema11-2/#decimal";
    /// A currency by its code in ISO 4217: `"USD"`.
    Currency, "https://www.iso.org/iso-4217-currency-codes.html";
}

/// A place in a list, as an answer gave it. Opaque; the same in the REST interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor(pub(super) String);

/// A place in a list, as an answer gave it. Opaque; the same in the REST interface.
#[Scalar]
impl ScalarType for Cursor {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => Ok(Self(text)),
            // The cursor of an event is a number, and may be written as one.
            Value::Number(number) => Ok(Self(number.to_string())),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(_) | Value::Number(_))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// A time in UTC with microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DateTime(pub(super) chrono::DateTime<Utc>);

/// A time as in RFC 3339; in answers UTC with microseconds: `"2026-11-22T12:00:00.000000Z"`.
#[Scalar(specified_by_url = "https://www.rfc-editor.org/rfc/rfc3339")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => time(text).map(Self).map_err(InputValueError::custom),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(text) if time(text).is_ok())
    }

    fn to_value(&self) -> Value {
        Value::String(timestamp(self.0))
    }
}
