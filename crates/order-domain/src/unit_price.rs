//! The price of one piece.

use std::fmt;

use crate::amount::Amount;
use crate::currency::Currency;

/// What a buyer pays for one piece: 0 to 9,999,999.9999, in the order's currency.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitPrice(Amount);

/// A unit price above [`UnitPrice::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be from 0 to {}", UnitPrice::MAX)]
pub struct UnitPriceTooLarge;

impl UnitPrice {
    /// The largest unit price: 9,999,999.9999.
    pub const MAX: Self = Self(Amount::of_ten_thousandths(99_999_999_999));

    /// Checks the range; the currency's decimals are checked with the lines of the order.
    ///
    /// # Errors
    /// [`UnitPriceTooLarge`].
    pub fn new(amount: Amount) -> Result<Self, UnitPriceTooLarge> {
        if amount <= Self::MAX.0 { Ok(Self(amount)) } else { Err(UnitPriceTooLarge) }
    }

    /// The price as an amount.
    #[must_use]
    pub const fn get(self) -> Amount {
        self.0
    }

    /// Whether the price has no more decimals than its currency.
    #[must_use]
    pub const fn fits(self, currency: Currency) -> bool {
        self.0.decimals() <= currency.decimals()
    }
}

/// The shortest exact text, as of an [`Amount`].
impl fmt::Display for UnitPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Reads like the value.
impl fmt::Debug for UnitPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
