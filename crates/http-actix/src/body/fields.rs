//! What single fields must be: from JSON text to values of the domain. Each reader takes the text
//! of one value and says what is wrong with it.

use order_domain::{
    Amount, AmountError, CancelReason, ClientReference, Currency, InvalidId, Note, OrderStatus,
    ProductName, Quantity, TextError, UnitPrice,
};
use serde_json::value::RawValue;

use super::reader::Wrong;

const INVALID_TYPE: &str = "invalid_type";
const INVALID_FORMAT: &str = "invalid_format";
const OUT_OF_RANGE: &str = "out_of_range";
const UNKNOWN_VALUE: &str = "unknown_value";

/// An identifier, by its constructor.
pub(super) fn id<T>(
    new: impl Fn(i64) -> Result<T, InvalidId>,
) -> impl Fn(&RawValue) -> Result<T, Wrong> {
    move |value| {
        let number = integer(value, || InvalidId.to_string())?;
        new(number).map_err(|error| Wrong::new(OUT_OF_RANGE, error.to_string()))
    }
}

pub(super) fn quantity(value: &RawValue) -> Result<Quantity, Wrong> {
    let message = || format!("must be an integer from 1 to {}", Quantity::MAX);
    let number = integer(value, message)?;
    Quantity::new(number).map_err(|error| Wrong::new(OUT_OF_RANGE, error.to_string()))
}

/// A unit price; its currency's decimals are checked when the currency is known.
pub(super) fn unit_price(value: &RawValue) -> Result<UnitPrice, Wrong> {
    let amount = amount(value)?;
    UnitPrice::new(amount).map_err(|error| Wrong::new(OUT_OF_RANGE, error.to_string()))
}

/// What the client believes the total to be.
#[derive(Clone, Copy)]
pub(super) enum ClaimedTotal {
    Amount(Amount),
    /// A well-formed amount above the largest: a broken rule rather than a wrong field.
    Overflow,
}

pub(super) fn claimed_total(value: &RawValue) -> Result<ClaimedTotal, Wrong> {
    match parse_amount(value)? {
        Ok(amount) => Ok(ClaimedTotal::Amount(amount)),
        Err(AmountError::TooLarge) => Ok(ClaimedTotal::Overflow),
        Err(error) => Err(amount_wrong(error)),
    }
}

pub(super) fn currency(value: &RawValue) -> Result<Currency, Wrong> {
    let text = string(value)?;
    Currency::from_code(&text).map_err(|error| Wrong::new(UNKNOWN_VALUE, error.to_string()))
}

pub(super) fn status(value: &RawValue) -> Result<OrderStatus, Wrong> {
    string(value)?.parse().map_err(|error| {
        Wrong::new("unknown_status", order_domain::UnknownStatus::to_string(&error))
    })
}

pub(super) fn cancel_reason(value: &RawValue) -> Result<CancelReason, Wrong> {
    string(value)?.parse().map_err(|error| {
        Wrong::new(UNKNOWN_VALUE, order_domain::UnknownCancelReason::to_string(&error))
    })
}

pub(super) fn client_reference(value: &RawValue) -> Result<ClientReference, Wrong> {
    ClientReference::new(string(value)?).map_err(text_wrong)
}

pub(super) fn product_name(value: &RawValue) -> Result<ProductName, Wrong> {
    ProductName::new(string(value)?).map_err(text_wrong)
}

pub(super) fn note(value: &RawValue) -> Result<Note, Wrong> {
    Note::new(string(value)?).map_err(text_wrong)
}

/// The values of an array of `least` to `most`. Longer arrays are not looked at.
pub(super) fn array(
    least: usize,
    most: usize,
) -> impl Fn(&RawValue) -> Result<Vec<&RawValue>, Wrong> {
    move |value| {
        let values: Vec<&RawValue> = serde_json::from_str(value.get())
            .map_err(|_| Wrong::new(INVALID_TYPE, "must be an array"))?;
        if (least..=most).contains(&values.len()) {
            Ok(values)
        } else {
            let message = format!("must have {least} to {most} entries");
            Err(Wrong::new(OUT_OF_RANGE, message))
        }
    }
}

