//! Moving an order along its status table.

use order_domain::{InvalidTransition, OrderId, StatusChange, Version};

use super::{Answered, ChangeError, Orders, WriteRequest};
use crate::traces;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeStatus {
    /// Which order.
    pub id: OrderId,
    /// Where it is to go.
    pub change: StatusChange,
    /// The versions that the client knows; any when `None`.
    pub expected: Option<Vec<Version>>,
}

/// Why a status was not changed.
pub type ChangeStatusError = ChangeError<InvalidTransition>;

impl Orders {
    /// Changes the status of an order. Being there already is success, without a new version.
    ///
    /// # Errors
    /// [`ChangeError`], each case by its name.
    pub async fn change_status(
        &self,
        command: ChangeStatus,
        request: WriteRequest,
    ) -> Result<Answered, ChangeStatusError> {
        let orders = self.clone();
        let step = tracing::info_span!(target: traces::TARGET, "change status");
        Self::spawn_write(step, async move {
            let ChangeStatus { id, change, expected } = command;
            let decide =
                |order: &order_domain::Order, now| order.change_status(change.clone(), now);
            orders.change(id, expected.as_deref(), &request, decide).await
        })
        .await
    }
}
