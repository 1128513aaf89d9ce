//! The body of `PUT /orders/{id}`.

use order_domain::{Amount, OrderLine};

use super::declaration::{self, body};
use crate::problem::Problem;

/// New lines. The order's currency is not known here, so how many decimals prices may have is the
/// domain's to check.
pub(crate) struct NewLines {
    pub(crate) lines: Vec<OrderLine>,
    pub(crate) claimed_total: Option<Amount>,
}

body! { NewLines as "ReplaceLines", digested:
    /// New lines for a pending order, in the order's currency.
    {
        /// All lines of the order from now on, each product once.
        "items" required lines;
        /// The total that the client expects; it must be the exact sum of the lines.
        "totalAmount" optional claimed_total;
    }
}

/// Reads the body, telling everything that is wrong with it at once.
pub(crate) fn read(bytes: &[u8]) -> Result<NewLines, Problem> {
    declaration::read(bytes)
}
