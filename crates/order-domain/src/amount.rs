//! Exact, non-negative amounts of money: reading them from text, bounds, and their spelling.
//! No binary floating point, here or in the tests.

use std::fmt;

use rust_decimal::Decimal;

use crate::currency::Currency;
use crate::line::Quantity;

/// Decimals that are kept: the scale of `DECIMAL(19,4)`.
const SCALE: u32 = 4;
/// Digits before the point: those of `DECIMAL(19,4)`.
const WHOLE_DIGITS: i64 = 15;
/// The longest text that is looked at; an honest amount has at most 20 digits.
const LONGEST_TEXT: usize = 64;

/// An exact amount from 0 to 999,999,999,999,999.9999 (`DECIMAL(19,4)`), in the unit of the
/// order's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(Decimal);

/// Why a text or number is no [`Amount`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not a number in the grammar of JSON (RFC 8259, section 6).
    #[error("must be a decimal number such as \"49.99\"")]
    NotANumber,
    /// Below zero.
    #[error("must not be negative")]
    Negative,
    /// More decimals than `DECIMAL(19,4)` keeps; trailing zeros do not count.
    #[error("must have at most {SCALE} decimals")]
    TooManyDecimals,
    /// Above [`Amount::MAX`].
    #[error("must not be above {}", Amount::MAX.0)]
    TooLarge,
}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(Decimal::ZERO);
    /// The largest `DECIMAL(19,4)`: 999,999,999,999,999.9999.
    pub const MAX: Self = Self(Decimal::from_parts(0x89E7_FFFF, 0x8AC7_2304, 0, false, SCALE));

    /// Reads an amount from the text of a JSON number; exponents are allowed, so `1.5e1` is 15.
    ///
    /// # Errors
    /// [`AmountError`], each case by its name.
    pub fn parse(text: &str) -> Result<Self, AmountError> {
        let number = Number::read(text).ok_or(AmountError::NotANumber)?;
        let digits = || number.whole.bytes().chain(number.fraction.bytes());
        let is_zero = |digit: &u8| *digit == b'0';
        let all = number.whole.len().saturating_add(number.fraction.len());
        let leading = digits().take_while(is_zero).count();
        let trailing = digits().rev().take_while(is_zero).count();
        let significant = all.saturating_sub(leading).saturating_sub(trailing);
        // Where the last digit that is no zero stands, counted from the point, and likewise the
        // first one: known before any arithmetic, so that nothing can overflow or be rounded.
        let decimals = number
            .shift
            .saturating_add(signed(number.fraction.len()))
            .saturating_sub(signed(trailing));
        let before_point = signed(significant).saturating_sub(decimals);
        if leading == all {
            Ok(Self::ZERO)
        } else if number.negative {
            Err(AmountError::Negative)
        } else if before_point > WHOLE_DIGITS {
            Err(AmountError::TooLarge)
        } else if decimals > i64::from(SCALE) {
            Err(AmountError::TooManyDecimals)
        } else {
            // At most 19 digits, zeros for a positive exponent included.
            let mantissa = digits()
                .skip(leading)
                .take(significant)
                .map(|digit| i128::from(digit.saturating_sub(b'0')))
                .fold(0_i128, |sum, digit| sum.saturating_mul(10).saturating_add(digit));
            let zeros = u32::try_from(decimals.saturating_neg()).unwrap_or(0);
            let mantissa = mantissa.saturating_mul(10_i128.saturating_pow(zeros));
            let scale = u32::try_from(decimals).unwrap_or(0);
            Decimal::try_from_i128_with_scale(mantissa, scale)
                .map_or(Err(AmountError::TooLarge), Self::new)
        }
    }

    /// Takes a decimal number that was read exactly.
    ///
    /// # Errors
    /// [`AmountError`], each case by its name, but never `NotANumber`.
    pub fn new(value: Decimal) -> Result<Self, AmountError> {
        let value = value.normalize();
        if value.is_sign_negative() && !value.is_zero() {
            Err(AmountError::Negative)
        } else if value > Self::MAX.0 {
            Err(AmountError::TooLarge)
        } else if value.scale() > SCALE {
            Err(AmountError::TooManyDecimals)
        } else {
            Ok(Self(value))
        }
    }

    /// The exact decimal number, without trailing zeros.
    #[must_use]
    pub const fn as_decimal(self) -> Decimal {
        self.0
    }

    /// How many decimals this amount really has: 2 for 0.10 + 0.25, none for 3.00.
    #[must_use]
    pub const fn decimals(self) -> u32 {
        self.0.scale()
    }

    /// The exact sum; `None` above [`Amount::MAX`].
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).and_then(|sum| Self::new(sum).ok())
    }

    /// The exact product; `None` above [`Amount::MAX`].
    #[must_use]
    pub fn checked_times(self, quantity: Quantity) -> Option<Self> {
        self.0.checked_mul(Decimal::from(quantity.get())).and_then(|value| Self::new(value).ok())
    }

    /// Spells the amount with exactly the currency's decimals: `149.97`, JPY `150`, KWD `1.500`.
    #[must_use]
    pub const fn display(self, currency: Currency) -> AmountText {
        AmountText { amount: self, currency }
    }
}

