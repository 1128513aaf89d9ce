//! How many pieces one line has.

use std::fmt;

/// How many pieces: 1 to 9,999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(u16);

/// A quantity outside 1 ..= 9,999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an integer from 1 to {}", Quantity::MAX)]
pub struct InvalidQuantity;

impl Quantity {
    /// The largest quantity of one line.
    pub const MAX: u16 = 9_999;

    /// Checks the range.
    ///
    /// # Errors
    /// [`InvalidQuantity`].
    pub fn new(count: i64) -> Result<Self, InvalidQuantity> {
        match u16::try_from(count) {
            Ok(count @ 1..=Self::MAX) => Ok(Self(count)),
            _ => Err(InvalidQuantity),
        }
    }

    /// The number of pieces.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
