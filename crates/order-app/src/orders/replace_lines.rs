//! Replacing the lines of a pending order.

use order_domain::{Amount, LinesError, Order, OrderId, OrderLine, OrderLines, Version};

use super::change::Target;
use super::write::Write;
use super::{Answered, ChangeError, Claim, Orders, WriteRequest};
use crate::caller::{Authority, Caller};
use crate::idempotency::Operation;
use crate::traces;

/// The command of a client. The currency stays the order's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplaceLines {
    /// The order.
    pub id: OrderId,
    /// All its new lines.
    pub lines: Vec<OrderLine>,
    /// The total that the client expects.
    pub claimed_total: Option<Amount>,
    /// The versions that the client accepts as the stored one; any when `None`.
    pub expected: Option<Vec<Version>>,
    /// What else the client says of the stored order.
    pub claims: Vec<Claim>,
}

/// Why the rules refuse the lines.
#[derive(Debug, thiserror::Error)]
pub enum LinesRefused {
    /// The lines break the rules of an order.
    #[error(transparent)]
    Lines(#[from] LinesError),
    /// The order does not accept them.
    #[error(transparent)]
    Order(#[from] order_domain::ReplaceLinesError),
}

impl Orders {
    /// Replaces all lines of a pending order. The same lines again are success, without a new
    /// version.
    ///
    /// # Errors
    /// [`ChangeError`], each case by its name.
    pub async fn replace_lines(
        &self,
        caller: &Caller,
        command: ReplaceLines,
        request: WriteRequest,
    ) -> Result<Answered, ChangeError<LinesRefused>> {
        let reach = caller.orders(Authority::Write)?;
        let write = Write::new(caller, Operation::ReplaceLines, request);
        let orders = self.clone();
        let step = tracing::info_span!(target: traces::TARGET, "replace lines");
        Self::spawn_write(step, async move {
            let ReplaceLines { id, lines, claimed_total, expected, claims } = command;
            let decide = |order: &Order, now| {
                let lines = OrderLines::new(order.currency(), lines.clone())?;
                Ok(order.replace_lines(lines, claimed_total, now)?)
            };
            let target = Target { id, reach, expected: expected.as_deref(), claims: &claims };
            orders.change(&target, &write, decide).await
        })
        .await
    }
}
