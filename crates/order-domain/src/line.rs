//! The lines of an order: what was bought, how many, for how much.

use std::slice;
use std::sync::Arc;

use crate::amount::Amount;
use crate::currency::Currency;
use crate::ids::ProductId;
use crate::quantity::Quantity;
use crate::text::ProductName;
use crate::unit_price::UnitPrice;

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OrderLine {
    /// What was bought.
    pub product_id: ProductId,
    /// What it was called when it was bought.
    pub name: Option<ProductName>,
    /// How many.
    pub quantity: Quantity,
    /// For how much a piece.
    pub unit_price: UnitPrice,
}

impl OrderLine {
    /// Quantity times unit price, exactly; it always fits.
    #[must_use]
    pub fn total(&self) -> Amount {
        // 9,999 x 9,999,999.9999 is far below the bound of an amount.
        self.unit_price.get().checked_times(self.quantity).unwrap_or(Amount::MAX)
    }
}

/// The lines of one order: 1 to 200, each product once, all in one currency, with their exact
/// total. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLines {
    lines: Arc<[OrderLine]>,
    currency: Currency,
    total: Amount,
}

/// Why lines do not make an order. Positions count from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinesError {
    /// Not 1 to 200 lines.
    #[error("an order has 1 to {} lines, not {count}", OrderLines::MAX)]
    Count {
        /// How many there were.
        count: usize,
    },
    /// Unit prices with more decimals than the currency has.
    #[error("amounts in {currency} have at most {} decimals", currency.decimals())]
    TooManyDecimals {
        /// The lines with such prices.
        positions: Vec<usize>,
        /// The order's currency.
        currency: Currency,
    },
    /// Lines whose product stands in an earlier line.
    #[error("each product may stand in one line only")]
    DuplicateProduct {
        /// The later lines.
        positions: Vec<usize>,
    },
    /// The total is above [`Amount::MAX`].
    #[error("the total is above the largest amount")]
    TotalTooLarge,
}

impl OrderLines {
    /// The largest number of lines.
    pub const MAX: usize = 200;

    /// Checks the lines against each other and their currency, and adds them up.
    ///
    /// # Errors
    /// [`LinesError`]: the first rule that is broken, with every line that breaks it.
    pub fn new(currency: Currency, lines: Vec<OrderLine>) -> Result<Self, LinesError> {
        if !(1..=Self::MAX).contains(&lines.len()) {
            return Err(LinesError::Count { count: lines.len() });
        }
        let positions = positions(&lines, |_, line| !line.unit_price.fits(currency));
        if !positions.is_empty() {
            return Err(LinesError::TooManyDecimals { positions, currency });
        }
        let positions = duplicates(&lines);
        if !positions.is_empty() {
            return Err(LinesError::DuplicateProduct { positions });
        }
        let total: Option<Amount> = lines.iter().map(OrderLine::total).sum();
        let total = total.ok_or(LinesError::TotalTooLarge)?;
        Ok(Self { lines: lines.into(), currency, total })
    }

    /// The lines, in the order in which they were given.
    #[must_use]
    pub fn as_slice(&self) -> &[OrderLine] {
        &self.lines
    }

    /// The lines one by one, in the same order.
    pub fn iter(&self) -> slice::Iter<'_, OrderLine> {
        self.lines.iter()
    }

    /// The one currency of all lines.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// The exact sum of quantity times unit price.
    #[must_use]
    pub const fn total(&self) -> Amount {
        self.total
    }
}

impl<'a> IntoIterator for &'a OrderLines {
    type Item = &'a OrderLine;
    type IntoIter = slice::Iter<'a, OrderLine>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

fn positions(lines: &[OrderLine], wrong: impl Fn(usize, &OrderLine) -> bool) -> Vec<usize> {
    let wrong = |(i, line): (usize, &OrderLine)| wrong(i, line).then_some(i);
    lines.iter().enumerate().filter_map(wrong).collect()
}

fn duplicates(lines: &[OrderLine]) -> Vec<usize> {
    // Looking back is cheaper than a hash set for a few lines, and there are at most 200.
    positions(lines, |i, line| {
        lines.iter().take(i).any(|earlier| earlier.product_id == line.product_id)
    })
}
