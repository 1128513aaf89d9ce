//! The body of `PUT /orders/{id}`.

use order_app::idempotency::Fingerprint;
use order_app::orders::ReplaceLines;
use order_domain::{OrderId, Version};
use utoipa::ToSchema;

use super::digest::Digest;
use super::fields;
use super::lines::{self, LineBody};
use super::place::claimed;
use super::reader::{Errors, Fields};
use crate::problem::Problem;

/// New lines for a pending order, in the order's currency.
#[derive(ToSchema)]
#[schema(as = ReplaceLines)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only describes the body; the reader below reads it")]
pub(crate) struct ReplaceLinesBody {
    /// All lines of the order from now on, each product once.
    #[schema(min_items = 1, max_items = 200)]
    items: Vec<LineBody>,
    /// The total that the client expects; it must be the exact sum of the lines.
    #[schema(schema_with = crate::schema::claimed_total)]
    total_amount: Option<String>,
}

/// Reads the body. The order's currency is not known here, so its decimals are the domain's to
/// check.
pub(crate) fn read(
    bytes: &[u8],
    id: OrderId,
    expected: Option<Vec<Version>>,
) -> Result<ReplaceLines, Problem> {
    let mut errors = Errors::default();
    let mut body = Fields::of_body(bytes)?;
    let lines = lines::read(&mut body, None, &mut errors);
    let total = body.optional("totalAmount", &mut errors, fields::claimed_total);
    body.finish(&mut errors);
    match (lines, total) {
        (Ok(lines), Ok(total)) if errors.is_empty() => {
            Ok(ReplaceLines { id, lines, claimed_total: claimed(total)?, expected })
        }
        _ => Err(errors.into()),
    }
}

/// What the command stands for under an idempotency key. The condition is not in it: a client that
/// repeats itself with a fresher version still means the same change.
pub(crate) fn fingerprint(command: &ReplaceLines) -> Fingerprint {
    let mut digest = Digest::new("replace-lines/1");
    digest.number(command.id.get());
    digest.lines(&command.lines);
    digest.optional(command.claimed_total, Digest::amount);
    digest.finish()
}