fn amount(value: &RawValue) -> Result<Amount, Wrong> {
    parse_amount(value)?.map_err(amount_wrong)
}

/// A string and a number are read alike: from their text, so that no digit is lost.
fn parse_amount(value: &RawValue) -> Result<Result<Amount, AmountError>, Wrong> {
    let text = value.get();
    if text.starts_with('"') {
        Ok(Amount::parse(&string(value)?))
    } else if is_number(text) {
        Ok(Amount::parse(text))
    } else {
        Err(Wrong::new(INVALID_TYPE, AmountError::NotANumber.to_string()))
    }
}

fn amount_wrong(error: AmountError) -> Wrong {
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

fn string(value: &RawValue) -> Result<String, Wrong> {
    if !value.get().starts_with('"') {
        return Err(Wrong::new(INVALID_TYPE, "must be a string"));
    }
    // The text is JSON, so only half of a surrogate pair can be wrong with it.
    serde_json::from_str(value.get())
        .map_err(|_| Wrong::new(INVALID_FORMAT, "must be valid Unicode"))
}

/// A whole number. JSON Schema calls 2.0 an integer as well, and some languages write so.
fn integer(value: &RawValue, message: impl Fn() -> String) -> Result<i64, Wrong> {
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

#[cfg(test)]
mod tests {
    use order_domain::CustomerId;

    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn quantities_are_whole_numbers_within_bounds() {
        let read = |text| quantity(&raw(text)).map(Quantity::get).map_err(|w| w.code);
        assert_eq!(read("1"), Ok(1));
        assert_eq!(read("9999"), Ok(9_999));
        assert_eq!(read("2.0"), Ok(2));
        for (text, code) in [
            ("0", OUT_OF_RANGE),
            ("10000", OUT_OF_RANGE),
            ("-1", OUT_OF_RANGE),
            ("99999999999999999999", OUT_OF_RANGE),
            ("1.5", INVALID_TYPE),
            ("1e2", INVALID_TYPE),
            ("\"2\"", INVALID_TYPE),
            ("true", INVALID_TYPE),
            ("null", INVALID_TYPE),
            ("[1]", INVALID_TYPE),
        ] {
            assert_eq!(read(text), Err(code), "{text}");
        }
    }

    #[test]
    fn ids_end_where_json_integers_stop_being_exact() {
        let read = |text| id(CustomerId::new)(&raw(text)).map_err(|w| w.code);
        assert_eq!(read("9007199254740991"), Ok(CustomerId::new(9_007_199_254_740_991).unwrap()));
        assert_eq!(read("9007199254740992"), Err(OUT_OF_RANGE));
        assert_eq!(read("9007199254740991.5"), Err(INVALID_TYPE));
    }

    #[test]
    fn prices_are_read_from_their_text() {
        let read = |text| unit_price(&raw(text)).map(|price| price.to_string()).map_err(|w| w.code);
        for (text, amount) in [
            ("49.99", "49.99"),
            ("\"49.990\"", "49.99"),
            ("0.1", "0.1"),
            ("1e1", "10"),
            ("9999999.9999", "9999999.9999"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(amount), "{text}");
        }
        for (text, code) in [
            ("-0.01", OUT_OF_RANGE),
            ("10000000", OUT_OF_RANGE),
            ("0.00001", "too_many_decimals"),
            ("\"\"", INVALID_FORMAT),
            ("\"1,5\"", INVALID_FORMAT),
            ("true", INVALID_TYPE),
            ("{}", INVALID_TYPE),
        ] {
            assert_eq!(read(text), Err(code), "{text}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_no_text() {
        assert_eq!(product_name(&raw(r#""\ud800""#)).map_err(|w| w.code), Err(INVALID_FORMAT));
    }
}
