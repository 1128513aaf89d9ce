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
/// Fifteen digits, the point and four decimals.
const LONGEST_SPELLING: usize = 20;

/// So many ten-thousandths are one.
const ONE: u64 = 10_000;
/// Ten-thousandths of the largest amount: nineteen nines.
const MOST: u64 = 9_999_999_999_999_999_999;

/// An exact amount from 0 to 999,999,999,999,999.9999 (`DECIMAL(19,4)`), in the unit of the
/// order's currency.
///
/// It is a whole number of ten-thousandths, of which the largest just fits into 64 bits: so sums and
/// products are those of whole numbers, and an order, which is full of amounts, is cheap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(u64);

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
    #[error("must not be above {}", Amount::MAX.as_decimal())]
    TooLarge,
}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest `DECIMAL(19,4)`: 999,999,999,999,999.9999.
    pub const MAX: Self = Self(MOST);

    /// Reads an amount from the text of a JSON number; exponents are allowed, so `1.5e1` is 15.
    ///
    /// # Errors
    /// [`AmountError`], each case by its name.
    pub fn parse(text: &str) -> Result<Self, AmountError> {
        match usual(text) {
            Some(count) => Ok(Self(count)),
            None => any(text),
        }
    }

    /// Takes a decimal number that was read exactly.
    ///
    /// # Errors
    /// [`AmountError`], each case by its name, but never `NotANumber`.
    pub fn new(value: Decimal) -> Result<Self, AmountError> {
        if value.is_sign_negative() && !value.is_zero() {
            return Err(AmountError::Negative);
        }
        // Trailing zeros matter only where there are more decimals than are kept.
        let value = if value.scale() > SCALE { value.normalize() } else { value };
        let missing = SCALE.checked_sub(value.scale());
        let count = missing.map(|zeros| {
            let count = value.mantissa().saturating_mul(10_i128.saturating_pow(zeros));
            u64::try_from(count).ok().filter(|count| *count <= MOST)
        });
        match count {
            Some(Some(count)) => Ok(Self(count)),
            Some(None) => Err(AmountError::TooLarge),
            None if value > Self::MAX.as_decimal() => Err(AmountError::TooLarge),
            None => Err(AmountError::TooManyDecimals),
        }
    }

    /// The exact decimal number, without trailing zeros.
    #[must_use]
    pub fn as_decimal(self) -> Decimal {
        Decimal::from_i128_with_scale(self.0.into(), SCALE).normalize()
    }

    /// How many decimals this amount really has: 2 for 0.10 + 0.25, none for 3.00.
    #[must_use]
    pub const fn decimals(self) -> u32 {
        match self.0 % ONE {
            0 => 0,
            fraction if fraction % 1_000 == 0 => 1,
            fraction if fraction % 100 == 0 => 2,
            fraction if fraction % 10 == 0 => 3,
            _ => SCALE,
        }
    }

    /// The exact sum; `None` above [`Amount::MAX`].
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).filter(|sum| *sum <= MOST).map(Self)
    }

    /// The exact product; `None` above [`Amount::MAX`].
    #[must_use]
    pub fn checked_times(self, quantity: Quantity) -> Option<Self> {
        let product = self.0.checked_mul(quantity.get().into());
        product.filter(|product| *product <= MOST).map(Self)
    }

    /// Spells the amount with exactly the currency's decimals: `149.97`, JPY `150`, KWD `1.500`.
    #[must_use]
    pub fn display(self, currency: Currency) -> AmountText {
        // Never fewer than the amount has: spelling must not round.
        AmountText::of(self, currency.decimals().max(self.decimals()).min(SCALE))
    }
}

/// An amount, spelled with its currency's decimals. See [`Amount::display`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AmountText {
    /// Ends with the spelling.
    text: [u8; LONGEST_SPELLING],
    /// Where that begins.
    from: usize,
}

impl AmountText {
    /// By hand, from the last digit to the first: an order is full of amounts, and format strings
    /// take several times as long.
    fn of(Amount(count): Amount, decimals: u32) -> Self {
        let unit = 10_u64.saturating_pow(SCALE.saturating_sub(decimals));
        let mut rest = count.checked_div(unit).unwrap_or(count);
        let mut last_digit = || {
            let digit = u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
            (b'0' | digit, rest == 0)
        };
        let mut text = [b'0'; LONGEST_SPELLING];
        let mut places = text.iter_mut().rev();
        let decimals = usize::try_from(decimals).unwrap_or_default();
        for place in places.by_ref().take(decimals) {
            (*place, _) = last_digit();
        }
        if decimals > 0
            && let Some(point) = places.next()
        {
            *point = b'.';
        }
        // One digit before the point is always there.
        for place in places.by_ref() {
            let (digit, is_first) = last_digit();
            *place = digit;
            if is_first {
                break;
            }
        }
        let from = places.len();
        Self { text, from }
    }

    /// The spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Digits and a point, all of them.
        let text = self.text.get(self.from..).and_then(|text| std::str::from_utf8(text).ok());
        text.unwrap_or_default()
    }
}

impl fmt::Display for AmountText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The ten-thousandths of an amount as nearly everybody spells it: up to fifteen digits, and up to
/// four decimals. `None` for whatever else there is, right or wrong.
fn usual(text: &str) -> Option<u64> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) if (1..=4).contains(&fraction.len()) => (whole, fraction),
        Some(_) => return None,
        None => (text, ""),
    };
    let is_spelled = whole.len() <= 15 && (!whole.starts_with('0') || whole.len() == 1);
    if !is_spelled || whole.is_empty() {
        return None;
    }
    let mut count = 0_u64;
    for digit in whole.bytes().chain(fraction.bytes()) {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        count = count.saturating_mul(10).saturating_add(digit.into());
    }
    let missing = SCALE.saturating_sub(u32::try_from(fraction.len()).ok()?);
    Some(count.saturating_mul(10_u64.saturating_pow(missing)))
}

/// Reads an amount as JSON may spell it.
fn any(text: &str) -> Result<Amount, AmountError> {
    let number = Number::read(text).ok_or(AmountError::NotANumber)?;
    let digits = || number.whole.bytes().chain(number.fraction.bytes());
    let is_zero = |digit: &u8| *digit == b'0';
    let all = number.whole.len().saturating_add(number.fraction.len());
    let leading = digits().take_while(is_zero).count();
    let trailing = digits().rev().take_while(is_zero).count();
    let significant = all.saturating_sub(leading).saturating_sub(trailing);
    // Where the last digit that is no zero stands, counted from the point, and likewise the
    // first one: known before any arithmetic, so that nothing can overflow or be rounded.
    let decimals =
        number.shift.saturating_add(signed(number.fraction.len())).saturating_sub(signed(trailing));
    let before_point = signed(significant).saturating_sub(decimals);
    if leading == all {
        return Ok(Amount::ZERO);
    }
    if number.negative {
        return Err(AmountError::Negative);
    }
    if before_point > WHOLE_DIGITS {
        return Err(AmountError::TooLarge);
    }
    let missing = i64::from(SCALE).saturating_sub(decimals);
    let missing = u32::try_from(missing).map_err(|_| AmountError::TooManyDecimals)?;
    // At most 19 digits, the zeros that are missing included.
    let count = digits()
        .skip(leading)
        .take(significant)
        .map(|digit| u64::from(digit.saturating_sub(b'0')))
        .fold(0_u64, |sum, digit| sum.saturating_mul(10).saturating_add(digit));
    Ok(Amount(count.saturating_mul(10_u64.saturating_pow(missing))))
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
    pub const MAX: Self = Self(Amount(99_999_999_999));

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
