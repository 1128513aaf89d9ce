//! The body of `PUT /orders/{id}`.

use order_app::orders::Claim;
use order_domain::{Amount, OrderLine};
use serde_json::Value as Json;

use super::claims;
use super::declaration::{Body as _, body};
use super::reader::{Fields, Reading};
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

/// Reads the body, and what it says of the order beside the new lines, telling everything that is
/// wrong at once.
pub(crate) fn read(bytes: &[u8]) -> Result<(NewLines, Vec<Claim>), Problem> {
    let mut reading = Reading::default();
    let (lines, claims) = claims::read(Fields::of_body(bytes)?, claims::OF_LINES, &mut reading);
    Ok((reading.end(lines)?, claims))
}

/// The schema.
pub(super) fn schema() -> Json {
    let mut schema = NewLines::schema();
    claims::describe_all(&mut schema, claims::OF_LINES);
    schema
}
