//! Moving an order along its status table.

use order_domain::{InvalidTransition, OrderId, StatusChange, Version};

use super::{Answered, ChangeError, Claim, Orders, WriteRequest};
use crate::traces;

/// The command of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeStatus {
    /// The order.
    pub id: OrderId,
    /// The new status.
    pub change: StatusChange,
    /// The versions that the client accepts as the stored one; any when `None`.
    pub expected: Option<Vec<Version>>,
    /// What else the client says of the stored order.
    pub claims: Vec<Claim>,
}

impl Orders {
    /// Changes the status of an order. The same status again is success, without a new version.
    ///
    /// # Errors
    /// [`ChangeError`], each case by its name.
    pub async fn change_status(
        &self,
        command: ChangeStatus,
        request: WriteRequest,
    ) -> Result<Answered, ChangeError<InvalidTransition>> {
        let orders = self.clone();
        let step = tracing::info_span!(target: traces::TARGET, "change status");
        Self::spawn_write(step, async move {
            let ChangeStatus { id, change, expected, claims } = command;
            let decide =
                |order: &order_domain::Order, now| order.change_status(change.clone(), now);
            orders.change(id, expected.as_deref(), &claims, &request, decide).await
        })
        .await
    }
}