/// An amount, ready to be written with its currency's decimals. See [`Amount::display`].
#[derive(Debug, Clone, Copy)]
pub struct AmountText {
    amount: Amount,
    currency: Currency,
}

impl fmt::Display for AmountText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Amount(value) = self.amount;
        let power = |exponent: u32| 10_i128.saturating_pow(exponent);
        // Never fewer than the amount has: spelling must not round.
        let decimals = self.currency.decimals().max(value.scale());
        let missing = power(decimals.saturating_sub(value.scale()));
        let digits = value.mantissa().saturating_mul(missing);
        // In 64 bits, where division is cheap: at most 19 digits, so they fit.
        let (Ok(mut rest), Ok(decimals)) = (u64::try_from(digits), usize::try_from(decimals))
        else {
            return Err(fmt::Error);
        };
        // By hand, from the last digit to the first: an order is full of amounts, and format
        // strings take several times as long. One digit before the point is always there.
        let least = if decimals == 0 { 1 } else { decimals.saturating_add(2) };
        let mut text = [b'0'; LONGEST_TEXT];
        let mut length = 0_usize;
        for character in text.iter_mut().rev() {
            if length == decimals && decimals > 0 {
                *character = b'.';
            } else if rest == 0 && length >= least {
                break;
            } else {
                *character |= u8::try_from(rest % 10).unwrap_or_default();
                rest /= 10;
            }
            length = length.saturating_add(1);
        }
        let unused = text.len().saturating_sub(length);
        let text = text.get(unused..).and_then(|text| std::str::from_utf8(text).ok());
        f.write_str(text.ok_or(fmt::Error)?)
    }
}

/// The parts of a JSON number: `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
struct Number<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    /// How far the point moves to the left: the exponent, negated.
    shift: i64,
}

impl<'a> Number<'a> {
    fn read(text: &'a str) -> Option<Self> {
        if text.len() > LONGEST_TEXT {
            return None;
        }
        let unsigned = text.strip_prefix('-');
        let negative = unsigned.is_some();
        let text = unsigned.unwrap_or(text);
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent),
            None => (text, "0"),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let up = exponent.strip_prefix('-').is_none();
        let moved = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let plain = digits(whole)
            && (whole == "0" || !whole.starts_with('0'))
            && fraction.is_none_or(digits)
            && digits(moved);
        // An exponent that does not fit is as good as the largest one.
        let moved = moved.parse::<i64>().unwrap_or(i64::MAX);
        plain.then_some(Self {
            negative,
            whole,
            fraction: fraction.unwrap_or(""),
            shift: if up { moved.saturating_neg() } else { moved },
        })
    }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What a buyer pays for one piece: 0 to 9,999,999.9999, in the order's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitPrice(Amount);

/// A unit price above [`UnitPrice::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be from 0 to 9999999.9999")]
pub struct UnitPriceTooLarge;

impl UnitPrice {
    /// The largest unit price: 9,999,999.9999.
    pub const MAX: Self = Self(Amount(Decimal::from_parts(0x4876_E7FF, 0x17, 0, false, SCALE)));

    /// Checks the range; the currency's decimals are checked with the lines of the order.
    ///
    /// # Errors
    /// [`UnitPriceTooLarge`].
    pub fn new(amount: Amount) -> Result<Self, UnitPriceTooLarge> {
        if amount <= Self::MAX.0 { Ok(Self(amount)) } else { Err(UnitPriceTooLarge) }
    }

    /// The price as an amount.
    #[must_use]
    pub const fn amount(self) -> Amount {
        self.0
    }

    /// Whether the price has no more decimals than its currency.
    #[must_use]
    pub const fn fits(self, currency: Currency) -> bool {
        self.0.decimals() <= currency.decimals()
    }
}
