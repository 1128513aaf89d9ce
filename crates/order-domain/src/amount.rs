//! Exact, non-negative amounts of money: bounds and arithmetic. `amount/reading.rs` reads them from
//! text, `amount/spelling.rs` writes them. No binary floating point, here or in the tests.

mod reading;
mod spelling;

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use rust_decimal::Decimal;

use crate::currency::Currency;
use crate::quantity::Quantity;

pub use spelling::AmountText;

/// Decimals that are kept: the scale of `DECIMAL(19,4)`.
const SCALE: u32 = 4;
/// Ten-thousandths in one.
const ONE: u64 = 10_000;
/// Ten-thousandths in the largest amount: nineteen nines.
const MOST: u64 = 9_999_999_999_999_999_999;

/// An exact amount from 0 to 999,999,999,999,999.9999 (`DECIMAL(19,4)`), in the unit of the
/// order's currency.
///
/// ```
/// use order_domain::{Amount, Currency};
///
/// let amount: Amount = "149.970".parse()?;
/// assert_eq!(amount.to_string(), "149.97");
/// assert_eq!(format!("{amount:?}"), "149.97");
/// assert_eq!(amount.display("KWD".parse()?).to_string(), "149.970");
///
/// let sum: Option<Amount> = [amount, amount].into_iter().sum();
/// assert_eq!(sum, Some("299.94".parse()?));
/// assert_eq!([Amount::MAX, amount].iter().sum::<Option<Amount>>(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Inside it is a whole number of ten-thousandths, the largest of which fits into 64 bits. So sums
/// and products are those of whole numbers, which keeps an order with many amounts cheap.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    #[error("must not be above {}", Amount::MAX)]
    TooLarge,
}

impl Amount {
    /// Zero.
    pub const ZERO: Self = Self(0);
    /// The largest `DECIMAL(19,4)`: 999,999,999,999,999.9999.
    pub const MAX: Self = Self(MOST);

    /// Reads an amount from the text of a JSON number; exponents are allowed, so `1.5e1` is 15.
    ///
    /// # Errors
    /// [`AmountError`], each case by its name.
    pub fn parse(text: &str) -> Result<Self, AmountError> {
        reading::read(text).map(Self)
    }

    /// An amount that is known to be in bounds.
    pub(crate) const fn of_ten_thousandths(count: u64) -> Self {
        Self(count)
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
            None if value > Self::MAX.get() => Err(AmountError::TooLarge),
            None => Err(AmountError::TooManyDecimals),
        }
    }

    /// The exact decimal number, without trailing zeros.
    #[must_use]
    pub fn get(self) -> Decimal {
        Decimal::from_i128_with_scale(self.0.into(), SCALE).normalize()
    }

    /// How many decimals the exact number has: 2 for 0.10 + 0.25, none for 3.00.
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
    /// An amount with more decimals than the currency keeps them: nothing is rounded.
    #[must_use]
    pub fn display(self, currency: Currency) -> AmountText {
        AmountText::of(self.0, currency.decimals().max(self.decimals()))
    }
}

/// The shortest exact text: `149.97`, `0.1`, `3`.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(AmountText::of(self.0, self.decimals()).as_str())
    }
}

/// Reads like the value.
impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The same as [`Amount::parse`].
impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        Self::parse(text)
    }
}

/// The exact sum; `None` above [`Amount::MAX`].
impl Sum<Amount> for Option<Amount> {
    fn sum<I: Iterator<Item = Amount>>(mut amounts: I) -> Self {
        amounts.try_fold(Amount::ZERO, Amount::checked_add)
    }
}

/// The exact sum; `None` above [`Amount::MAX`].
impl<'a> Sum<&'a Amount> for Option<Amount> {
    fn sum<I: Iterator<Item = &'a Amount>>(amounts: I) -> Self {
        amounts.copied().sum()
    }
}
