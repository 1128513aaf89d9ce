//! Reading an order's events: its history, also for subscribers that have missed some.

use order_domain::OrderId;
use tracing::Instrument as _;

use super::{FindError, Orders};
use crate::events::EventRecord;
use crate::traces;

impl Orders {
    /// The order's events with a sequence above `after`, in sequence, at most `limit`.
    ///
    /// # Errors
    /// [`FindError`], each case by its name.
    pub async fn history(
        &self,
        id: OrderId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<EventRecord>, FindError> {
        let deadline = self.deadline();
        let step = tracing::info_span!(target: traces::TARGET, "read history");
        let events = self.store().events(id, after, limit, deadline).instrument(step).await?;
        if events.is_empty() && self.store().order(id, deadline).await?.is_none() {
            return Err(FindError::NotFound);
        }
        Ok(events)
    }
}
