//! Moving an order along its status table.

use order_domain::{InvalidTransition, Order, OrderId, OrderStatus, StatusChange, Version};

use super::change::Target;
use super::write::Write;
use super::{Answered, ChangeError, Claim, Orders, WriteRequest};
use crate::caller::{Authority, Caller};
use crate::idempotency::Operation;
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
        caller: &Caller,
        command: ChangeStatus,
        request: WriteRequest,
    ) -> Result<Answered, ChangeError<InvalidTransition>> {
        let reach = caller.orders(authority_for(command.change.to()))?;
        let write = Write::new(caller, Operation::ChangeStatus, request);
        let orders = self.clone();
        let step = tracing::info_span!(target: traces::TARGET, "change status");
        Self::spawn_write(step, async move {
            let ChangeStatus { id, change, expected, claims } = command;
            let decide = |order: &Order, now| order.change_status(change.clone(), now);
            let target = Target { id, reach, expected: expected.as_deref(), claims: &claims };
            orders.change(&target, &write, decide).await
        })
        .await
    }
}

/// What moves an order to a status. Customers may take back what they have ordered; the shop does the rest.
const fn authority_for(status: OrderStatus) -> Authority {
    match status {
        OrderStatus::Pending | OrderStatus::Cancelled => Authority::Write,
        OrderStatus::Confirmed | OrderStatus::InProgress | OrderStatus::Delivered => {
            Authority::Fulfil
        }
    }
}
