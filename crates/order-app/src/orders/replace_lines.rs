//! Replacing the lines of a pending order.

use order_domain::{Amount, LinesError, Order, OrderId, OrderLine, OrderLines, Version};

use super::{Answered, ChangeError, Orders, WriteRequest};
use crate::traces;

/// What a client asks for. The currency stays the order's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplaceLines {
    /// Which order.
    pub id: OrderId,
    /// All its lines from now on.
    pub lines: Vec<OrderLine>,
    /// The total that the client expects.
    pub claimed_total: Option<Amount>,
    /// The versions that the client knows; any when `None`.
    pub expected: Option<Vec<Version>>,
}

/// What the rules have against the lines.
#[derive(Debug, thiserror::Error)]
pub enum LinesRefused {
    /// The lines do not make an order.
    #[error(transparent)]
    Lines(#[from] LinesError),
    /// The order does not take them.
    #[error(transparent)]
    Order(#[from] order_domain::ReplaceLinesError),
}

/// Why lines were not replaced.
pub type ReplaceLinesFailure = ChangeError<LinesRefused>;

impl Orders {
    /// Replaces all lines of a pending order. The same lines again are success, without a new
    /// version.
    ///
    /// # Errors
    /// [`ChangeError`], each case by its name.
    pub async fn replace_lines(
        &self,
        command: ReplaceLines,
        request: WriteRequest,
    ) -> Result<Answered, ReplaceLinesFailure> {
        let orders = self.clone();
        let step = tracing::info_span!(target: traces::TARGET, "replace lines");
        Self::spawn_write(step, async move {
            let ReplaceLines { id, lines, claimed_total, expected } = command;
            let decide = |order: &Order, now| {
                let lines = OrderLines::new(order.currency(), lines.clone())?;
                Ok(order.replace_lines(lines, claimed_total, now)?)
            };
            orders.change(id, expected.as_deref(), &request, decide).await
        })
        .await
    }
}
